"""The red lines, held in every state that can be reached at all: a walk that takes every row of the table."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import takewhile

import pytest

from edge_agent.session import flow
from edge_agent.session.commands import (
    Command,
    DropPixels,
    Seal,
    Show,
    StartCamera,
    StopCamera,
)
from edge_agent.session.consent import Purpose
from edge_agent.session.events import (
    Blocked,
    CameraFailed,
    Captured,
    CaptureFailed,
    Event,
    Sealed,
    SealFailed,
    TakeBackFailed,
    TakenBack,
    Tick,
    Unblocked,
)
from edge_agent.session.gestures import Hold, HoldAbandoned, Press
from edge_agent.session.guidance import NO_ADVICE
from edge_agent.session.table import HOLDING, SEEING, TABLE, Cause, Stage
from tests.unit.session.player import PLAN, assert_as_new, stopped

pytestmark = [pytest.mark.red_line(number) for number in (1, 2, 3, 14)]


class Watched(dict):
    """One row of the table, which writes down what is taken from it."""

    def __init__(self, stage, row, taken):
        super().__init__(row)
        self.stage, self.taken = stage, taken

    def __getitem__(self, cause):
        self.taken.add((self.stage, cause))
        return super().__getitem__(cause)


Step = tuple[flow.State, flow.State, tuple[Command, ...]]


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    """Every step that the walk below takes: from where, to where, and what was to be done."""
    return []


@pytest.fixture(scope="module")
def everything(steps: list[Step]) -> tuple[list[flow.State], set[tuple[Stage, Cause]]]:
    """Walk through every state, times and tickets apart; tell which rows of the table were taken."""
    plan = replace(PLAN, languages=("en",), purposes=(Purpose.TRACING, Purpose.PARTNERS))
    first, _ = flow.begin(plan, 0.0)
    seen, todo, taken = {timeless(first): first}, deque([first]), set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "TABLE", {stage: Watched(stage, row, taken) for stage, row in TABLE.items()})
        while todo:
            state = todo.popleft()
            for event in anything(state):
                after, commands = flow.step(state, event)
                steps.append((state, after, commands))
                if timeless(after) not in seen:
                    seen[timeless(after)] = after
                    todo.append(after)
    return list(seen.values()), taken


def anything(state: flow.State) -> list[Event]:
    at = state.now + 1.0
    due = flow.deadline(state)
    ticket = state.awaiting.ticket if state.awaiting else 0
    return [
        Press(began=state.now + 0.9, at=at),
        Hold(began=state.now + 0.5, at=at),
        HoldAbandoned(began=state.now + 0.5, at=at),
        Tick(at=at if due is None else max(at, due)),
        Captured(at=at, ticket=ticket, faces=0),
        Captured(at=at, ticket=ticket, faces=1),
        Captured(at=at, ticket=ticket, faces=2),
        CaptureFailed(at=at, ticket=ticket, code="camera"),
        Sealed(at=at, ticket=ticket, receipt_code="ABC-DEF-GH1"),
        SealFailed(at=at, ticket=ticket, code="outbox"),
        SealFailed(at=at, ticket=ticket, code="outbox-full"),
        TakenBack(at=at, ticket=ticket),
        TakeBackFailed(at=at, ticket=ticket, code="outbox"),
        CameraFailed(at=at, code="camera"),
        Blocked(at=at, code="outbox-full"),
        Unblocked(at=at),
    ]


def timeless(state: flow.State) -> flow.State:
    consent = state.consent
    if consent is not None:
        consent = replace(consent, answers=tuple(replace(a, at=0.0, held_ms=0) for a in consent.answers))
    awaiting = state.awaiting
    if awaiting is not None:
        awaiting = replace(awaiting, ticket=0, **({"consent": None} if isinstance(awaiting, Seal) else {}))
    return replace(
        state,
        now=0.0,
        entered=0.0,
        quiet_since=0.0,
        tickets=0,
        advice=NO_ADVICE,
        consent=consent,
        awaiting=awaiting,
    )


def test_every_stage_can_be_reached(everything):
    states, _ = everything
    assert {state.stage for state in states} == set(Stage)


def test_every_row_of_the_table_can_be_taken_and_no_other(everything):
    _, taken = everything
    assert taken == {(stage, cause) for stage, row in TABLE.items() for cause in row}


def test_from_every_state_there_is_stop_and_silence_lead_to_rest(everything):
    states, _ = everything
    for state in states:
        assert_as_new(stopped(state, state.now))
        quiet = state
        while (due := flow.deadline(quiet)) is not None:
            quiet, _ = flow.step(quiet, Tick(at=due))
        assert_as_new(quiet)


def test_wherever_pixels_are_held_everybody_has_agreed(everything):
    states, _ = everything
    for state in states:
        if state.stage in HOLDING:
            assert state.consent is not None
            assert state.consent.given
        assert not state.camera_on or state.stage in SEEING


def test_whatever_ends_it_pixels_are_dropped_and_the_shutter_is_shut_before_anything_is_shown(everything, steps):
    assert everything, "the walk was made"
    ways_out = set()
    for before, after, commands in steps:
        first = [type(command) for command in takewhile(lambda command: not isinstance(command, Show), commands)]
        leaves = before.stage in HOLDING and after.stage not in HOLDING
        tries_again = before.stage in HOLDING - {Stage.FRAMING} and after.stage is Stage.FRAMING
        assert (DropPixels in first) == (leaves or tries_again), f"from {before.stage} to {after.stage}"
        assert not before.camera_on or (StopCamera in first) == (not after.camera_on)
        assert not any(isinstance(command, StartCamera) for command in commands) or after.consent.given
        if leaves:
            ways_out.add((before.stage, after.stage, after.ending))
    assert {(stage, Stage.NOTHING_KEPT, Cause.STOPPED) for stage in HOLDING} < ways_out


@pytest.mark.parametrize("cause", [Cause.SAID_NO, Cause.STOPPED, Cause.SILENCE, Cause.FAILED, Cause.FULL])
def test_all_unhappy_ends_are_the_same_but_for_their_sentence(everything, cause):
    states, _ = everything
    ends = [state for state in states if state.stage is Stage.NOTHING_KEPT and state.awaiting is None]
    assert {without_its_sentence(end) for end in ends if end.ending is cause} == {without_its_sentence(ends[0])}


def without_its_sentence(state: flow.State) -> flow.State:
    return replace(timeless(state), ending=None, code="", language=None, blocked="", lit=0, faces=0)
