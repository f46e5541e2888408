"""What the kiosk needs of the world around it, as Protocols.

`hardware/` meets them with picamera2 and gpiozero, and with a simulated set. Both pass the same contract tests in
`tests/contracts/`, so that the simulated set can't drift from the real one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

    from edge_agent.session.scene import Say, Scene
    from edge_agent.session.speech import Sentence
    from edge_agent.wire.fields import ClockQuality

    Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Edge:
    """The button went down or came up. `at` is in seconds of the monotonic clock."""

    at: float
    down: bool


class Button(Protocol):
    """One button. It gives raw edges; gestures are made of them in `session.gestures`."""

    def wait(self, timeout: float) -> Sequence[Edge]:
        """Wait up to `timeout` seconds; return the edges since the last call, oldest first, maybe none.

        Raises ButtonError when the button can't be read any more.
        """
        ...

    def close(self) -> None:
        """Let go of the line. Calling it twice is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment, seen twice: `small` to find faces in, `large` to cut the face from.

    Both are RGB, uint8, [height, width, 3], of the same field of view and aspect ratio.
    """

    small: Rgb
    large: Rgb


class Camera(Protocol):
    """A camera that is off until it is started, and off again as soon as it is stopped."""

    @property
    def running(self) -> bool:
        """Whether frames are being taken now."""
        ...

    def start(self) -> None:
        """Begin to take frames. Raises CameraError when there is none to take."""
        ...

    def capture(self, timeout: float) -> Frame:
        """Take the next frame, waiting at most `timeout` seconds.

        Raises CameraError when the camera is not running or no frame comes in time.
        """
        ...

    def stop(self) -> None:
        """Stop taking frames and forget the last ones. Calling it twice is fine. Raises CameraError."""
        ...

    def close(self) -> None:
        """Let go of the camera for good. Calling it twice is fine."""
        ...


class Presenter(Protocol):
    """Brings scenes to the person: lights, screen or voice."""

    def show(self, scene: Scene, say: Say) -> None:
        """Present a scene until the next one; `say` names what of it is new."""
        ...

    def close(self) -> None:
        """Fall silent and dark. Calling it twice is fine."""
        ...


Outline: TypeAlias = tuple[float, float, float, float]
"""Left, top, width and height, as parts of a picture's width and height."""


class Mirror(Protocol):
    """Shows people what the camera sees of them. It is given pixels while the session holds some, and at no other time.

    Frames are wiped as soon as a call returns: whoever shows them copies what it needs.
    """

    def see(self, frame: Frame) -> None:
        """Show what the camera sees now."""
        ...

    def choose(self, frame: Frame, faces: Sequence[Outline]) -> None:
        """Show the picture that was taken, and where faces were found in it."""
        ...

    def review(self, jpeg: bytes) -> None:
        """Show exactly what would be sent."""
        ...

    def shut(self) -> None:
        """Show no longer what the camera saw last: it is off."""
        ...

    def drop(self) -> None:
        """Show nothing, and keep nothing."""
        ...


class Display(Presenter, Mirror, Protocol):
    """A screen that somebody may or may not be able to see."""

    def unseen_s(self) -> float:
        """For how many seconds nobody has been able to see it; 0 while somebody can."""
        ...


class Voice(Protocol):
    """Says sentences aloud, one after the other."""

    def say(self, sentences: Sequence[Sentence]) -> None:
        """Fall silent at once, then begin to say these; return without waiting.

        Raises VoiceError when one of them can't be said: then none is.
        """
        ...

    def busy(self) -> bool:
        """Whether it is still speaking. Raises VoiceError when what was to be said could not be heard."""
        ...

    def check(self, sentences: Iterable[Sentence]) -> None:
        """Raise VoiceError unless each of these could be said now, and heard."""
        ...

    def close(self) -> None:
        """Fall silent. Calling it twice is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Now:
    """A reading of the clocks.

    `utc` is in seconds since 1970 (a guess when `quality` is UNSET), `error_ms` the worst-case error of `utc` in
    milliseconds (None when unknown), `boot_id` names this life of the machine, `uptime_ms` counts from its start.
    """

    utc: int
    quality: ClockQuality
    error_ms: int | None
    boot_id: str
    uptime_ms: int


class Clock(Protocol):
    """Time: one clock to measure with, one to write down."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def now(self) -> Now:
        """Read the wall clock, and how good it is."""
        ...


class Watchdog(Protocol):
    """Somebody who restarts us when we hang."""

    def ready(self) -> None:
        """Say that start-up is done."""
        ...

    def beat(self, status: str) -> None:
        """Say that all is well, with one line for the operator."""
        ...
