"""A person at the kiosk, for tests: presses, holds, waits, and keeps what the session asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import pytest

from edge_agent.session import flow
from edge_agent.session.commands import Capture, Command, Crop, Seal, Show, StartCamera, TakeBack
from edge_agent.session.consent import Purpose, Who
from edge_agent.session.events import Blocked, Captured, Event, Sealed, TakenBack, Tick
from edge_agent.session.gestures import Hold, HoldAbandoned, HoldProgress, Press
from edge_agent.session.pace import Pace
from edge_agent.session.scene import Act, Choice, Language, Say, Scene
from edge_agent.session.table import Stage

PACE = Pace(hold_s=1.2, silence_s=60, warning_s=30, code_shown_s=120, notice_shown_s=8)
PLAN = flow.Plan(languages=("en", "ug"), purposes=tuple(Purpose), pace=PACE)

AWAKE = [stage for stage in Stage if stage is not Stage.REST]
ON_THE_WAY = [stage for stage in AWAKE if stage not in {Stage.DONE, Stage.TAKEN_BACK, Stage.NOTHING_KEPT, Stage.CANNOT}]

T = TypeVar("T", Capture, Crop, Seal, TakeBack)


class Player:
    def __init__(self, plan: flow.Plan = PLAN) -> None:
        self.now = 100.0
        self.last: tuple[Command, ...]
        self.state, self.last = flow.begin(plan, self.now)
        self.all: list[Command] = list(self.last)

    def happens(self, event: Event) -> Player:
        self.now = max(self.now, event.at)
        self.state, self.last = flow.step(self.state, event)
        self.all.extend(self.last)
        return self

    def press(self) -> Player:
        self.now += 1.0
        return self.happens(Press(began=self.now - 0.2, at=self.now))

    def hold(self) -> Player:
        self.now += 2.0
        return self.happens(Hold(began=self.now - PACE.hold_s, at=self.now))

    def fill_the_ring(self, fraction: float) -> Player:
        self.now += 1.0
        return self.happens(HoldProgress(began=self.now - 0.9, at=self.now, fraction=fraction))

    def let_go_early(self) -> Player:
        self.now += 1.0
        return self.happens(HoldAbandoned(began=self.now - 0.9, at=self.now))

    def wait(self, seconds: float) -> Player:
        return self.happens(Tick(at=self.now + seconds))

    def choose(self, *choices: Choice) -> Player:
        """Press until each choice is lit, then hold."""
        for choice in choices:
            for _ in self.scene.choices:
                if self.scene.lit_choice == choice:
                    break
                self.press()
            assert self.scene.lit_choice == choice, f"{choice} can't be chosen in {self.stage}"
            self.hold()
        return self

    def consent(self, who: Who = Who.SELF_ADULT) -> Player:
        """Go from rest to the camera, with a yes to everything."""
        self.press().choose(Language("en"), who)
        while self.stage in {Stage.CONSENT, Stage.PERMISSION}:
            self.choose(Act.YES)
        return self

    def to(self, stage: Stage) -> Player:  # noqa: PLR0911 - one line for each stage
        """Come to `stage` by the straight way."""
        match stage:
            case Stage.REST:
                return self
            case Stage.LANGUAGE:
                return self.press()
            case Stage.WHO:
                return self.to(Stage.LANGUAGE).choose(Language("en"))
            case Stage.CONSENT:
                return self.to(Stage.WHO).choose(Who.CHILD_WITH_STAFF)
            case Stage.PERMISSION:
                return self.to(Stage.CONSENT).choose(Act.YES, Act.NO, Act.NO)
            case Stage.FRAMING:
                return self.consent()
            case Stage.CHOOSING:
                return self.to(Stage.FRAMING).choose(Act.TAKE).captured(3)
            case Stage.REVIEW:
                return self.to(Stage.FRAMING).choose(Act.TAKE).captured(1)
            case Stage.SEALING:
                return self.to(Stage.REVIEW).choose(Act.SEND)
            case Stage.DONE:
                return self.to(Stage.SEALING).sealed()
            case Stage.TAKEN_BACK:
                return self.to(Stage.DONE).choose(Act.TAKE_BACK).taken_back()
            case Stage.NOTHING_KEPT:
                return self.to(Stage.LANGUAGE).choose(Act.STOP)
            case Stage.CANNOT:
                return self.happens(Blocked(at=self.now, code="outbox-full")).press()

    def captured(self, faces: int) -> Player:
        return self.happens(Captured(at=self.now + 0.3, ticket=self.asked(Capture)[-1].ticket, faces=faces))

    def sealed(self) -> Player:
        return self.happens(Sealed(at=self.now + 0.1, ticket=self.asked(Seal)[-1].ticket, receipt_code="ABC-DEF-GH1"))

    def taken_back(self) -> Player:
        return self.happens(TakenBack(at=self.now + 0.1, ticket=self.asked(TakeBack)[-1].ticket))

    def asked(self, kind: type[T]) -> list[T]:
        return [command for command in self.all if isinstance(command, kind)]

    @property
    def scene(self) -> Scene:
        return self.state.scene

    @property
    def stage(self) -> Stage:
        return self.state.stage

    @property
    def said(self) -> Say:
        """What the last step let the voice say."""
        return next((command.say for command in self.last if isinstance(command, Show)), Say.NOTHING)

    @property
    def done(self) -> list[str]:
        """The names of the last step's commands."""
        return [type(command).__name__ for command in self.last]


def assert_as_new(state: flow.State) -> None:
    new, _ = flow.begin(state.plan, state.now)
    kept = replace(new, entered=state.entered, quiet_since=state.quiet_since)
    assert state == replace(kept, tickets=state.tickets, blocked=state.blocked)


def stopped(state: flow.State, now: float) -> flow.State:
    """Answer the warning if there is one, then choose stop, then finish, by presses and holds alone."""
    for _ in range(20):
        if state.stage is Stage.REST:
            return state
        now = max(now, state.now) + 2.0
        leave = not state.warning and state.scene.lit_choice in {Act.STOP, Act.FINISH}
        gesture = Hold(began=now - 1.0, at=now) if leave else Press(began=now - 0.2, at=now)
        state, commands = flow.step(state, gesture)
        assert not any(isinstance(command, StartCamera | Capture | Seal) for command in commands)
    pytest.fail(f"there is no way out of {state.stage}")
