"""Advice while somebody stands before the camera: one thing at a time, and calmly.

It only ever advises. A picture may be taken at any moment, whatever is said here, and no report is refused for it
(red line 5). Two things keep it from flickering: a threshold is left at another value than it was entered at, and
advice is given when it has been due for `SETTLE_S` without a break.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

SETTLE_S: Final = 0.8
"""How long advice must have been due before it is given, in seconds."""


class Guidance(StrEnum):
    """What may be said. The words stand in the notices."""

    LOOK_HERE = "look_here"  # nobody is seen: without this, a person who can't see the mirror would wait for nothing
    ONE_MORE_PERSON = "one_more_person"
    CLOSER = "closer"
    FURTHER = "further"
    TURN_TO_LIGHT = "turn_to_light"
    HOLD_STILL = "hold_still"
    GOOD = "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the camera sees now.

    `width` is the nearest face's width as a share of the frame's. `light` is the mean luma of the whole frame, 0 to 1:
    a face's own would blame dark skin for the lamp. `shift` is how far that face has moved since the last view, as a
    share of its width. Without a face, `width` and `shift` mean nothing.
    """

    faces: int
    width: float = 0.0
    light: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What has been said (`given`), and what is due since when (monotonic seconds)."""

    given: Guidance | None = None
    due: Guidance | None = None
    since: float = 0.0


NO_ADVICE: Final = Advice()
"""Before anything was seen."""


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit with two values: advice begins beyond `enter` and ends at `leave`."""

    enter: float
    leave: float

    def of(self, guidance: Guidance, given: Guidance | None) -> float:
        return self.leave if given is guidance else self.enter


# The kiosk's distances are 0.4 to 2.5 m: a face of 14 cm is 0.29 to 0.047 of the frame's width with a 62 degree lens.
_NARROW: Final = _Limit(enter=0.045, leave=0.06)
_WIDE: Final = _Limit(enter=0.45, leave=0.40)
_DARK: Final = _Limit(enter=0.12, leave=0.18)
_RESTLESS: Final = _Limit(enter=0.30, leave=0.15)


def advise(advice: Advice, view: View, at: float) -> Advice:
    """Take one view, seen at `at` (monotonic seconds), and decide what is said from now on."""
    due = _due(view, advice.given)
    if due is advice.given:
        return replace(advice, due=due, since=at)
    if due is not advice.due:
        return replace(advice, due=due, since=at)
    if at >= advice.since + SETTLE_S:
        return replace(advice, given=due)
    return advice


def _due(view: View, given: Guidance | None) -> Guidance:
    """Name the one thing that would help most."""
    troubles = (
        (Guidance.LOOK_HERE, view.faces == 0),
        (Guidance.ONE_MORE_PERSON, view.faces > 1),
        (Guidance.CLOSER, view.width < _NARROW.of(Guidance.CLOSER, given)),
        (Guidance.FURTHER, view.width > _WIDE.of(Guidance.FURTHER, given)),
        (Guidance.TURN_TO_LIGHT, view.light < _DARK.of(Guidance.TURN_TO_LIGHT, given)),
        (Guidance.HOLD_STILL, view.shift > _RESTLESS.of(Guidance.HOLD_STILL, given)),
    )
    return next((guidance for guidance, holds in troubles if holds), Guidance.GOOD)
