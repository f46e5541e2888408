"""What goes wrong on the way, and how it ends for the person."""

from __future__ import annotations

import pytest

from edge_agent.session.commands import Seal
from edge_agent.session.events import (
    Blocked,
    CameraFailed,
    Captured,
    CaptureFailed,
    Sealed,
    SealFailed,
    Unblocked,
)
from edge_agent.session.scene import Act
from edge_agent.session.table import SEEING, Cause, Stage
from tests.unit.session.player import ON_THE_WAY, PACE, Player


@pytest.mark.red_line(14)
def test_a_full_outbox_is_said_before_anybody_is_asked(person):
    person.happens(Blocked(at=101.0, code="outbox-full"))
    assert person.scene.code == "outbox-full"
    person.press()
    assert person.stage is Stage.CANNOT
    assert person.scene.code == "outbox-full"
    person.choose(Act.FINISH)
    assert person.stage is Stage.REST
    person.happens(Unblocked(at=person.now)).press()
    assert person.stage is Stage.LANGUAGE
    assert person.scene.code == ""


def test_rest_is_shown_anew_only_when_something_changes(person):
    assert person.happens(Blocked(at=101.0, code="no-camera")).done == ["Show"]
    assert person.happens(Blocked(at=102.0, code="no-camera")).last == ()
    assert person.happens(Unblocked(at=103.0)).done == ["Show"]
    assert person.happens(Unblocked(at=104.0)).last == ()


@pytest.mark.red_line(14)
@pytest.mark.parametrize("stage", [stage for stage in ON_THE_WAY if stage is not Stage.SEALING])
def test_what_comes_in_the_way_is_said_at_once(stage):
    person = Player().to(stage)
    person.happens(Blocked(at=person.now, code="disabled"))
    assert person.stage is Stage.CANNOT
    assert person.scene.code == "disabled"
    expected = ["DropPixels", "StopCamera", "Show"] if stage in SEEING else ["Show"]
    assert person.done == expected


@pytest.mark.parametrize("stage", [Stage.SEALING, Stage.DONE, Stage.NOTHING_KEPT])
def test_what_comes_in_the_way_of_the_next_does_not_disturb_who_is_through(stage):
    person = Player().to(stage)
    assert person.happens(Blocked(at=person.now, code="disabled")).last == ()
    assert person.stage is stage


@pytest.mark.red_line(2)
def test_a_camera_that_does_not_start_ends_with_nothing_kept(person):
    person.to(Stage.FRAMING)
    person.happens(CameraFailed(at=person.now, code="camera"))
    assert person.scene.ending is Cause.FAILED
    assert person.scene.code == "camera"
    assert person.done == ["DropPixels", "StopCamera", "Show"]


def test_a_camera_that_fails_after_the_picture_does_not_lose_it(person):
    person.to(Stage.REVIEW)
    person.happens(CameraFailed(at=person.now, code="camera"))
    assert person.done == ["StopCamera", "Show"]
    assert not person.scene.camera_on
    person.choose(Act.SEND)
    assert person.done == ["Show", "Seal"]


def test_a_new_try_starts_a_failed_camera_anew(person):
    person.to(Stage.REVIEW)
    person.happens(CameraFailed(at=person.now, code="camera")).choose(Act.TAKE_AGAIN)
    assert person.done == ["DropPixels", "Show", "StartCamera"]


def test_a_camera_that_is_off_can_not_fail(person):
    assert person.to(Stage.CONSENT).happens(CameraFailed(at=person.now, code="camera")).last == ()


@pytest.mark.red_line(2)
@pytest.mark.parametrize("stage", [Stage.FRAMING, Stage.REVIEW])
def test_a_capture_or_a_crop_that_fails_ends_with_nothing_kept(stage):
    person = Player().to(stage)
    if stage is Stage.FRAMING:
        person.choose(Act.TAKE)
    person.happens(CaptureFailed(at=person.now, ticket=person.state.tickets, code="camera"))
    assert person.scene.ending is Cause.FAILED
    assert "DropPixels" in person.done


@pytest.mark.red_line(2)
def test_a_seal_that_fails_ends_with_nothing_kept(person):
    person.to(Stage.SEALING)
    person.happens(SealFailed(at=person.now, ticket=person.asked(Seal)[0].ticket, code="outbox"))
    assert person.scene.ending is Cause.FAILED
    assert person.scene.code == "outbox"


@pytest.mark.red_line(2)
def test_an_outbox_that_filled_on_the_way_is_told_as_what_it_is(person):
    person.to(Stage.SEALING)
    person.happens(SealFailed(at=person.now, ticket=person.asked(Seal)[0].ticket, code="outbox-full"))
    assert person.stage is Stage.NOTHING_KEPT
    assert person.scene.ending is Cause.FULL
    assert "DropPixels" in person.done


@pytest.mark.red_line(14)
@pytest.mark.parametrize("how", ["stop", "time"])
def test_a_report_that_was_sealed_already_is_not_called_nothing(how):
    person = Player().to(Stage.SEALING)
    if how == "stop":
        person.choose(Act.STOP)
    else:
        person.wait(PACE.sealing_s)
    assert person.stage is Stage.NOTHING_KEPT
    person.sealed()
    assert person.stage is Stage.DONE
    assert person.scene.receipt_code == "ABC-DEF-GH1"
    assert person.scene.ending is None
    assert person.scene.code == ""


def test_a_seal_that_fails_after_a_stop_changes_nothing(person):
    person.to(Stage.SEALING).choose(Act.STOP)
    person.happens(SealFailed(at=person.now, ticket=person.asked(Seal)[0].ticket, code="outbox"))
    assert person.scene.ending is Cause.STOPPED


def test_the_code_of_somebody_who_has_left_is_shown_to_nobody(person):
    person.to(Stage.SEALING).choose(Act.STOP, Act.FINISH)
    person.sealed()
    assert person.last == ()
    person.press().sealed()
    assert person.last == ()
    assert person.scene.receipt_code == ""


@pytest.mark.parametrize("ticket", [0, 1, 3])
def test_an_answer_that_nobody_waits_for_is_ignored(person, ticket):
    person.to(Stage.FRAMING).choose(Act.TAKE).captured(0).choose(Act.TAKE_AGAIN, Act.TAKE)
    assert person.state.tickets == 2
    assert person.happens(Captured(at=person.now, ticket=ticket, faces=1)).last == ()
    assert person.stage is Stage.FRAMING


def test_an_answer_of_another_kind_is_ignored(person):
    person.to(Stage.FRAMING).choose(Act.TAKE)
    assert person.happens(Sealed(at=person.now, ticket=1, receipt_code="ABC-DEF-GH1")).last == ()
    assert person.stage is Stage.FRAMING
