"""Everything that can happen to a session. Each event carries `at`, when it happened, in monotonic seconds.

The answers to commands carry the command's `ticket`. One that nobody waits for any more is ignored by rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from edge_agent.session.gestures import Gesture

if TYPE_CHECKING:
    from edge_agent.session.guidance import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed. `flow.deadline` says when one is due."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FacesSeen:
    """The camera, while it is on, sees this."""

    at: float
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A `Capture` went well; `faces` were found, maybe none."""

    at: float
    ticket: int
    faces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureFailed:
    """A `Capture` or a `Crop` did not go well. `code` is the error's stable code."""

    at: float
    ticket: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The report is sealed and on disk: it is consented, and it stays."""

    at: float
    ticket: int
    receipt_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealFailed:
    """The report could not be sealed or stored, and nothing of it is left."""

    at: float
    ticket: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """The report is deleted here, and its withdrawal is on disk, on its way to every copy."""

    at: float
    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBackFailed:
    """The report could not be taken back here. `code` is the error's stable code."""

    at: float
    ticket: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The voice has said all that it was given: whoever listened has had no time to answer before."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFailed:
    """The camera does not start, or gives no frames any more."""

    at: float
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The kiosk can't take a report now, for the reason that `code` names: outbox full, no camera, disabled, ..."""

    at: float
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblocked:
    """The kiosk can take reports again."""

    at: float


Event: TypeAlias = (
    Gesture
    | Tick
    | Said
    | FacesSeen
    | Captured
    | CaptureFailed
    | Sealed
    | SealFailed
    | TakenBack
    | TakeBackFailed
    | CameraFailed
    | Blocked
    | Unblocked
)
