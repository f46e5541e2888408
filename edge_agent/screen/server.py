"""The page's server: HTTP/1.1 by h11 over asyncio, GET alone, five things to get, one browser to get them.

    scenes                   the scenes, as server-sent events; whoever gets them has the seat
    picture/SEAT/NUMBER      the next picture after that number, as soon as there is one; 204 when there is none

The seat is taken by the first to ask for scenes, and free when that connection ends or its page falls silent: a page
asks for pictures all the time, so one that hangs is known by its silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from importlib import resources
from typing import TYPE_CHECKING, Final

import h11

from edge_agent.screen.door import RefusedError
from edge_agent.screen.stream import Stream

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from edge_agent.screen.board import Board
    from edge_agent.screen.door import Door

SILENT_S: Final = 6.0
"""A page that has asked for nothing for so long shows nothing any more."""

_PICTURE_S: Final = 2.0  # how long a page waits for a picture before it asks again, and so is heard
_IDLE_S: Final = 30.0
_CONNECTIONS: Final = 8  # Chromium opens six at most
_READ_BYTES: Final = 8 * 1024
_HEAD_BYTES: Final = 16 * 1024
_SEAT_BYTES: Final = 16
_NOTHING_NEW: Final = 204

_FILES: Final = {
    "": ("index.html", "text/html; charset=utf-8"),
    "screen.css": ("screen.css", "text/css; charset=utf-8"),
    "screen.js": ("screen.js", "text/javascript; charset=utf-8"),
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_ALWAYS: Final = [
    ("Content-Security-Policy", _POLICY),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=(), serial=()"),
]


class Server:
    """Everything here happens in the page's own thread, but for `seen_at` and `tell`."""

    def __init__(self, listening: socket.socket, door: Door, monotonic: Callable[[], float]) -> None:
        self.seen_at = float("-inf")
        """When a page last gave a sign that it shows what is on the board; read by the session's thread."""
        self.stream: Stream | None = None
        """The scenes on their way to whoever has the seat."""
        self._listening = listening
        self._door = door
        self._monotonic = monotonic
        self._seat: str | None = None
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        self._meetings: set[asyncio.Task[None]] = set()
        self._files = {path: (_read(name), kind) for path, (name, kind) in _FILES.items()}

    def tell(self) -> None:
        """Tell whoever watches what is new on the board; safe in every thread."""
        if (stream := self.stream) is not None:
            stream.tell()

    def wake(self) -> None:
        """Let whoever waits for a picture look at the board again."""
        self._news.set()
        self._news = asyncio.Event()

    def stop(self) -> None:
        """End `run`."""
        self._over.set()

    async def run(self, board: Board) -> None:
        """Serve what is on the board until `stop`."""

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._meetings.add(task)
            try:
                if len(self._meetings) <= _CONNECTIONS:
                    await _Meeting(self, board, reader, writer).run()
            except (OSError, TimeoutError, h11.ProtocolError, asyncio.CancelledError):
                pass  # whoever it was has gone, has nothing to say, or speaks no HTTP
            finally:
                self._meetings.discard(task)
                writer.close()

        server = await asyncio.start_server(meet, sock=self._listening)
        await self._over.wait()
        server.close()
        for task in tuple(self._meetings):
            task.cancel()
        await asyncio.gather(*self._meetings, return_exceptions=True)

    # -- What meetings use ---------------------------------------------------------------------------------------------

    def enter(self, request: h11.Request) -> str:
        """See `Door.enter`."""
        return self._door.enter(request.method, request.target, request.headers)

    def file(self, path: str) -> tuple[bytes, str] | None:
        """Give one of the page's own files and its type."""
        return self._files.get(path)

    def take_seat(self) -> str:
        """Become the one who watches. Raises RefusedError while somebody else does; who fell silent is let go."""
        if self._seat is not None and self._monotonic() < self.seen_at + SILENT_S:
            raise RefusedError
        if self.stream is not None:
            self.stream.close()
        self._seat = secrets.token_urlsafe(_SEAT_BYTES)
        self.seen_at = self._monotonic()
        return self._seat

    def sits(self, seat: str) -> bool:
        """Whether this is the seat of the one who watches."""
        return self._seat is not None and secrets.compare_digest(seat, self._seat)

    def hear(self, seat: str) -> float:
        """Note a sign of life of the one who watches; give its time. Raises RefusedError for everybody else."""
        if not self.sits(seat):
            raise RefusedError
        self.seen_at = self._monotonic()
        return self.seen_at

    def leave(self, seat: str) -> None:
        """Free the seat; from now on nobody watches."""
        if self.sits(seat):
            self._seat, self.stream, self.seen_at = None, None, float("-inf")
            self.wake()

    async def news(self, at_most: float) -> None:
        """Wait for another picture, `at_most` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):  # unlike `wait_for`, without a task of its own
                await self._news.wait()


class _Meeting:
    """One connection: request by request, until either side has had enough."""

    def __init__(
        self, server: Server, board: Board, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._board = board
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
        writer.transport.set_write_buffer_limits(high=0)  # `drain` waits until the system has it all

    async def run(self) -> None:
        """Answer until somebody has had enough."""
        while isinstance(request := await self._next(), h11.Request):
            try:
                await self._answer(self._server.enter(request))
            except RefusedError:
                await self._send(404, [("Connection", "close")])
            if self._http.our_state is not h11.DONE or not isinstance(await self._next(), h11.EndOfMessage):
                return
            self._http.start_next_cycle()

    async def _next(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await asyncio.wait_for(self._reader.read(_READ_BYTES), _IDLE_S))
        return event

    async def _answer(self, path: str) -> None:
        what, _, rest = path.partition("/")
        if path == "scenes":
            await self._scenes()
        elif what == "picture":
            seat, _, number = rest.partition("/")
            await self._picture(seat, number)
        elif (file := self._server.file(path)) is not None:
            await self._send(200, [("Content-Type", file[1])], file[0])
        else:
            raise RefusedError

    async def _scenes(self) -> None:
        """Send each scene from now on, what is lit in it, and the ring, until either side hangs up."""
        seat = self._server.take_seat()
        try:
            connection = self._writer.get_extra_info("socket").dup()
            with contextlib.closing(Stream(self._board, self._http, connection)) as stream:
                head = [*_ALWAYS, ("Content-Type", "text/event-stream")]
                stream.begin(h11.Response(status_code=200, headers=head), seat)
                self._server.stream = stream
                stream.tell()
                await self._gone()
        finally:
            self._server.leave(seat)

    async def _gone(self) -> None:
        """Wait until the other side hangs up: it says nothing on this connection any more."""
        with contextlib.suppress(OSError):
            while await self._reader.read(_READ_BYTES):
                pass

    async def _picture(self, seat: str, number: str) -> None:
        """Answer with the next picture, with an empty place where one was taken away, or that nothing is new."""
        if not number.isdecimal():
            raise RefusedError
        deadline = self._server.hear(seat) + _PICTURE_S
        while (shown := self._board.shown).picture_number == int(number):
            left = deadline - self._server.hear(seat)
            if left <= 0:
                break
            await self._server.news(left)
        self._server.hear(seat)
        headers = [("Picture-Number", str(shown.picture_number))]
        if shown.picture is None or shown.picture_number == int(number):
            await self._send(204, headers)
        else:
            headers += [("Picture-Kind", shown.picture.kind), ("Content-Type", "image/jpeg")]
            await self._send(200, headers, shown.picture.jpeg)

    async def _send(self, status: int, headers: list[tuple[str, str]], content: bytes = b"") -> None:
        length = [] if status == _NOTHING_NEW else [("Content-Length", str(len(content)))]
        self._say(h11.Response(status_code=status, headers=[*_ALWAYS, *headers, *length]))
        if content:
            self._say(h11.Data(data=content))
        self._say(h11.EndOfMessage())
        await self._writer.drain()

    def _say(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        said = self._http.send(event)
        assert said is not None, "only a closed connection has nothing to send"
        self._writer.write(said)


def _read(name: str) -> bytes:
    return (resources.files("edge_agent.screen") / "page" / name).read_bytes()
