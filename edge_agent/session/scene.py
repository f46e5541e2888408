"""What a scene holds: everything that a screen, a voice and the lights need, and nothing of how they say it.

One grammar holds in every scene, so that it can be learned once and used without sight (red line 13): one choice is
lit, a press lights the next, a hold chooses the lit one. Every scene can be heard again and left again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from edge_agent.session.consent import Who
from edge_agent.session.table import Stage

if TYPE_CHECKING:
    from edge_agent.session.consent import Question
    from edge_agent.session.guidance import Guidance
    from edge_agent.session.table import Cause


class Act(StrEnum):
    """Choices that are the same for everybody."""

    NO = "no"
    YES = "yes"
    TAKE = "take"
    OVAL = "oval"  # the centre of the guide oval, when the right face was not found
    SEND = "send"
    TAKE_AGAIN = "take_again"
    AGAIN = "again"  # say it again
    STOP = "stop"  # end here, nothing is kept
    TAKE_BACK = "take_back"  # the report that was just sent
    FINISH = "finish"  # back to rest, when the session is over


@dataclass(frozen=True, slots=True)
class Language:
    """Go on in this language (a BCP 47 code)."""

    code: str


@dataclass(frozen=True, slots=True)
class Face:
    """This face of those that were found: its place in the order in which `Captured` counted them, from 0."""

    index: int


Choice: TypeAlias = Act | Who | Language | Face


class Say(StrEnum):
    """What of the scene is new, and is said aloud now. Nobody waits for it: the scene takes gestures at once."""

    SCENE = "scene"  # all of it, with the lit choice
    CHOICE = "choice"  # the choice that is lit now
    GUIDANCE = "guidance"
    WARNING = "warning"  # are you still there?
    NOTHING_CHOSEN = "nothing_chosen"  # let go early
    LET_GO = "let_go"  # the button has been down for very long
    NOT_TAKEN_BACK = "not_taken_back"  # it did not work here: there is still the telephone
    NOTHING = "nothing"


LANTERNS: Final = 5
"""How many steps the way has: language, who, consent, picture, sent."""

_LANTERN: Final = MappingProxyType(
    {
        Stage.REST: 0,
        Stage.LANGUAGE: 1,
        Stage.WHO: 2,
        Stage.CONSENT: 3,
        Stage.PERMISSION: 3,
        Stage.FRAMING: 4,
        Stage.CHOOSING: 4,
        Stage.REVIEW: 4,
        Stage.SEALING: 5,
        Stage.DONE: 5,
        Stage.TAKEN_BACK: 0,
        Stage.NOTHING_KEPT: 0,
        Stage.CANNOT: 0,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One moment of the session, as a person meets it."""

    stage: Stage
    language: str | None  # None: nobody has chosen yet, so it is said in each language in turn
    choices: tuple[Choice, ...]
    lit: int  # the place of the lit choice in `choices`
    question: Question | None = None  # in consent and permission
    warning: bool = False  # the kiosk has asked whether somebody is still there; any gesture answers
    camera_on: bool = False
    guidance: Guidance | None = None
    taking: bool = False  # the picture is being taken
    faces: int = 0  # how many were found, while choosing
    hold: float = 0.0  # how full the ring is, 0 to 1
    ending: Cause | None = None  # why nothing was kept
    code: str = ""  # the stable code of what is in the way, for staff; at rest too
    receipt_code: str = ""

    @property
    def lit_choice(self) -> Choice | None:
        """The choice that a hold takes; None at rest, where any gesture wakes."""
        return self.choices[self.lit] if self.choices else None

    @property
    def lantern(self) -> int:
        """How many of the `LANTERNS` are lit; none when the person is not on the way."""
        return _LANTERN[self.stage]
