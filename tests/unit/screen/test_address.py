"""The address: on loopback, in a file for the browser alone, the same for a boot."""

from __future__ import annotations

import socket
import stat

import pytest

from edge_agent.errors import LocalError, ScreenError
from edge_agent.screen.address import check_place, open_door


def opened(path, port=0):
    door, listening = open_door(path, port)
    with listening:
        assert listening.getsockname() == ("127.0.0.1", door.port)
    return door


def test_the_file_holds_the_address_for_owner_and_group_alone(tmp_path):
    door = opened(tmp_path / "url")
    assert (tmp_path / "url").read_text(encoding="ascii") == door.url + "\n"
    assert stat.S_IMODE((tmp_path / "url").stat().st_mode) == 0o640


def test_the_secret_stays_as_long_as_the_file_does(tmp_path):
    first = opened(tmp_path / "url")
    assert opened(tmp_path / "url").secret == first.secret
    (tmp_path / "url").unlink()
    assert opened(tmp_path / "url").secret != first.secret


@pytest.mark.parametrize("spoil", ["open to all", "writable by the group", "something else", "empty"])
def test_a_file_that_others_may_know_or_change_gives_no_secret(tmp_path, spoil):
    path = tmp_path / "url"
    first = opened(path)
    match spoil:
        case "open to all":
            path.chmod(0o644)
        case "writable by the group":
            path.chmod(0o660)
        case "something else":
            path.write_text(f"http://127.0.0.1:1/{first.secret}/scenes\n", encoding="ascii")
        case "empty":
            path.write_text("", encoding="ascii")
    assert opened(path).secret != first.secret


def test_a_port_that_is_taken_is_said_with_what_to_do(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ScreenError, match="can't be served") as said:
            open_door(tmp_path / "url", taken.getsockname()[1])
    assert "[screen] port" in said.value.next_step
    assert not (tmp_path / "url").exists()


def test_the_check_before_a_run_finds_a_folder_that_is_not_there(tmp_path):
    check_place(tmp_path / "url")
    with pytest.raises(ScreenError, match="can't be written") as said:
        check_place(tmp_path / "nowhere" / "url")
    assert "docs/screen.md" in said.value.next_step


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(LocalError, match="can't be written"):
        open_door(tmp_path / "nowhere" / "url", 0)
