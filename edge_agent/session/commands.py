"""Everything that a session can ask for. Do them one by one, in the order in which they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from edge_agent.session.consent import Consent
    from edge_agent.session.scene import Act, Face, Say, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Let screen and lights show `scene`, and the voice say what `say` names of it."""

    scene: Scene
    say: Say


@dataclass(frozen=True, slots=True)
class StartCamera:
    """Open the shutter, and send `FacesSeen` from now on. Answered by `CameraFailed` when it does not work."""


@dataclass(frozen=True, slots=True)
class StopCamera:
    """Shut the shutter and forget the last frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Take the picture, and find the faces in it. Answered by `Captured` or `CaptureFailed`."""

    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """Cut out the chosen face alone, or the centre of the oval. Answered only when it fails, by `CaptureFailed`."""

    ticket: int
    choice: Face | Literal[Act.OVAL]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Seal the crop with this consent, and store it. Answered by `Sealed` or `SealFailed`."""

    ticket: int
    consent: Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack:
    """Take back what was sealed last. Answered by `TakenBack` or `TakeBackFailed`."""

    ticket: int


@dataclass(frozen=True, slots=True)
class DropPixels:
    """Destroy every frame and crop that is held."""


Command: TypeAlias = Show | StartCamera | StopCamera | Capture | Crop | Seal | TakeBack | DropPixels
