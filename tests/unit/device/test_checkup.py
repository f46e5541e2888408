"""`homeward-kiosk check`: what staff ask before people come, and what it answers."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from edge_agent.kiosk import main
from tests.unit.device.world import World

if TYPE_CHECKING:
    from pathlib import Path


def checked(world: World, capsys: pytest.CaptureFixture[str], *tables: str) -> tuple[int, str]:
    """Add tables to the kiosk's settings, and ask."""
    path = world.here / "kiosk.toml"
    path.write_text("\n\n".join([path.read_text(encoding="utf-8"), *tables]), encoding="utf-8")
    (world.here / "script.toml").touch()
    capsys.readouterr()
    status = main(["check", "--config", str(path)])
    return status, capsys.readouterr().out


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.red_line(12)
def test_it_names_what_can_not_be_heard_and_how_to_record_it(world, capsys):
    status, said = checked(world, capsys, '[voice]\nfolder = "voices"')
    assert status == 1
    assert "BAD   voice: " in said
    assert "sentences can't be heard" in said
    assert "Run `homeward-kiosk voices`, then check again." in said


def test_it_says_whose_words_need_a_native_reader(world, capsys):
    _, said = checked(world, capsys)
    for language in ("zh", "ug"):
        assert f"the words in '{language}' were made by a machine and need a native reader" in said
    assert "'en'" not in said


def test_it_says_where_a_screens_address_can_not_be_written(world, capsys):
    status, said = checked(world, capsys, '[screen]\nurl_file = "nowhere/url"')
    assert status == 1
    assert "BAD   screen: the page's address can't be written" in said


def test_it_outlives_a_processor_that_the_models_can_not_run_on_and_says_so(world, capsys, tmp_path, monkeypatch):
    _, said = checked(world, capsys)
    assert "ok    models" in said
    dying = tmp_path / "python"
    dying.write_text(f"#!/bin/sh\nkill -{signal.SIGILL.value} $$\n", encoding="utf-8")
    dying.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(dying))
    status, said = checked(world, capsys)
    assert status == 1
    assert "BAD   models: This computer's processor lacks an instruction" in said
