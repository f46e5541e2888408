"""The scenes on their way to the page: told at once, whole only when they are new, and never waited for."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import h11
import pytest

from edge_agent.screen.board import Board
from edge_agent.screen.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = h11.Response(status_code=200, headers=[("Content-Type", "text/event-stream")])


class Page:
    """The other side: what it was told, event by event."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self._http = h11.Connection(h11.CLIENT)
        self._http.send(h11.Request(method="GET", target="/scenes", headers=[("Host", "kiosk")]))
        self._http.send(h11.EndOfMessage())
        http = h11.Connection(h11.SERVER)
        http.receive_data(b"GET /scenes HTTP/1.1\r\nHost: kiosk\r\n\r\n")
        http.next_event()
        http.next_event()
        self.board = Board(told=self.tell, seen=lambda: None)
        self.stream = Stream(self.board, http, self.ours)

    def tell(self) -> None:
        self.stream.tell()

    def heard(self) -> list[str]:
        """Everything until the kiosk has hung up."""
        self.stream.close()
        while said := self.theirs.recv(4096):
            self._http.receive_data(said)
        events = b""
        while (event := self._http.next_event()) is not h11.NEED_DATA:
            events += event.data if isinstance(event, h11.Data) else b""
        return events.decode().split("\n\n")[:-1]


@pytest.fixture
def page() -> Iterator[Page]:
    one = Page()
    yield one
    one.stream.close()
    one.theirs.close()


def test_a_scene_comes_whole_and_after_a_press_only_which_choice_is_lit(page):
    page.stream.begin(ANSWER, "a seat")
    page.board.show(b"{}", 1, 0.0)
    page.board.show(b"{}", 2, 0.0)
    page.board.show(b"{}", 2, 0.5)
    page.board.show(b"[]", 0, 0.0)
    assert page.heard() == [
        "event: seat\ndata: a seat",
        "event: scene\ndata: {}\ndata: 1",
        "event: ring\ndata: 0.000",
        "event: lit\ndata: 2",
        "event: ring\ndata: 0.500",
        "event: scene\ndata: []\ndata: 0",
        "event: ring\ndata: 0.000",
    ]


def test_what_is_there_already_is_not_told_again(page):
    page.stream.begin(ANSWER, "a seat")
    page.board.show(b"{}", 0, 0.0)
    page.board.show(b"{}", 0, 0.0)
    page.stream.tell()
    assert len(page.heard()) == 3


def test_a_page_that_takes_nothing_is_let_go_and_nobody_waits_for_it(page):
    page.stream.begin(ANSWER, "a seat")
    page.theirs.settimeout(60)
    for number in range(100):
        page.board.show(b"%d" % number + bytes(100_000), 0, 0.0)
    taken = 0
    while said := page.theirs.recv(1 << 20):
        taken += len(said)
    assert taken < 100 * 100_000


def test_after_either_side_has_hung_up_telling_disturbs_nobody(page):
    page.stream.begin(ANSWER, "a seat")
    page.theirs.close()
    page.board.show(b"{}", 0, 0.0)
    page.board.show(b"[]", 0, 0.0)
    page.stream.close()
    page.stream.close()
    with contextlib.closing(page.ours):
        page.stream.tell()
