"""The session: `step(state, event)` gives the next state and what is to be done.

Pure: no input, no output, no clock. Where each cause leads is in `table`; what every change of stage entails (camera,
pixels, time, what is forgotten) is one rule here, `_move`, and nobody's own business. Three rules keep people safe:

- An event that the stage does not know is ignored. So is the answer to a command that nobody waits for any more.
- A gesture that began before the scene did chooses nothing: nobody agrees to what they have not heard.
- Time ends a session only after a warning that was given its whole time, and any gesture answers the warning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, assert_never

from edge_agent.errors import OutboxFullError, SettingsError
from edge_agent.session.commands import (
    Capture,
    Command,
    Crop,
    DropPixels,
    Seal,
    Show,
    StartCamera,
    StopCamera,
    TakeBack,
)
from edge_agent.session.consent import Consent, Purpose, Who
from edge_agent.session.events import (
    Blocked,
    CameraFailed,
    Captured,
    CaptureFailed,
    Event,
    FacesSeen,
    Said,
    Sealed,
    SealFailed,
    TakeBackFailed,
    TakenBack,
    Tick,
    Unblocked,
)
from edge_agent.session.gestures import Freed, Hold, HoldAbandoned, HoldProgress, Press, Stuck
from edge_agent.session.guidance import NO_ADVICE, Advice, advise
from edge_agent.session.scene import Act, Choice, Face, Language, Say, Scene
from edge_agent.session.table import ENDS_WITH_NOTHING, HOLDING, SEEING, TABLE, Cause, Stage

if TYPE_CHECKING:
    from edge_agent.session.pace import Pace

SEALING_TOO_LONG: Final = "sealing-too-long"
"""The code of a session in which the outbox did not answer in `Pace.sealing_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What this kiosk asks, in which languages, and how much time it gives. Raises SettingsError."""

    languages: tuple[str, ...]
    purposes: tuple[Purpose, ...]
    pace: Pace

    def __post_init__(self) -> None:
        if not self.languages or len(set(self.languages)) != len(self.languages):
            raise SettingsError(
                "The session's languages are none, or one stands there twice.",
                next_step="Name each language to be offered once, at least one in all.",
            )
        if self.purposes[:1] != (Purpose.TRACING,) or len(set(self.purposes)) != len(self.purposes):
            raise SettingsError(
                "The session's purposes don't begin with tracing, or one stands there twice.",
                next_step="Ask about tracing first, and about each other purpose at most once.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a session stands. `begin` makes the first; only `step` makes others."""

    plan: Plan
    now: float  # the latest time seen
    entered: float  # since when this scene is there
    quiet_since: float  # when the wait began anew: on entry, at each sign of life, at the warning
    stage: Stage = Stage.REST
    lit: int = 0
    warning: bool = False
    language: str | None = None
    consent: Consent | None = None
    camera_on: bool = False
    advice: Advice = NO_ADVICE
    faces: int = 0
    tickets: int = 0  # how many were given out
    awaiting: Capture | Crop | Seal | TakeBack | None = None
    blocked: str = ""  # why no report can be taken now
    code: str = ""
    ending: Cause | None = None
    receipt_code: str = ""

    @property
    def scene(self) -> Scene:
        """What the person meets now."""
        return Scene(
            stage=self.stage,
            language=self.language,
            choices=_choices(self),
            lit=self.lit,
            question=self.consent.question if self.consent else None,
            warning=self.warning,
            camera_on=self.camera_on,
            guidance=self.advice.given if self.stage is Stage.FRAMING else None,
            taking=isinstance(self.awaiting, Capture),
            faces=self.faces if self.stage is Stage.CHOOSING else 0,
            ending=self.ending,
            code=self.blocked if self.stage is Stage.REST else self.code,
            receipt_code=self.receipt_code,
        )


Turn: TypeAlias = tuple[State, tuple[Command, ...]]


def begin(plan: Plan, at: float) -> Turn:
    """Start at rest, at `at` monotonic seconds."""
    state = State(plan=plan, now=at, entered=at, quiet_since=at)
    return _show(state, Say.NOTHING)


def step(state: State, event: Event) -> Turn:  # noqa: PLR0911 - one line for each kind of event
    """Let one thing happen. The commands are to be carried out in their order."""
    state = replace(state, now=max(state.now, event.at))
    match event:
        case Press() | Hold() | HoldAbandoned() | HoldProgress():
            return _gesture(state, event)
        case Stuck():
            return (state, ()) if state.stage is Stage.REST else _show(state, Say.LET_GO)
        case Freed():
            return state, ()
        case Tick():
            return _tick(state)
        case Said():
            return replace(state, quiet_since=state.now), ()
        case FacesSeen():
            return _faces_seen(state, event)
        case Captured() | CaptureFailed() | Sealed() | SealFailed() | TakenBack() | TakeBackFailed():
            return _answer(state, event)
        case CameraFailed():
            return _camera_failed(state, event.code)
        case Blocked() | Unblocked():
            return _readiness(state, event.code if isinstance(event, Blocked) else "")
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(event)


def deadline(state: State) -> float | None:
    """When the next `Tick` is due, in monotonic seconds; None when no time is running."""
    patience = _patience(state)
    return None if patience is None else state.quiet_since + patience


# -- What each kind of event means -------------------------------------------------------------------------------------


def _gesture(state: State, gesture: Press | Hold | HoldAbandoned | HoldProgress) -> Turn:
    ring = isinstance(gesture, HoldProgress)
    if state.stage is Stage.REST:
        return (state, ()) if ring else _wake(state)
    heard = gesture.began >= state.entered
    state = replace(state, quiet_since=state.now)
    if isinstance(gesture, HoldProgress):
        return _show(state, Say.NOTHING, hold=gesture.fraction if heard and not state.warning else 0.0)
    if state.warning:
        return _show(replace(state, warning=False), Say.SCENE)
    match gesture:
        case Press() if heard:
            return _show(replace(state, lit=(state.lit + 1) % len(_choices(state))), Say.CHOICE)
        case Hold() if heard:
            return _choose(state, gesture)
        case _:
            return _show(state, Say.NOTHING_CHOSEN)


def _wake(state: State) -> Turn:
    return _move(replace(state, code=state.blocked), Cause.WOKEN_BLOCKED if state.blocked else Cause.WOKEN)


def _choose(state: State, hold: Hold) -> Turn:  # noqa: C901, PLR0911 - one line for each choice
    choice = _choices(state)[state.lit]
    match choice:
        case Act.AGAIN:
            return _show(replace(state, lit=0), Say.SCENE)
        case Act.STOP:
            return _move(state, Cause.STOPPED)
        case Act.FINISH:
            return _move(state, Cause.FINISHED)
        case Language(code):
            return _move(replace(state, language=code), Cause.LANGUAGE_CHOSEN)
        case Who():
            return _ask(state, choice)
        case Act.NO | Act.YES:
            return _answer_question(state, hold, agreed=choice is Act.YES)
        case Act.TAKE:
            return _capture(state)
        case Act.TAKE_AGAIN:
            return _move(state, Cause.TAKE_AGAIN)
        case Act.OVAL | Face():
            return _crop(state, Cause.FACE_CHOSEN, choice)
        case Act.SEND:
            return _seal(state)
        case Act.TAKE_BACK:
            return _take_back(state)
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(choice)


def _ask(state: State, who: Who) -> Turn:
    assert state.language is not None, "a language is chosen before anything is asked"
    consent = Consent(language=state.language, who=who, purposes=state.plan.purposes)
    return _move(replace(state, consent=consent), Cause.WHO_SAID)


def _answer_question(state: State, hold: Hold, *, agreed: bool) -> Turn:
    assert state.consent is not None, "somebody has said who agrees"
    assert state.consent.question is not None, "only a question is answered"
    party = state.consent.question.party
    consent = state.consent.answered(agreed=agreed, held_ms=hold.held_ms, at=hold.at)
    state = replace(state, consent=consent)
    if consent.refused:
        return _move(state, Cause.SAID_NO)
    if consent.question is None:
        return _move(state, Cause.ALL_AGREED)
    return _move(state, Cause.ANSWERED if consent.question.party is party else Cause.ADULT_NEXT)


def _capture(state: State) -> Turn:
    if state.awaiting is not None:
        return _show(state, Say.NOTHING)  # it is being taken already
    capture = Capture(ticket=state.tickets + 1)
    state, shown = _show(replace(state, tickets=capture.ticket, awaiting=capture), Say.NOTHING)
    return state, (*shown, capture)


def _crop(state: State, cause: Cause, choice: Face | Literal[Act.OVAL]) -> Turn:
    crop = Crop(ticket=state.tickets + 1, choice=choice)
    return _move(replace(state, tickets=crop.ticket), cause, crop)


def _seal(state: State) -> Turn:
    assert state.consent is not None, "somebody has said who agrees"
    assert state.consent.given, "nothing is sealed without consent"
    seal = Seal(ticket=state.tickets + 1, consent=state.consent)
    return _move(replace(state, tickets=seal.ticket), Cause.SENT, seal)


def _take_back(state: State) -> Turn:
    if state.awaiting is not None:
        return _show(state, Say.NOTHING)  # it is being taken back already
    take_back = TakeBack(ticket=state.tickets + 1)
    state, shown = _show(replace(state, tickets=take_back.ticket, awaiting=take_back), Say.NOTHING)
    return state, (*shown, take_back)


def _tick(state: State) -> Turn:
    due = deadline(state)
    if due is None or state.now < due:
        return state, ()
    if state.stage is Stage.SEALING:
        return _move(replace(state, code=SEALING_TOO_LONG), Cause.FAILED)
    if state.stage in _CLOSING or (state.stage is Stage.DONE and state.warning):
        return _move(state, Cause.TIMED_OUT)
    if state.warning:
        return _move(state, Cause.SILENCE)
    return _show(replace(state, warning=True, quiet_since=state.now), Say.WARNING)


def _faces_seen(state: State, event: FacesSeen) -> Turn:
    if state.stage is not Stage.FRAMING:
        return state, ()
    advice = advise(state.advice, event.view, event.at)
    news = advice.given is not state.advice.given
    state = replace(state, advice=advice)
    return _show(state, Say.GUIDANCE) if news else (state, ())


def _answer(  # noqa: PLR0911 - one line for each answer
    state: State, event: Captured | CaptureFailed | Sealed | SealFailed | TakenBack | TakeBackFailed
) -> Turn:
    asked = state.awaiting
    if asked is None or asked.ticket != event.ticket:
        return state, ()
    match event, asked:
        case Captured(), Capture():
            state = replace(state, awaiting=None, faces=event.faces)
            return _crop(state, Cause.FACE_CLEAR, Face(0)) if event.faces == 1 else _move(state, Cause.FACE_OPEN)
        case CaptureFailed(), Capture() | Crop():
            return _move(replace(state, code=event.code), Cause.FAILED)
        case Sealed(), Seal():
            cause = Cause.SEALED if state.stage is Stage.SEALING else Cause.SEALED_LATE
            return _move(replace(state, receipt_code=event.receipt_code, code=""), cause)
        case SealFailed(), Seal() if state.stage is Stage.SEALING:
            full = event.code == OutboxFullError.code
            state = replace(state, awaiting=None, code=event.code)  # nothing is on its way any more
            return _move(state, Cause.FULL if full else Cause.FAILED)
        case TakenBack(), TakeBack():
            return _move(replace(state, receipt_code=""), Cause.TAKEN_BACK)
        case TakeBackFailed(), TakeBack():
            return _show(replace(state, awaiting=None, code=event.code, quiet_since=state.now), Say.NOT_TAKEN_BACK)
        case _:
            return state, ()


def _camera_failed(state: State, code: str) -> Turn:
    if not state.camera_on:
        return state, ()
    if state.stage is Stage.FRAMING:
        return _move(replace(state, code=code), Cause.FAILED)
    # The picture is taken already: it can still be chosen and sent. A new try starts the camera anew.
    state, shown = _show(replace(state, camera_on=False), Say.NOTHING)
    return state, (StopCamera(), *shown)


def _readiness(state: State, code: str) -> Turn:
    """Say what is in the way as early as possible: at rest, and to whoever is on the way."""
    news = code != state.blocked
    state = replace(state, blocked=code)
    if code and Cause.BLOCKED in TABLE[state.stage]:
        return _move(replace(state, code=code), Cause.BLOCKED)
    return _show(state, Say.NOTHING) if news and state.stage is Stage.REST else (state, ())


# -- What holds for every scene and every change of stage --------------------------------------------------------------

_CLOSING: Final = frozenset({Stage.TAKEN_BACK, Stage.NOTHING_KEPT, Stage.CANNOT})
_ENDED: Final = _CLOSING | {Stage.DONE}


def _choices(state: State) -> tuple[Choice, ...]:
    """List the scene's choices; the first is lit on entry. What is lit first never agrees for anybody."""
    match state.stage:
        case Stage.REST:
            return ()
        case Stage.LANGUAGE:
            own: tuple[Choice, ...] = tuple(Language(code) for code in state.plan.languages)
        case Stage.WHO:
            return (Act.AGAIN, *Who, Act.STOP)  # an unmeant hold must not say who somebody is
        case Stage.CONSENT | Stage.PERMISSION:
            own = (Act.NO, Act.YES)
        case Stage.FRAMING:
            own = (Act.TAKE,)
        case Stage.CHOOSING:
            own = (*(Face(index) for index in range(state.faces)), Act.OVAL, Act.TAKE_AGAIN)
        case Stage.REVIEW:
            own = (Act.SEND, Act.TAKE_AGAIN)
        case Stage.DONE:
            return (Act.AGAIN, Act.TAKE_BACK, Act.FINISH)  # an unmeant hold must not undo what somebody has sent
        case Stage.SEALING | Stage.TAKEN_BACK | Stage.NOTHING_KEPT | Stage.CANNOT:
            own = ()
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(state.stage)
    return (*own, Act.AGAIN, Act.FINISH if state.stage in _ENDED else Act.STOP)


def _patience(state: State) -> float | None:
    pace = state.plan.pace
    if state.stage is Stage.REST:
        return None
    if state.warning:
        return pace.warning_s
    if state.stage is Stage.SEALING:
        return pace.sealing_s
    if state.stage is Stage.DONE:
        return pace.code_shown_s
    return pace.notice_shown_s if state.stage in _CLOSING else pace.silence_s


def _move(state: State, cause: Cause, ask: Crop | Seal | None = None) -> Turn:
    """Go where the table says, and do what every such change entails, the protective commands first.

    `ask` is the command that the new stage waits for. A crop is made before the scene that shows it, all else after.
    """
    came_from, stage = state.stage, TABLE[state.stage][cause]
    seal_on_its_way = state.awaiting if isinstance(state.awaiting, Seal) and stage is Stage.NOTHING_KEPT else None
    camera_on = stage in SEEING
    commands: list[Command] = []
    if came_from in HOLDING and (stage not in HOLDING or cause is Cause.TAKE_AGAIN):
        commands.append(DropPixels())
    if state.camera_on and not camera_on:
        commands.append(StopCamera())
    if isinstance(ask, Crop):
        commands.append(ask)
    start = camera_on and not state.camera_on
    state = replace(
        state,
        stage=stage,
        entered=state.now,
        quiet_since=state.now,
        lit=0,
        warning=False,
        camera_on=camera_on,
        advice=NO_ADVICE,
        awaiting=ask or seal_on_its_way,
        consent=None if stage in _ENDED else state.consent,
        ending=cause if cause in ENDS_WITH_NOTHING else None,
    )
    if stage is Stage.REST:
        state = _forget(state)
    state, shown = _show(state, Say.NOTHING if stage is Stage.REST else Say.SCENE)
    commands.extend(shown)
    if start:
        commands.append(StartCamera())
    if isinstance(ask, Seal):
        commands.append(ask)
    return state, tuple(commands)


def _forget(state: State) -> State:
    """Keep nothing of a person: what rest was before them, it is again."""
    fresh = State(plan=state.plan, now=state.now, entered=state.now, quiet_since=state.now)
    return replace(fresh, tickets=state.tickets, blocked=state.blocked)


def _show(state: State, say: Say, *, hold: float = 0.0) -> Turn:
    return state, (Show(scene=replace(state.scene, hold=hold), say=say),)
