"""The scenes on their way to the page: server-sent events, written by whoever has news, in whichever thread.

So a press need not wake another thread to be seen. Nobody waits here either: a page that does not take what it is told
shows nothing, and is let go.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import h11

from edge_agent.screen.board import NOTHING

if TYPE_CHECKING:
    from edge_agent.screen.board import Board


class Stream:
    """Tells one page what is on the board, from its first answer on. `connection` is its own, and does not block."""

    def __init__(self, board: Board, http: h11.Connection, connection: socket.socket) -> None:
        self._board = board
        self._http = http
        self._connection = connection
        self._lock = threading.Lock()
        self._seen = NOTHING
        self._open = True

    def begin(self, answer: h11.Response, seat: str) -> None:
        """Answer the page, and tell it its seat. Comes before all else."""
        with self._lock:
            self._say(answer, _event("seat", seat.encode()))

    def tell(self) -> None:
        """Tell what is new. After a press that is one small number: a scene stays as it is while the light moves."""
        with self._lock:
            shown, seen = self._board.shown, self._seen
            anew = shown.scene_number != seen.scene_number
            events: list[h11.Data] = []
            if anew:
                events.append(_event("scene", shown.scene, b"%d" % shown.lit))
            elif shown.lit_number != seen.lit_number:
                events.append(_event("lit", b"%d" % shown.lit))
            if anew or shown.ring_number != seen.ring_number:
                events.append(_event("ring", b"%.3f" % shown.ring))
            self._seen = shown
            self._say(*events)

    def close(self) -> None:
        """Hang up. Calling it twice is fine."""
        with self._lock:
            self._hang_up()

    def _say(self, *events: h11.Response | h11.Data) -> None:
        if not self._open or not events:
            return
        said = b"".join(self._http.send(event) or b"" for event in events)
        try:
            taken = self._connection.send(said)
        except OSError:  # it has gone, or has taken nothing for very long
            taken = 0
        if taken < len(said):
            self._hang_up()

    def _hang_up(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):  # the other side did so before
                self._connection.shutdown(socket.SHUT_RDWR)
            self._connection.close()


def _event(name: str, *lines: bytes) -> h11.Data:
    told = b"".join(b"\ndata: " + line for line in lines)
    return h11.Data(data=b"event: " + name.encode() + told + b"\n\n")
