"""What a person goes through, read as dialogues."""

from __future__ import annotations

import pytest

from edge_agent.errors import SettingsError
from edge_agent.session import flow
from edge_agent.session.commands import Crop, Seal, TakeBack
from edge_agent.session.consent import Party, Purpose, Question, Who
from edge_agent.session.events import FacesSeen, TakeBackFailed
from edge_agent.session.guidance import Guidance, View
from edge_agent.session.scene import LANTERNS, Act, Face, Language, Say
from edge_agent.session.table import Cause, Stage
from tests.unit.session.player import PACE, PLAN, Player

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
