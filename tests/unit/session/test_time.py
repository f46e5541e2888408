"""How long a kiosk waits for somebody, and what silence means."""

from __future__ import annotations

import pytest

from edge_agent.session import flow
from edge_agent.session.events import Said, Tick
from edge_agent.session.scene import Say
from edge_agent.session.table import Cause, Stage
from tests.unit.session.player import ON_THE_WAY, PACE, Player


def test_at_rest_no_time_is_running(person):
    assert flow.deadline(person.state) is None
    assert person.wait(1e6).last == ()


@pytest.mark.red_line(2)
@pytest.mark.parametrize("stage", [stage for stage in ON_THE_WAY if stage is not Stage.SEALING])
def test_silence_is_warned_of_and_ends_with_nothing_kept(stage):
    person = Player().to(stage).wait(PACE.silence_s - 0.1)
    assert person.last == ()
    person.wait(0.2)
    assert person.said is Say.WARNING
    assert person.scene.warning
    person.wait(PACE.warning_s - 0.1)
    assert person.stage is stage
    person.wait(0.2)
    assert person.scene.ending is Cause.SILENCE
    person.wait(PACE.notice_shown_s)
    assert person.stage is Stage.REST


@pytest.mark.red_line(13)
@pytest.mark.parametrize("answer", ["press", "hold", "let_go_early"])
def test_any_gesture_answers_the_warning_and_chooses_nothing(person, answer):
    person.to(Stage.REVIEW).wait(PACE.silence_s)
    getattr(person, answer)()
    assert person.stage is Stage.REVIEW
    assert not person.scene.warning
    assert person.scene.lit == 0
    assert person.said is Say.SCENE


@pytest.mark.red_line(13)
def test_somebody_who_is_holding_is_not_timed_out(person):
    person.to(Stage.CONSENT).wait(PACE.silence_s).wait(PACE.warning_s - 0.5)
    person.fill_the_ring(0.9)
    assert person.last[0].scene.hold == 0.0, "the ring does not promise a choice while the warning is there"
    person.wait(1.0)
    assert person.stage is Stage.CONSENT


@pytest.mark.red_line(13)
def test_a_kiosk_that_was_busy_still_warns_for_the_whole_time(person):
    person.to(Stage.CONSENT).wait(10 * PACE.silence_s)
    assert person.said is Say.WARNING
    assert flow.deadline(person.state) == person.now + PACE.warning_s


@pytest.mark.red_line(13)
def test_the_receipt_code_stays_long_and_is_warned_of(person):
    person.to(Stage.DONE).wait(PACE.code_shown_s)
    assert person.said is Say.WARNING
    assert person.scene.receipt_code
    person.press()
    assert not person.scene.warning
    person.wait(PACE.code_shown_s).wait(PACE.warning_s)
    assert person.stage is Stage.REST


def test_cannot_goes_back_to_rest_by_itself(person):
    assert person.to(Stage.CANNOT).wait(PACE.notice_shown_s).stage is Stage.REST


def test_an_outbox_that_does_not_answer_is_a_failure(person):
    person.to(Stage.SEALING).wait(PACE.sealing_s)
    assert person.scene.ending is Cause.FAILED
    assert person.scene.code == flow.SEALING_TOO_LONG


def test_time_that_goes_back_changes_nothing(person):
    person.to(Stage.CONSENT)
    state = person.state
    person.happens(Tick(at=0.0))
    assert person.state == state


@pytest.mark.red_line(13)
def test_silence_is_counted_from_the_end_of_what_is_said(person):
    person.to(Stage.CONSENT)
    heard_until = person.now + 100
    person.happens(Said(at=heard_until))
    assert flow.deadline(person.state) == heard_until + PACE.silence_s
    assert person.last == ()
