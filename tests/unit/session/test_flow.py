"""What a person goes through, read as dialogues."""

from __future__ import annotations

import pytest

from edge_agent.errors import SettingsError
from edge_agent.session import flow
from edge_agent.session.commands import Crop, Seal, Show, TakeBack
from edge_agent.session.consent import Party, Purpose, Question, Who
from edge_agent.session.events import (
    Blocked,
    CameraFailed,
    Captured,
    CaptureFailed,
    FacesSeen,
    Said,
    Sealed,
    SealFailed,
    TakeBackFailed,
    Tick,
    Unblocked,
)
from edge_agent.session.gestures import Freed, Hold, HoldProgress, Press, Stuck
from edge_agent.session.guidance import Guidance, View
from edge_agent.session.scene import LANTERNS, Act, Face, Language, Say
from edge_agent.session.table import SEEING, Cause, Stage
from tests.unit.session.player import PACE, PLAN, Player


@pytest.fixture
def person() -> Player:
    return Player()


# -- From rest to a receipt code ---------------------------------------------------------------------------------------


def test_a_grown_up_sends_a_report(person):
    person.press()
    assert person.stage is Stage.LANGUAGE
    person.choose(Language("ug"))
    assert person.scene.language == "ug"
    person.choose(Who.SELF_ADULT)
    assert person.scene.question == Question(purpose=Purpose.TRACING, party=Party.SUBJECT)
    person.choose(Act.YES, Act.YES, Act.NO)
    assert person.done == ["Show", "StartCamera"]
    person.choose(Act.TAKE)
    assert person.done == ["Show", "Capture"]
    assert person.scene.taking
    person.captured(1)
    assert person.done == ["Crop", "Show"]
    person.choose(Act.SEND)
    assert person.done == ["StopCamera", "Show", "Seal"]
    person.sealed()
    assert person.done == ["DropPixels", "Show"]
    assert person.scene.receipt_code == "ABC-DEF-GH1"
    person.choose(Act.FINISH)
    assert person.stage is Stage.REST


def test_what_is_sealed_names_the_language_and_every_answer(person):
    person.to(Stage.REVIEW).choose(Act.SEND)
    consent = person.asked(Seal)[0].consent
    assert consent.language == "en"
    assert [(a.question.party, a.question.purpose, a.agreed) for a in consent.answers] == [
        (Party.SUBJECT, purpose, True) for purpose in Purpose
    ]
    assert all(answer.held_ms == 1200 for answer in consent.answers)


@pytest.mark.red_line(3)
def test_a_child_answers_and_then_the_adult_beside(person):
    person.to(Stage.CONSENT)
    person.choose(Act.YES, Act.YES, Act.NO)
    assert person.stage is Stage.PERMISSION
    assert person.scene.question == Question(purpose=Purpose.TRACING, party=Party.STAFF)
    person.choose(Act.YES)
    assert person.scene.question == Question(purpose=Purpose.PARTNERS, party=Party.STAFF)
    person.choose(Act.NO)
    assert person.stage is Stage.FRAMING


def test_the_lanterns_lead_from_the_first_step_to_the_last():
    way = (Stage.REST, Stage.LANGUAGE, Stage.WHO, Stage.CONSENT, Stage.PERMISSION, Stage.REVIEW, Stage.DONE)
    assert [Player().to(stage).scene.lantern for stage in way] == [0, 1, 2, 3, 3, 4, LANTERNS]


# -- The grammar of every scene ----------------------------------------------------------------------------------------

AWAKE = [stage for stage in Stage if stage is not Stage.REST]
ON_THE_WAY = [stage for stage in AWAKE if stage not in {Stage.DONE, Stage.TAKEN_BACK, Stage.NOTHING_KEPT, Stage.CANNOT}]


@pytest.mark.red_line(13)
@pytest.mark.parametrize("stage", AWAKE)
def test_presses_light_every_choice_in_turn_and_come_around(stage):
    person = Player().to(stage)
    lit = []
    for _ in person.scene.choices:
        lit.append(person.scene.lit_choice)
        person.press()
        assert person.said is Say.CHOICE
    assert tuple(lit) == person.scene.choices
    assert person.scene.lit == 0


@pytest.mark.red_line(13)
@pytest.mark.parametrize("stage", AWAKE)
def test_every_scene_can_be_heard_again(stage):
    person = Player().to(stage).choose(Act.AGAIN)
    assert person.stage is stage
    assert person.scene.lit == 0
    assert person.said is Say.SCENE


@pytest.mark.red_line(1)
@pytest.mark.parametrize("stage", ON_THE_WAY)
def test_every_scene_on_the_way_can_be_stopped(stage):
    person = Player().to(stage).choose(Act.STOP)
    assert person.stage is Stage.NOTHING_KEPT
    assert person.scene.ending is Cause.STOPPED


