"""What is said in each scene."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.errors import ScreenError, VoiceError
from edge_agent.session.consent import Who
from edge_agent.session.events import Blocked, FacesSeen
from edge_agent.session.guidance import Guidance, View
from edge_agent.session.notice import NOTICE, Facts, load
from edge_agent.session.scene import Act, Face, Language, Say
from edge_agent.session.speech import Sentence, all_sentences, label, spoken, statement
from edge_agent.session.table import Stage
from tests.unit.session.player import PACE, Player

FACTS = Facts(ngo="Lantern House", telephone="+1 555 0100", days=180)
WORDS = {language: load(language, FACTS) for language in ("en", "ug")}
ENGLISH = WORDS["en"]


def heard(person: Player) -> list[str]:
    return [sentence.words for sentence in spoken(person.scene, person.said, WORDS)]


@pytest.mark.red_line(13)
@pytest.mark.parametrize("stage", Stage)
def test_every_scene_has_words_in_every_language(stage):
    scene = Player().to(stage).scene
    for notice in WORDS.values():
        assert all(statement(scene, notice))
        assert all(label(choice, notice, WORDS) for choice in scene.choices)


@pytest.mark.red_line(12)
def test_the_whole_notice_is_heard_before_the_first_question():
    person = Player().to(Stage.CONSENT)
    notice = [ENGLISH.text(f"notice.{sentence}") for sentence in NOTICE]
    assert heard(person) == [
        *notice,
        ENGLISH.text("question.tracing.subject"),
        ENGLISH.text("help.press"),
        "Hold: No.",
    ]


@pytest.mark.red_line(12)
def test_the_adult_beside_hears_the_whole_notice_too():
    sentences = heard(Player().to(Stage.PERMISSION))
    assert sentences[0] == ENGLISH.text("scene.permission")
    assert set(sentences) >= {ENGLISH.text(f"notice.{sentence}") for sentence in NOTICE}
    assert ENGLISH.text("question.tracing.adult") in sentences


def test_a_later_purpose_is_asked_without_the_notice_again():
    person = Player().to(Stage.CONSENT).choose(Act.YES)
    assert heard(person)[0] == ENGLISH.text("question.partners.subject")


def test_until_a_language_is_chosen_each_is_heard_in_turn():
    person = Player().to(Stage.LANGUAGE)
    assert spoken(person.scene, Say.SCENE, WORDS)[:2] == (
        Sentence(language="en", key="scene.language", words=WORDS["en"].text("scene.language")),
        Sentence(language="ug", key="scene.language", words=WORDS["ug"].text("scene.language")),
    )


@pytest.mark.red_line(13)
def test_a_language_is_offered_in_itself():
    person = Player().to(Stage.LANGUAGE).press()
    assert person.scene.lit_choice == Language("ug")
    (sentence,) = spoken(person.scene, person.said, WORDS)
    assert sentence.language == "ug"
    assert WORDS["ug"].name in sentence.words


@pytest.mark.red_line(13)
def test_a_press_tells_what_a_hold_would_choose():
    assert heard(Player().to(Stage.CONSENT).press()) == ["Hold: Yes."]


def test_labels_name_people_and_faces():
    assert label(Face(0), ENGLISH, WORDS) == "Face 1"
    assert "works here" in label(Who.CHILD_WITH_STAFF, ENGLISH, WORDS)


def test_rest_has_nothing_to_choose_and_says_when_nothing_can_be_taken():
    person = Player()
    assert spoken(person.scene, Say.CHOICE, WORDS) == ()
    assert statement(person.scene, ENGLISH) == (ENGLISH.text("scene.rest"),)
    person.happens(Blocked(at=101.0, code="outbox-full"))
    assert statement(person.scene, ENGLISH) == (ENGLISH.text("scene.cannot"),)


@pytest.mark.red_line(12)
@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize(
    ("gone", "key"), [(ScreenError.code, "scene.cannot_screen"), (VoiceError.code, "scene.cannot_voice")]
)
def test_a_screen_or_a_voice_that_is_gone_is_named_in_the_persons_language_and_can_be_recorded(language, gone, key):
    person = Player().to(Stage.LANGUAGE)
    person.choose(Language(language)).happens(Blocked(at=person.now, code=gone))
    assert person.stage is Stage.CANNOT
    words = WORDS[language].text(key)
    assert heard(person)[0] == words
    assert (language, words) in {(one.language, one.words) for one in all_sentences(WORDS)}


def test_advice_a_warning_and_an_early_letting_go_are_heard_alone():
    person = Player().to(Stage.FRAMING)
    while person.said is not Say.GUIDANCE:
        person.happens(FacesSeen(at=person.now + 0.3, view=View(faces=0)))
    assert heard(person) == [ENGLISH.text("guidance.look_here")]
    assert heard(person.let_go_early()) == [ENGLISH.text("say.nothing_chosen")]
    assert heard(person.wait(PACE.silence_s)) == [ENGLISH.text("say.warning")]


def test_silence_is_an_answer_too():
    assert heard(Player().to(Stage.CONSENT).fill_the_ring(0.2)) == []


def test_choosing_without_a_face_says_that_none_was_found():
    person = Player().to(Stage.FRAMING).choose(Act.TAKE)
    assert statement(person.scene, ENGLISH) == (ENGLISH.text("scene.taking"),)
    person.captured(0)
    assert statement(person.scene, ENGLISH) == (ENGLISH.text("scene.choosing_none"),)


@pytest.mark.red_line(13)
def test_the_code_is_said_symbol_by_symbol_with_a_pause_after_each_group():
    person = Player().to(Stage.DONE)
    before, *symbols, after = spoken(person.scene, Say.SCENE, WORDS)[:11]
    assert before.words.endswith("Your code is")
    assert [one.words for one in symbols] == list("ABCDEFGH1")
    assert [one.pause_s > 0.5 for one in symbols] == [False, False, True] * 3
    assert after.words.startswith("Write it down")


@pytest.mark.red_line(13)
@pytest.mark.parametrize("stage", Stage)
def test_whatever_is_said_is_among_all_that_can_be_said(stage):
    recorded = {(one.language, one.key): one.words for one in all_sentences(WORDS)}
    person = Player().to(stage)
    for say in Say:
        scene = person.scene if say is not Say.GUIDANCE else replace(person.scene, guidance=Guidance.CLOSER)
        for lit in range(max(1, len(scene.choices))):
            for one in spoken(replace(scene, lit=lit), say, WORDS):
                assert recorded[one.language, one.key] == one.words


def test_all_that_can_be_said_has_one_name_each_and_no_place_left_to_fill():
    sentences = list(all_sentences(WORDS))
    assert len({(one.language, one.key) for one in sentences}) == len(sentences)
    assert all(one.words and "{" not in one.words for one in sentences)
