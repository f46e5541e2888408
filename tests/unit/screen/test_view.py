"""How a scene is laid out: all its words, and none of the page's own."""

from __future__ import annotations

import re

import msgspec
import pytest

from edge_agent.screen.view import unlit, view, waiting
from edge_agent.session.consent import Who
from edge_agent.session.events import Blocked
from edge_agent.session.notice import NOTICE, Facts, load
from edge_agent.session.scene import LANTERNS, Act, Say
from edge_agent.session.speech import label, spoken, statement
from edge_agent.session.table import SEEING, Stage
from tests.unit.docs.documents import ROOT
from tests.unit.session.player import PACE, Player

FACTS = Facts(ngo="Lantern House", telephone="+1 555 0100", days=180)
WORDS = {language: load(language, FACTS) for language in ("zh", "ug", "en")}
OVAL = (0.4, 0.3, 0.2, 0.4)
PAGE = ROOT / "edge_agent" / "screen" / "page"


def laid_out(person, say=Say.SCENE, **more):
    return view(person.scene, say, WORDS, oval=OVAL, **more)


def said(shown):
    """All words of a view, in order."""
    return [
        part.words
        for line in (*shown.before, *(point.words for point in shown.points), *shown.said)
        for part in ((line,) if hasattr(line, "words") else (line.large, line.small))
        if part is not None
    ]


@pytest.mark.red_line(12)
@pytest.mark.parametrize("stage", Stage)
def test_every_word_of_the_statement_is_on_the_page_in_its_language(stage):
    person = Player().to(stage)
    shown = laid_out(person)
    heard = [WORDS[person.scene.language]] if person.scene.language else list(WORDS.values())
    wanted = "".join(sentence for notice in heard for sentence in statement(person.scene, notice))
    assert "".join(said(shown)).replace(" ", "") == wanted.replace(" ", "")
    assert (shown.lang, shown.dir) == (heard[0].language, heard[0].direction)


@pytest.mark.red_line(13)
@pytest.mark.parametrize("stage", Stage)
def test_every_choice_is_on_the_page_the_lit_one_too_and_what_a_hold_does_is_what_the_voice_says(stage):
    person = Player().to(stage)
    shown = laid_out(person)
    language = person.scene.language
    if language:
        notice = WORDS[language]
        labels = [label(choice, notice, WORDS) for choice in person.scene.choices]
        assert [option.words[0].words for option in shown.options] == labels
    assert len(shown.options) == len(person.scene.choices)
    for option in shown.options:
        said_of_it = spoken(person.scene, Say.CHOICE, WORDS)
        assert [line.words for line in option.hold] == [line.words for line in said_of_it]
        person.press()


@pytest.mark.parametrize("stage", Stage)
def test_a_press_and_a_hold_move_the_light_and_leave_the_rest_of_the_scene_as_it_is(stage):
    person = Player().to(stage)
    before, hangs_on = laid_out(person), unlit(person.scene, person.said)
    for _ in person.scene.choices:
        person.press()
        assert (laid_out(person, person.said), unlit(person.scene, person.said)) == (before, hangs_on)


def test_what_is_said_beside_a_scene_is_another_view_of_it():
    person = Player().to(Stage.REVIEW)
    assert unlit(person.scene, Say.NOTHING_CHOSEN) != unlit(person.scene, Say.CHOICE) == unlit(person.scene, Say.SCENE)
    assert laid_out(person, Say.NOTHING_CHOSEN).aside


@pytest.mark.red_line(12)
def test_the_notice_stands_whole_each_sentence_with_its_pictogram():
    shown = laid_out(Player().to(Stage.CONSENT))
    assert [point.words.words for point in shown.points] == [WORDS["en"].text(f"notice.{s}") for s in NOTICE]
    assert len({point.sign for point in shown.points}) == len(NOTICE)


@pytest.mark.red_line(1)
@pytest.mark.parametrize("stage", Stage)
def test_the_shutter_is_open_and_pixels_are_wanted_where_the_camera_is_on_alone(stage):
    shown = laid_out(Player().to(stage))
    assert shown.seeing == (stage in SEEING)
    assert bool(shown.picture) == (stage in SEEING)
    assert 0 <= shown.lantern <= shown.lanterns == LANTERNS


def test_a_warning_takes_the_whole_scene_and_leaves_nothing_to_choose():
    person = Player().to(Stage.CONSENT).wait(PACE.silence_s)
    shown = laid_out(person, Say.WARNING)
    assert person.said is Say.WARNING
    assert " ".join(said(shown)) == WORDS["en"].text("say.warning")
    assert (shown.options, shown.points, shown.press) == ((), (), ())


def test_the_page_has_a_pictogram_for_everything_that_is_named():
    drawn = set(re.findall(r'<symbol id="s-([a-z_]+)"', (PAGE / "index.html").read_text(encoding="utf-8")))
    named = {*map(str, Act), *map(str, Who), "lantern", "shut", "open", "press", "hold", "language", "face", "clock"}
    for stage in Stage:
        shown = laid_out(Player().to(stage))
        named |= {shown.sign, *(point.sign for point in shown.points), *(option.sign for option in shown.options)}
    assert named - {""} <= drawn


def test_the_page_has_no_words_of_its_own():
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    body = re.sub(r"<!--.*?-->|<[^>]*>", " ", html.partition("<header>")[2], flags=re.DOTALL)
    assert body.split() == []


def test_a_view_is_one_line_of_json():
    assert b"\n" not in msgspec.json.encode(laid_out(Player().to(Stage.DONE), squares=["10", "01"]))


SIX = "lantern river maple cabin orbit stone"


def test_before_enrolment_the_six_words_stand_below_what_staff_do_with_them_in_every_language():
    shown = waiting(SIX, WORDS, oval=OVAL)
    wanted = "".join(notice.text("screen.six_words") for notice in WORDS.values()) + SIX
    assert "".join(said(shown)).replace(" ", "") == wanted.replace(" ", "")
    assert (shown.said[-1].large.lang, shown.said[-1].large.dir, shown.said[-1].large.words) == ("en", "ltr", SIX)
    assert (shown.options, shown.seeing, shown.window) == ((), False, "dark")


def test_as_long_as_there_are_no_six_words_it_is_said_that_no_picture_can_be_taken():
    shown = waiting("", WORDS, oval=OVAL)
    wanted = "".join(notice.text("scene.cannot") for notice in WORDS.values())
    assert "".join(said(shown)).replace(" ", "") == wanted.replace(" ", "")


def test_a_sentence_of_two_lines_stands_alone_in_the_large_type():
    person = Player().to(Stage.CONSENT).happens(Blocked(at=200.0, code="outbox-full"))
    (said,) = laid_out(person).said
    assert said.large.words == "This machine can't take a picture now."
    assert said.small is not None
    assert said.small.words.startswith("Nothing is kept.")