@pytest.mark.red_line(1)
@pytest.mark.parametrize("stage", [Stage.CONSENT, Stage.PERMISSION])
def test_saying_no_is_easier_than_saying_yes(stage):
    choices = Player().to(stage).scene.choices
    assert choices[0] is Act.NO
    assert choices.index(Act.YES) == 1


@pytest.mark.red_line(3)
def test_an_unmeant_hold_says_nothing_about_who_somebody_is(person):
    person.to(Stage.WHO).hold()
    assert person.stage is Stage.WHO
    assert person.state.consent is None


@pytest.mark.parametrize("wakes", ["press", "hold", "let_go_early"])
def test_any_gesture_wakes(person, wakes):
    getattr(person, wakes)()
    assert person.stage is Stage.LANGUAGE


def test_a_ring_at_rest_wakes_nobody_yet(person):
    assert person.fill_the_ring(0.5).last == ()


def test_the_ring_is_shown_while_it_fills(person):
    person.to(Stage.CONSENT).fill_the_ring(0.4)
    assert person.last == (Show(scene=person.last[0].scene, say=Say.NOTHING),)
    assert person.last[0].scene.hold == 0.4


def test_letting_go_early_chooses_nothing_and_blames_nobody(person):
    person.to(Stage.CONSENT).press().let_go_early()
    assert person.said is Say.NOTHING_CHOSEN
    assert person.scene.lit_choice is Act.YES
    assert person.last[0].scene.hold == 0.0


@pytest.mark.red_line(1)
def test_a_hold_that_began_in_the_scene_before_sends_nothing(person):
    person.to(Stage.FRAMING).choose(Act.TAKE)
    down = person.now + 0.1
    person.happens(Captured(at=down + 0.5, ticket=1, faces=1))
    assert person.scene.lit_choice is Act.SEND
    person.happens(HoldProgress(began=down, at=down + 0.7, fraction=0.3))
    assert person.last[0].scene.hold == 0.0
    person.happens(Hold(began=down, at=down + PACE.hold_s))
    assert person.stage is Stage.REVIEW
    assert person.said is Say.NOTHING_CHOSEN


def test_a_press_that_began_in_the_scene_before_moves_nothing(person):
    person.to(Stage.CONSENT)
    person.happens(Press(began=person.now - 0.2, at=person.now + 0.1))
    assert person.scene.lit == 0


def test_a_button_that_stays_down_is_told_so_and_decides_nothing(person):
    person.to(Stage.CONSENT)
    before = person.stage, person.state.lit, person.state.quiet_since
    person.happens(Stuck(began=person.now, at=person.now + 10))
    assert person.said is Say.LET_GO
    person.happens(Freed(began=person.now, at=person.now + 15))
    assert person.last == ()
    assert (person.stage, person.state.lit, person.state.quiet_since) == before


def test_a_button_stuck_at_rest_says_nothing(person):
    assert person.happens(Stuck(began=100.0, at=110.0)).last == ()


# -- Time --------------------------------------------------------------------------------------------------------------


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


# -- Refusing ----------------------------------------------------------------------------------------------------------


@pytest.mark.red_line(2)
def test_a_no_to_tracing_ends_it_and_nothing_is_kept(person):
    person.to(Stage.CONSENT).choose(Act.NO)
    assert person.scene.ending is Cause.SAID_NO
    assert person.state.consent is None


@pytest.mark.red_line(3)
def test_the_adults_no_ends_it_like_any_other(person):
    person.to(Stage.PERMISSION).choose(Act.NO)
    own = Player().to(Stage.CONSENT).choose(Act.NO)
    assert person.scene == own.scene


# -- Before the camera -------------------------------------------------------------------------------------------------


def test_advice_is_shown_when_it_changes_and_only_then(person):
    person.to(Stage.FRAMING)
    for place in range(6):
        person.happens(FacesSeen(at=person.now + 0.2, view=View(faces=0)))
        assert person.said is (Say.GUIDANCE if place == 4 else Say.NOTHING)
    assert person.scene.guidance is Guidance.LOOK_HERE


def test_advice_does_not_follow_into_the_review(person):
    person.to(Stage.FRAMING)
    for _ in range(6):
        person.happens(FacesSeen(at=person.now + 0.2, view=View(faces=0)))
    person.choose(Act.TAKE).captured(1)
    assert person.scene.guidance is None
    assert person.happens(FacesSeen(at=person.now + 1, view=View(faces=0))).last == ()


@pytest.mark.red_line(5)
def test_a_picture_can_be_taken_against_all_advice(person):
    person.to(Stage.FRAMING)
    for _ in range(10):
        person.happens(FacesSeen(at=person.now + 0.2, view=View(faces=1, width=0.01, light=0.0, shift=1.0)))
    person.choose(Act.TAKE).captured(1).choose(Act.SEND).sealed()
    assert person.stage is Stage.DONE


