"""Who is asked what, and what they answered.

Every purpose is a question of its own, put to everybody whose agreement it takes. For a child that is the child and
then the adult beside: each is asked, each answer is kept with who gave it, and neither stands for the other (red
line 3). The adult is not asked for what the child has refused. Whatever was not answered is a no.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal


class Purpose(StrEnum):
    """What a picture may be used for."""

    TRACING = "tracing"  # by the NGO; without it there is no report
    PARTNERS = "partners"  # partner registries may search it too
    PUBLIC_APPEAL = "public_appeal"


class Party(StrEnum):
    """Somebody whose agreement is asked."""

    SUBJECT = "subject"  # the person in the picture, always
    PARENT = "parent"
    GUARDIAN = "guardian"
    STAFF = "staff"


class Who(StrEnum):
    """What the person says about themselves and about who is with them. The kiosk never guesses it (red line 4)."""

    SELF_ADULT = "self_adult"
    CHILD_WITH_PARENT = "child_with_parent"
    CHILD_WITH_GUARDIAN = "child_with_guardian"
    CHILD_WITH_STAFF = "child_with_staff"

    @property
    def parties(self) -> tuple[Party, ...]:
        """Everybody who has to agree, in the order in which they are asked."""
        return _PARTIES[self]


_PARTIES = {
    Who.SELF_ADULT: (Party.SUBJECT,),
    Who.CHILD_WITH_PARENT: (Party.SUBJECT, Party.PARENT),
    Who.CHILD_WITH_GUARDIAN: (Party.SUBJECT, Party.GUARDIAN),
    Who.CHILD_WITH_STAFF: (Party.SUBJECT, Party.STAFF),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One purpose, put to one person."""

    purpose: Purpose
    party: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one person answered, by what, for how long (`held_ms`), and when (`at`, monotonic seconds)."""

    question: Question
    agreed: bool
    held_ms: int
    at: float
    method: Literal["button-hold"] = "button-hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The questions of one session and their answers so far. `purposes` begins with tracing."""

    language: str
    who: Who
    purposes: tuple[Purpose, ...]
    answers: tuple[Answer, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether somebody said no to tracing: then there is no report, and nothing more is asked."""
        return any(a.question.purpose is Purpose.TRACING and not a.agreed for a in self.answers)

    @property
    def question(self) -> Question | None:
        """The next question, or None when nothing is left to ask."""
        if self.refused:
            return None
        for party in self.who.parties:
            for purpose in self.purposes:
                question = Question(purpose=purpose, party=party)
                answers = self.to(purpose)
                if all(a.agreed and a.question != question for a in answers):
                    return question
        return None

    @property
    def given(self) -> bool:
        """Whether everything was asked, and everybody agreed to tracing."""
        return self.question is None and self.allows(Purpose.TRACING)

    def answered(self, *, agreed: bool, held_ms: int, at: float) -> Consent:
        """Write down the answer to `question`, which must not be None."""
        assert self.question is not None, "there is nothing to answer"
        answer = Answer(question=self.question, agreed=agreed, held_ms=held_ms, at=at)
        return replace(self, answers=(*self.answers, answer))

    def to(self, purpose: Purpose) -> tuple[Answer, ...]:
        """All answers about one purpose, in the order in which they were given."""
        return tuple(a for a in self.answers if a.question.purpose is purpose)

    def allows(self, purpose: Purpose) -> bool:
        """Whether everybody who had to agree to `purpose` did. No answer is a no."""
        agreed = {a.question.party for a in self.to(purpose) if a.agreed}
        return agreed == set(self.who.parties)
