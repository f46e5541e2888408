"""Who may come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.screen.door import Door, RefusedError

SECRET = "s" * 43
DOOR = Door(8017, SECRET)
HOST = (b"host", b"127.0.0.1:8017")
TARGET = f"/{SECRET}/scenes".encode()


def test_whoever_was_told_the_address_comes_in():
    assert DOOR.url == f"http://127.0.0.1:8017/{SECRET}/"
    assert DOOR.enter(b"GET", TARGET, [HOST]) == "scenes"
    assert DOOR.enter(b"GET", f"/{SECRET}/".encode(), [HOST, (b"sec-fetch-site", b"none")]) == ""
    assert DOOR.enter(b"GET", TARGET, [HOST, (b"origin", b"http://127.0.0.1:8017")]) == "scenes"


@pytest.mark.red_line(7)
@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        (b"POST", TARGET, [HOST]),
        (b"GET", b"/", [HOST]),
        (b"GET", f"/{SECRET}".encode(), [HOST]),
        (b"GET", f"//{SECRET}/scenes".encode(), [HOST]),
        (b"GET", f"/{SECRET[:-1]}/scenes".encode(), [HOST]),
        (b"GET", f"http://127.0.0.1:8017/{SECRET}/scenes".encode(), [HOST]),
        (b"GET", TARGET, []),
        (b"GET", TARGET, [(b"host", b"127.0.0.1")]),
        (b"GET", TARGET, [(b"host", b"localhost:8017")]),
        (b"GET", TARGET, [(b"host", b"kiosk.example:8017")]),
        (b"GET", TARGET, [HOST, (b"host", b"kiosk.example")]),
        (b"GET", TARGET, [HOST, (b"origin", b"null")]),
        (b"GET", TARGET, [HOST, (b"origin", b"http://127.0.0.1:8018")]),
        (b"GET", TARGET, [HOST, (b"sec-fetch-site", b"cross-site")]),
        (b"GET", TARGET, [HOST, (b"sec-fetch-site", b"same-site")]),
        (b"GET", TARGET + "é".encode(), [HOST]),
    ],
)
def test_everybody_else_is_refused(method, target, headers):
    with pytest.raises(RefusedError):
        DOOR.enter(method, target, headers)


@given(st.binary(max_size=200), st.binary(max_size=200), st.lists(st.tuples(st.binary(), st.binary()), max_size=4))
def test_whatever_is_asked_nobody_comes_in_without_the_secret(method, target, headers):
    with pytest.raises(RefusedError):
        DOOR.enter(method, target, [HOST, *headers])


def test_a_refusal_says_nothing_and_a_door_in_a_log_shows_no_secret():
    with pytest.raises(RefusedError) as refused:
        DOOR.enter(b"GET", b"/", [HOST])
    assert str(refused.value) == ""
    assert SECRET not in repr(DOOR)
