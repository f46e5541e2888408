"""The table of the session: which stage follows which, and why.

`flow` decides which cause an event gives; where it leads stands here and nowhere else, and the picture in
docs/session.md is drawn from it. Rules that hold for every row:

- A cause that a stage's row lacks can't happen there.
- Whoever enters a stage of `SEEING` finds the camera on; whoever leaves them finds it off.
- Pixels exist in the stages of `HOLDING` alone; every way out of them, and every new try, drops them.
- A no, a stop, silence and a failure lead to the one stage `NOTHING_KEPT`, and from there to rest.
- At rest, nothing is remembered.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stage(StrEnum):
    """Where a person is."""

    REST = "rest"
    LANGUAGE = "language"
    WHO = "who"
    CONSENT = "consent"  # the person's own answers, one purpose at a time
    PERMISSION = "permission"  # for a child: the answers of the adult beside
    FRAMING = "framing"
    CHOOSING = "choosing"
    REVIEW = "review"
    SEALING = "sealing"
    DONE = "done"
    TAKEN_BACK = "taken_back"
    NOTHING_KEPT = "nothing_kept"
    CANNOT = "cannot"


class Cause(StrEnum):
    """Why a stage is left. The values are the words of the picture."""

    WOKEN = "woken"
    WOKEN_BLOCKED = "woken, but blocked"  # it can't take a report now
    BLOCKED = "blocked"
    LANGUAGE_CHOSEN = "language chosen"
    WHO_SAID = "who agrees"
    ANSWERED = "next purpose"
    ADULT_NEXT = "a child: the adult's turn"
    ALL_AGREED = "all agreed"
    FACE_CLEAR = "one face"
    FACE_OPEN = "several or none"
    FACE_CHOSEN = "face or oval chosen"
    TAKE_AGAIN = "take again"
    SENT = "send"
    SEALED = "sealed"
    SEALED_LATE = "it was sealed already"
    TAKEN_BACK = "taken back"
    FINISHED = "finished"
    TIMED_OUT = "time is over"
    # The five that end with nothing kept.
    SAID_NO = "no"
    STOPPED = "stop"
    SILENCE = "silence"
    FAILED = "failed"
    FULL = "no room"  # the outbox filled while somebody was on the way


ENDS_WITH_NOTHING: Final = frozenset({Cause.SAID_NO, Cause.STOPPED, Cause.SILENCE, Cause.FAILED, Cause.FULL})

SEEING: Final = frozenset({Stage.FRAMING, Stage.CHOOSING, Stage.REVIEW})
HOLDING: Final = SEEING | {Stage.SEALING}

_STOP: Final = {Cause.STOPPED: Stage.NOTHING_KEPT}
_LEAVE: Final = {**_STOP, Cause.SILENCE: Stage.NOTHING_KEPT, Cause.BLOCKED: Stage.CANNOT}
_NO: Final = {Cause.SAID_NO: Stage.NOTHING_KEPT}
_FAIL: Final = {Cause.FAILED: Stage.NOTHING_KEPT}
_END: Final = {Cause.FINISHED: Stage.REST, Cause.TIMED_OUT: Stage.REST}

TABLE: Final[Mapping[Stage, Mapping[Cause, Stage]]] = MappingProxyType(
    {
        Stage.REST: {Cause.WOKEN: Stage.LANGUAGE, Cause.WOKEN_BLOCKED: Stage.CANNOT},
        Stage.LANGUAGE: {Cause.LANGUAGE_CHOSEN: Stage.WHO} | _LEAVE,
        Stage.WHO: {Cause.WHO_SAID: Stage.CONSENT} | _LEAVE,
        Stage.CONSENT: {
            Cause.ANSWERED: Stage.CONSENT,
            Cause.ADULT_NEXT: Stage.PERMISSION,
            Cause.ALL_AGREED: Stage.FRAMING,
        }
        | _NO
        | _LEAVE,
        Stage.PERMISSION: {Cause.ANSWERED: Stage.PERMISSION, Cause.ALL_AGREED: Stage.FRAMING} | _NO | _LEAVE,
        Stage.FRAMING: {Cause.FACE_CLEAR: Stage.REVIEW, Cause.FACE_OPEN: Stage.CHOOSING} | _FAIL | _LEAVE,
        Stage.CHOOSING: {Cause.FACE_CHOSEN: Stage.REVIEW, Cause.TAKE_AGAIN: Stage.FRAMING} | _LEAVE,
        Stage.REVIEW: {Cause.SENT: Stage.SEALING, Cause.TAKE_AGAIN: Stage.FRAMING} | _FAIL | _LEAVE,
        Stage.SEALING: {Cause.SEALED: Stage.DONE, Cause.FULL: Stage.NOTHING_KEPT} | _STOP | _FAIL,
        Stage.DONE: {Cause.TAKEN_BACK: Stage.TAKEN_BACK} | _END,
        Stage.TAKEN_BACK: _END,
        Stage.NOTHING_KEPT: {Cause.SEALED_LATE: Stage.DONE} | _END,
        Stage.CANNOT: _END,
    }
)