def test_holding_twice_takes_one_picture(person):
    person.to(Stage.FRAMING).hold().hold()
    assert person.done == ["Show"]
    assert person.state.tickets == 1


@pytest.mark.red_line(6)
def test_one_of_several_faces_is_chosen(person):
    person.to(Stage.CHOOSING)
    assert person.scene.faces == 3
    assert person.scene.choices == (Face(0), Face(1), Face(2), Act.OVAL, Act.TAKE_AGAIN, Act.AGAIN, Act.STOP)
    person.choose(Face(1))
    assert person.stage is Stage.REVIEW
    assert person.asked(Crop)[-1].choice == Face(1)


@pytest.mark.red_line(5)
def test_without_a_face_the_centre_of_the_oval_can_be_chosen(person):
    person.to(Stage.FRAMING).choose(Act.TAKE).captured(0)
    assert person.scene.choices == (Act.OVAL, Act.TAKE_AGAIN, Act.AGAIN, Act.STOP)
    person.choose(Act.OVAL)
    assert person.asked(Crop)[-1].choice is Act.OVAL
    assert person.stage is Stage.REVIEW


@pytest.mark.parametrize("stage", [Stage.CHOOSING, Stage.REVIEW])
def test_a_new_try_drops_the_last_picture_and_keeps_the_camera(stage):
    person = Player().to(stage).choose(Act.TAKE_AGAIN)
    assert person.stage is Stage.FRAMING
    assert person.done == ["DropPixels", "Show"]
    assert not person.scene.taking


# -- What goes wrong ---------------------------------------------------------------------------------------------------


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


# -- What a kiosk asks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("languages", [(), ("en", "en")])
def test_a_kiosk_without_languages_is_refused(languages):
    with pytest.raises(SettingsError, match="language"):
        flow.Plan(languages=languages, purposes=PLAN.purposes, pace=PACE)


@pytest.mark.parametrize("purposes", [(), (Purpose.PARTNERS, Purpose.TRACING), (Purpose.TRACING, Purpose.TRACING)])
def test_a_kiosk_that_does_not_ask_about_tracing_first_is_refused(purposes):
    with pytest.raises(SettingsError, match="tracing"):
        flow.Plan(languages=("en",), purposes=purposes, pace=PACE)


def test_a_kiosk_may_ask_about_tracing_alone():
    person = Player(flow.Plan(languages=("en",), purposes=(Purpose.TRACING,), pace=PACE))
    person.press().choose(Language("en"), Who.CHILD_WITH_PARENT, Act.YES)
    assert person.stage is Stage.PERMISSION
    person.choose(Act.YES)
    assert person.stage is Stage.FRAMING


# -- Taking it back ----------------------------------------------------------------------------------------------------


@pytest.mark.red_line(1)
def test_who_has_sent_a_report_takes_it_back_by_one_hold(person):
    person.to(Stage.DONE)
    assert person.scene.choices == (Act.AGAIN, Act.TAKE_BACK, Act.FINISH)
    person.press().hold()
    assert person.done == ["Show", "TakeBack"]
    person.taken_back()
    assert person.stage is Stage.TAKEN_BACK
    assert person.scene.receipt_code == ""
    assert person.wait(PACE.notice_shown_s).stage is Stage.REST


def test_an_unmeant_hold_takes_nothing_back(person):
    person.to(Stage.DONE).hold()
    assert person.stage is Stage.DONE
    assert person.asked(TakeBack) == []


def test_a_report_is_taken_back_once(person):
    person.to(Stage.DONE).choose(Act.TAKE_BACK)
    assert person.hold().done == ["Show"]
    assert len(person.asked(TakeBack)) == 1


@pytest.mark.red_line(11)
def test_what_could_not_be_taken_back_here_keeps_its_code_and_says_what_is_left_to_do(person):
    person.to(Stage.DONE).choose(Act.TAKE_BACK)
    person.happens(TakeBackFailed(at=person.now, ticket=person.asked(TakeBack)[-1].ticket, code="outbox"))
    assert (person.stage, person.said) == (Stage.DONE, Say.NOT_TAKEN_BACK)
    assert person.scene.receipt_code == "ABC-DEF-GH1"
    person.choose(Act.TAKE_BACK).taken_back()
    assert person.stage is Stage.TAKEN_BACK


def test_a_late_answer_to_a_take_back_changes_nothing_for_the_next_person(person):
    person.to(Stage.DONE).choose(Act.TAKE_BACK, Act.FINISH)
    assert person.stage is Stage.REST
    person.taken_back()
    assert person.stage is Stage.REST


# -- Listening ---------------------------------------------------------------------------------------------------------


@pytest.mark.red_line(13)
def test_silence_is_counted_from_the_end_of_what_is_said(person):
    person.to(Stage.CONSENT)
    heard_until = person.now + 100
    person.happens(Said(at=heard_until))
    assert flow.deadline(person.state) == heard_until + PACE.silence_s
    assert person.last == ()
