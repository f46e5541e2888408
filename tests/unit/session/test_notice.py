"""The words, in every language."""

from __future__ import annotations

import hashlib
import re
import unicodedata

import pytest

from edge_agent.errors import SettingsError
from edge_agent.session import languages
from edge_agent.session.notice import Facts, Notice, load, of_words
from edge_agent.session.words import ENGLISH

FACTS = Facts(ngo="Lantern House", telephone="+1 555 0100", days=180)


def changed(**words: str | None) -> Notice:
    """English with some words changed, added, or (None) left out; dots of keys are written as two underscores."""
    changes = {key.replace("__", "."): text for key, text in words.items()}
    return of_words("en", {key: text for key, text in (dict(ENGLISH) | changes).items() if text is not None}, FACTS)


@pytest.mark.red_line(12)
@pytest.mark.parametrize("language", languages.codes())
def test_every_language_has_every_word(language):
    notice = load(language, FACTS)
    assert notice.language == language
    assert notice.texts.keys() == load("en", FACTS).texts.keys()
    assert all(words.strip() for words in notice.texts.values())


@pytest.mark.red_line(12)
@pytest.mark.parametrize("language", languages.codes())
def test_the_notice_says_who_and_how_long_and_how_to_take_it_back(language):
    notice = load(language, FACTS)
    assert "Lantern House" in notice.text("notice.who_sees")
    assert "180" in notice.text("notice.how_long")
    assert "+1 555 0100" in notice.text("notice.take_back")


@pytest.mark.red_line(12)
@pytest.mark.parametrize("language", languages.codes())
def test_the_hash_is_of_the_words_as_they_are_said(language):
    notice = load(language, FACTS)
    said = sorted((key, words) for key, words in notice.texts.items() if key.split(".")[0] in {"notice", "question"})
    lines = "".join(f"{key}\t{words}\n" for key, words in said)
    assert len(said) == 11
    assert "Lantern House" in lines
    assert notice.sha256 == hashlib.sha256(lines.encode("utf-8")).digest()


@pytest.mark.red_line(12)
@pytest.mark.parametrize("key", [k for k in load("en", FACTS).texts if k.split(".")[0] in {"notice", "question"}])
def test_a_changed_word_is_another_notice(key):
    other = of_words("en", dict(ENGLISH) | {key: f"{ENGLISH[key]} Truly."}, FACTS)
    assert other.texts[key] == f"{load('en', FACTS).texts[key]} Truly."
    assert other.sha256 != load("en", FACTS).sha256


@pytest.mark.red_line(12)
@pytest.mark.parametrize(
    "facts",
    [
        Facts(ngo="Another House", telephone=FACTS.telephone, days=180),
        Facts(ngo=FACTS.ngo, telephone="+1 555 0101", days=180),
        Facts(ngo=FACTS.ngo, telephone=FACTS.telephone, days=181),
    ],
)
def test_another_organisation_telephone_or_time_is_another_notice(facts):
    assert load("en", facts).sha256 != load("en", FACTS).sha256


def test_a_clearer_word_of_guidance_is_the_same_notice():
    clearer = changed(guidance__closer="Come one step closer.")
    assert clearer.text("guidance.closer") == "Come one step closer."
    assert clearer.sha256 == load("en", FACTS).sha256


def test_line_breaks_are_not_words():
    broken = changed(notice__how_long="They keep it for {days} days.\n  Then it is deleted.")
    assert broken.sha256 == load("en", FACTS).sha256


def test_some_words_are_filled_when_they_are_said():
    assert load("en", FACTS).text("choice.face", number="2") == "Face 2"
    assert "ABC-DEF-GH1" in load("ug", FACTS).text("scene.done", code="ABC-DEF-GH1")


@pytest.mark.parametrize(("language", "machine_made"), [("en", False), ("zh", True), ("ug", True)])
def test_what_a_machine_wrote_says_so(language, machine_made):
    assert load(language, FACTS).needs_a_native_reader is machine_made


def test_uyghur_runs_from_right_to_left():
    assert {language: load(language, FACTS).direction for language in languages.codes()} == {
        "en": "ltr",
        "ug": "rtl",
        "zh": "ltr",
    }


@pytest.mark.parametrize("language", languages.codes())
def test_words_are_written_in_one_form(language):
    for words in load(language, FACTS).texts.values():
        assert unicodedata.is_normalized("NFC", words)


def test_english_promises_nothing_and_thanks_nobody():
    words = " ".join(load("en", FACTS).texts.values()).lower()
    for never in ("we will find", "will be found", "thank", "hurry up", "must ", "guarantee"):
        assert never not in words


def test_english_sentences_are_short():
    for words in load("en", FACTS).texts.values():
        for sentence in re.split(r"[.?]\s", words):
            assert len(sentence.split()) <= 20, sentence


def test_an_unknown_language_names_those_there_are():
    with pytest.raises(SettingsError, match="'tlh'") as error:
        load("tlh", FACTS)
    assert "en, ug, zh" in error.value.next_step


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"choice__yes": None}, "choice.yes is missing"),
        ({"choice__perhaps": "Perhaps"}, "choice.perhaps is unknown"),
        ({"choice__yes": " "}, "choice.yes has no words"),
        ({"choice__face": "Face"}, "choice.face lacks a place"),
        ({"choice__yes": "Yes {code}"}, "choice.yes lacks a place to fill in, or has an unknown one"),
        ({"language__direction": "up"}, "language.direction is neither"),
    ],
)
def test_words_that_are_not_whole_are_refused(words, complaint):
    with pytest.raises(SettingsError, match=re.escape(complaint)) as error:
        changed(**words)
    assert error.value.next_step


@pytest.mark.parametrize(
    "wrong",
    [
        {"ngo": " "},
        {"telephone": ""},
        {"days": 0},
        {"ngo": "Lantern\nHouse"},
        {"ngo": "{telephone}"},
        {"telephone": "1\t2"},
    ],
)
def test_facts_that_can_not_be_said_are_refused(wrong):
    with pytest.raises(SettingsError) as error:
        Facts(**({"ngo": FACTS.ngo, "telephone": FACTS.telephone, "days": FACTS.days} | wrong))
    assert error.value.next_step
