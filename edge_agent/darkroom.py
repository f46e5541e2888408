"""Where the pixels of one session are, and nowhere else: from framing to sealing, in memory alone.

The mirrors alone are lent what is here, for as long as they are called; they show it on the kiosk's own display.

It opens the camera and the models on first need and says plainly when it can't, so that a kiosk without a camera says
so at rest instead of failing in somebody's session.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Final, Literal

from edge_agent.errors import CameraError, HardwareError
from edge_agent.session.guidance import View
from edge_agent.session.scene import Act, Face
from edge_agent.vision import choice, crop
from edge_agent.vision.face import Box
from edge_agent.vision.framing import Framing
from edge_agent.vision.measures import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edge_agent.ports import Camera, Clock, Frame, Mirror, Rgb
    from edge_agent.vision import face as vision_face
    from edge_agent.vision.crop import Portrait
    from edge_agent.vision.finder import Finder, Found

FRAME_TIMEOUT_S: Final = 5.0
BURST: Final = 3  # frames, of which the best is the picture: some tenths of a second
_TRY_AGAIN_S: Final = 10.0
_FIRST_PAUSE_S: Final = 60.0  # after a camera failed: nobody is asked for a consent that may be in vain
_LONGEST_PAUSE_S: Final = 3600.0
_GREEN: Final = 1  # carries most of the luma


@dataclass(frozen=True, slots=True)
class Taken:
    """One picture: how many faces are in it, and how long it took to find them, in milliseconds."""

    faces: int
    find_ms: float


class Darkroom:
    """Camera, finder, and what they saw in this session."""

    def __init__(
        self,
        clock: Clock,
        open_camera: Callable[[], Camera],
        open_finder: Callable[[], Finder],
        mirrors: Sequence[Mirror] = (),
    ) -> None:
        self._clock = clock
        self._mirrors = mirrors
        self._open_camera = open_camera
        self._open_finder = open_finder
        self._camera: Camera | None = None
        self._finder: Finder | None = None
        self._fault: HardwareError | None = None
        self._again_at = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._framing: Framing | None = None
        self._last: Box | None = None
        self._frame: Frame | None = None
        self._found: Found | None = None
        self._faces: tuple[vision_face.Face, ...] = ()
        self._portrait: Portrait | None = None

    @property
    def finder(self) -> Finder:
        """What finds faces here. Raises ModelError when a model's file is missing or bad."""
        if self._finder is None:
            self._finder = self._open_finder()
        return self._finder

    @property
    def portrait(self) -> Portrait:
        """The picture that is to be sent. Raises CameraError when none was cut."""
        if self._portrait is None:
            raise CameraError("there is no picture to send")
        return self._portrait

    def check(self) -> None:
        """Make sure that a picture could be taken now; the camera stays off. Raises CameraError or ModelError."""
        _ = self.finder
        now = self._clock.monotonic()
        if self._fault is not None and now < self._again_at:
            raise self._fault
        try:
            self._opened()
            self._fault = None
        except HardwareError as fault:
            self._fault, self._again_at = fault, now + _TRY_AGAIN_S
            raise

    def start(self) -> None:
        """Open the shutter. Raises CameraError; the camera is let go of then."""
        self._framing = Framing(self.finder)
        self._last = None
        camera = self._opened()
        with self._let_go_at_a_fault():
            camera.start()

    def stop(self) -> None:
        """Shut the shutter and forget the last frames. Raises CameraError; the camera is let go of then."""
        self._framing = None
        for mirror in self._mirrors:
            mirror.shut()
        if self._finder is not None:
            self._finder.forget()
        if self._camera is not None:
            with self._let_go_at_a_fault():  # it may still be running then, and must not
                self._camera.stop()

    def look(self) -> View:
        """Take a frame, judge it for guidance, and forget it. Raises CameraError."""
        if self._framing is None:
            raise CameraError("the camera is off")
        frame = self._next_frame()
        width = frame.small.shape[1]
        faces = self._framing.find(frame.small)
        light = float(frame.small[..., _GREEN].mean()) / 255
        for mirror in self._mirrors:
            mirror.see(frame)
        _wipe(frame)
        if not faces:
            self._last = None
            return View(faces=0, light=light)
        nearest = max((face.box for face in faces), key=lambda box: box.w)
        (x, y), (last_x, last_y) = nearest.centre, (self._last or nearest).centre
        self._last = nearest
        shift = hypot(x - last_x, y - last_y) / nearest.w
        return View(faces=len(faces), width=nearest.w / width, light=light, shift=shift)

    def take(self) -> Taken:
        """Take the picture, the best of a burst, and find the faces in it. Raises CameraError."""
        self._destroy()  # the mirror goes on showing the moment in which somebody chose
        frame = self._best_of_a_burst()
        began = self._clock.monotonic()
        height, width = frame.small.shape[:2]
        self._frame, self._found = frame, self.finder.find(frame.small)
        self._faces = choice.order(self._found.faces, width, height)
        boxes = [face.box.scaled(1 / width, 1 / height) for face in self._faces]
        for mirror in self._mirrors:
            mirror.choose(frame, [(box.x, box.y, box.w, box.h) for box in boxes])
        return Taken(len(self._faces), (self._clock.monotonic() - began) * 1000)

    def _best_of_a_burst(self) -> Frame:
        """Capture a few frames and give the sharpest, best-lit one where the face was last; destroy the others."""
        frames: list[Frame] = []
        try:
            for _ in range(BURST):
                frames.append(self._next_frame())  # noqa: PERF401 - those that came are wiped
            best = frames.pop(max(range(BURST), key=lambda number: self._merit(frames[number])))
        finally:
            for frame in frames:
                _wipe(frame)
        return best

    def _merit(self, frame: Frame) -> float:
        height, width = frame.small.shape[:2]
        if self._last is None:
            return measure(frame.small, Box(0, 0, width, height), ()).merit
        scale = frame.large.shape[1] / width
        return measure(frame.large, self._last.scaled(scale, scale), ()).merit

    def cut(self, chosen: Face | Literal[Act.OVAL]) -> None:
        """Cut out the chosen face alone, or the guide oval; then let go of the frame. Raises CameraError."""
        if self._frame is None or self._found is None:
            raise CameraError("there is no picture to cut from")
        if isinstance(chosen, Face):
            face = self._faces[chosen.index]
            self._portrait = crop.portrait(self._frame, face, self._found.others(face), self.finder)
        else:
            self._portrait = crop.centre(self._frame, self._found.faint, self.finder)
        for mirror in self._mirrors:
            mirror.review(self._portrait.jpeg)

    def drop(self) -> None:
        """Destroy every frame and crop that is held."""
        for mirror in self._mirrors:
            mirror.drop()
        self._destroy()

    def _destroy(self) -> None:
        if self._frame is not None:
            _wipe(self._frame)
        self._frame = self._found = self._portrait = None
        self._faces = ()
        if self._finder is not None:
            self._finder.forget()

    def close(self) -> None:
        """Destroy everything and let go of the camera."""
        self.drop()
        if self._camera is not None:
            self._camera.close()

    def _next_frame(self) -> Frame:
        camera = self._opened()
        with self._let_go_at_a_fault():
            frame = camera.capture(FRAME_TIMEOUT_S)
        self._pause_s = _FIRST_PAUSE_S
        return frame

    @contextlib.contextmanager
    def _let_go_at_a_fault(self) -> Iterator[None]:
        """Let go of a camera that does not do what it is told: it is opened anew after ever longer pauses."""
        try:
            yield
        except CameraError as fault:
            self._fault, self._again_at = fault, self._clock.monotonic() + self._pause_s
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
            camera, self._camera = self._camera, None
            if camera is not None:
                with contextlib.suppress(CameraError):
                    camera.close()
            raise

    def _opened(self) -> Camera:
        if self._camera is None:
            self._camera = self._open_camera()
        return self._camera


def _wipe(frame: Frame) -> None:
    for pixels in (frame.small, frame.large):
        _zero(pixels)


def _zero(pixels: Rgb) -> None:
    if pixels.flags.writeable:
        pixels.fill(0)
