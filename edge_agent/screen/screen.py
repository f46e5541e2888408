"""The screen as the kiosk knows it: something that shows scenes, and what the camera sees while it may."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Final

import msgspec
import segno
from PIL import Image

from edge_agent.screen.address import open_door
from edge_agent.screen.board import Board, Kind, Picture
from edge_agent.screen.server import SILENT_S, Server
from edge_agent.screen.view import unlit, view, waiting
from edge_agent.session.table import SEEING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from edge_agent.ports import Clock, Frame, Outline, Rgb
    from edge_agent.session.notice import Notice
    from edge_agent.session.scene import Say, Scene

_MIRROR_WIDTH: Final = 640  # pixels: sharp enough for a mirror, and small enough for ten a second on a Pi
_MIRROR_QUALITY: Final = 70
_FACES_QUALITY: Final = 85
_END_S: Final = 5.0


class Screen:
    """Serves the page from `__init__` to `close`. Only its own thread ever waits for the page.

    `notices` gives the words that are in force, by language, in the order in which the languages are offered; `oval` is
    where a face should be, as parts of the frame. Raises ScreenError when the page can't be served.
    """

    def __init__(
        self, clock: Clock, url_file: Path, port: int, notices: Callable[[], Mapping[str, Notice]], oval: Outline
    ) -> None:
        self._clock = clock
        self._notices = notices
        self._oval = oval
        self._faces: tuple[Outline, ...] = ()
        self._view = b""
        self._hangs_on: object = None
        door, listening = open_door(url_file, port)
        self._loop = asyncio.new_event_loop()
        self._server = Server(listening, door, clock.monotonic)
        self._waking = threading.Event()
        self._board = Board(self._server.tell, self._wake)
        self._watched_at = clock.monotonic()
        self._thread = threading.Thread(target=self._serve, name="screen", daemon=True)
        self._thread.start()

    def unseen_s(self) -> float:
        """For how many seconds nobody has been able to see the page; 0 while somebody can."""
        now = self._clock.monotonic()
        if now < self._server.seen_at + SILENT_S and self._thread.is_alive():
            self._watched_at = now
        return now - self._watched_at

    # -- Scenes --------------------------------------------------------------------------------------------------------

    def show(self, scene: Scene, say: Say) -> None:
        """Show a scene until the next one. Pictures are gone as soon as the session has left the camera."""
        if scene.stage not in SEEING:
            self.drop()
        notices = self._notices()
        hangs_on = (unlit(scene, say), tuple(notices.values()), self._faces)
        if hangs_on != self._hangs_on:
            squares = _squares(scene.receipt_code) if scene.receipt_code else ()
            laid_out = view(scene, say, notices, oval=self._oval, faces=self._faces, squares=squares)
            self._view, self._hangs_on = msgspec.json.encode(laid_out), hangs_on
        self._board.show(self._view, scene.lit, scene.hold)

    def wait_for_staff(self, words: str) -> None:
        """Before enrolment, show the six words to compare; as long as there are none, that no picture is taken yet."""
        self._board.show(msgspec.json.encode(waiting(words, self._notices(), oval=self._oval)), 0, 0.0)

    def close(self) -> None:
        """End the page. Calling it twice is fine."""
        self.drop()
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(_END_S)

    # -- Pictures ------------------------------------------------------------------------------------------------------

    def see(self, frame: Frame) -> None:
        """Show what the camera sees now, if somebody watches."""
        if self.unseen_s() == 0.0:
            self._board.see(Picture(Kind.MIRROR, _encode(frame.large, _MIRROR_QUALITY)))

    def choose(self, frame: Frame, faces: Sequence[Outline]) -> None:
        """Show the picture that was taken, to choose one of `faces` in; each is outlined, in parts of the frame."""
        self._faces = tuple(faces)
        self._board.see(Picture(Kind.FACES, _encode(frame.large, _FACES_QUALITY)))

    def review(self, jpeg: bytes) -> None:
        """Show exactly what would be sent."""
        self._board.see(Picture(Kind.PORTRAIT, jpeg))

    def shut(self) -> None:
        """Show no longer what the camera saw last: it is off. A picture that was taken stays."""
        shown = self._board.shown.picture
        if shown is not None and shown.kind is Kind.MIRROR:
            self._board.see(None)

    def drop(self) -> None:
        """Show no picture any more, of whatever kind, and keep none."""
        self._faces = ()
        self._board.see(None)

    # -- The page's thread ---------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._server.run(self._board))
        finally:
            self._loop.close()

    def _wake(self) -> None:
        """Tell the page's thread that there is another picture, unless it has been told and hasn't looked yet."""
        if not self._waking.is_set():
            self._waking.set()
            with contextlib.suppress(RuntimeError):  # its loop is closed: nobody is there to be told
                self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._waking.clear()
        self._server.wake()


def _encode(rgb: Rgb, quality: int) -> bytes:
    """Make a JPEG of a frame, as wide as the mirror is at most."""
    picture = Image.fromarray(rgb).reduce(max(1, rgb.shape[1] // _MIRROR_WIDTH))
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _squares(code: str) -> list[str]:
    """Draw a receipt code as a QR with its quiet zone: a string for each row, '1' for each dark square."""
    drawn = segno.make_qr(code, error="m").matrix_iter(border=4)
    return ["".join("1" if square else "0" for square in row) for row in drawn]
