"""Every scene that there can be, with each of its choices lit, on every display: nothing is cut off.

The walks see each scene as people come upon it. Here are also those that a kiosk rarely shows, and what a hold would do
for each choice, as far down as a press can go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import OutboxFullError, ScreenError, VoiceError
from edge_agent.hardware.clock import SystemClock
from edge_agent.screen.screen import Screen
from edge_agent.session import notice
from edge_agent.session.consent import Party, Purpose, Question, Who
from edge_agent.session.guidance import Guidance
from edge_agent.session.scene import Act, Face, Language, Say, Scene
from edge_agent.session.table import Cause, Stage
from tests.browser.screen.fitting import assert_fits, resize
from tests.support import browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.session.scene import Choice

FACTS = notice.Facts(ngo="A demonstration NGO", telephone="+00 000 0000", days=180)
WORDS = {code: notice.load(code, FACTS) for code in ("zh", "ug", "en")}
SIZES = [(800, 480), (480, 800), (1280, 800)]  # the narrowest of each shape, and the broadest one that lies
READABLE = 1 / 34  # of the display's shorter side: three languages' line of the footer, on the smallest display 14 px
OVAL = (0.375, 0.325, 0.25, 0.35)
ENDED = (Act.AGAIN, Act.FINISH)
LEFT = (Act.AGAIN, Act.STOP)
OFFERED = (*(Language(code) for code in WORDS), *LEFT)
ASKED = (Act.NO, Act.YES, *LEFT)
ENDINGS = (Cause.STOPPED, Cause.SILENCE, Cause.FAILED, Cause.FULL)  # a no has a stop's words
BROKEN = (OutboxFullError.code, ScreenError.code, VoiceError.code)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    one = Screen(SystemClock(), tmp_path / "url", 0, lambda: WORDS, OVAL)
    yield one
    one.close()


def scene(stage: Stage, language: str | None, choices: tuple[Choice, ...], **more) -> Scene:
    return Scene(stage=stage, language=language, choices=choices, lit=0, **more)


def before_a_language() -> Iterator[tuple[str, Scene, Say]]:
    """All that is said in three languages at once."""
    yield "rest", scene(Stage.REST, None, ()), Say.NOTHING
    yield "rest, but", scene(Stage.REST, None, (), code=OutboxFullError.code), Say.NOTHING
    language = scene(Stage.LANGUAGE, None, OFFERED)
    for say in (Say.SCENE, Say.NOTHING_CHOSEN, Say.LET_GO):
        yield f"language, {say}", language, say
    yield "language, warned", replace(language, warning=True), Say.WARNING
    for code in BROKEN:
        yield f"cannot, {code}", scene(Stage.CANNOT, None, ENDED, code=code), Say.SCENE
    for ending in ENDINGS:
        yield f"nothing kept, {ending}", scene(Stage.NOTHING_KEPT, None, ENDED, ending=ending), Say.SCENE


def in_a_language(code: str) -> Iterator[tuple[str, Scene, Say]]:
    """All that is said in one."""
    who = scene(Stage.WHO, code, (Act.AGAIN, *Who, Act.STOP))
    yield "who", who, Say.SCENE
    yield "who, let go early", who, Say.NOTHING_CHOSEN
    yield "who, warned", replace(who, warning=True), Say.WARNING
    for stage, party in ((Stage.CONSENT, Party.SUBJECT), (Stage.PERMISSION, Party.GUARDIAN)):
        for purpose in Purpose:
            asked = scene(stage, code, ASKED, question=Question(purpose=purpose, party=party))
            yield f"{stage}, {purpose}", asked, Say.SCENE
    framing = scene(Stage.FRAMING, code, (Act.TAKE, *LEFT), camera_on=True)
    yield "framing", framing, Say.SCENE
    yield "framing, held for long", framing, Say.LET_GO
    yield "taking", replace(framing, taking=True), Say.SCENE
    for guidance in Guidance:
        yield f"framing, {guidance}", replace(framing, guidance=guidance), Say.GUIDANCE
    for count in (0, 2, 6):
        faces = tuple(Face(index) for index in range(count))
        choices = (*faces, Act.OVAL, Act.TAKE_AGAIN, *LEFT)
        yield f"choosing among {count}", scene(Stage.CHOOSING, code, choices, camera_on=True, faces=count), Say.SCENE
    review = scene(Stage.REVIEW, code, (Act.SEND, Act.TAKE_AGAIN, *LEFT), camera_on=True)
    yield "review", review, Say.SCENE
    yield "review, let go early", review, Say.NOTHING_CHOSEN
    yield "sealing", scene(Stage.SEALING, code, LEFT), Say.SCENE
    done = scene(Stage.DONE, code, (Act.AGAIN, Act.TAKE_BACK, Act.FINISH), receipt_code="7YK-B5H-EQT")
    yield "done", done, Say.SCENE
    yield "done, not taken back", done, Say.NOT_TAKEN_BACK
    yield "done, warned", replace(done, warning=True), Say.WARNING
    yield "taken back", scene(Stage.TAKEN_BACK, code, ENDED), Say.SCENE
    for ending in ENDINGS:
        yield f"nothing kept, {ending}", scene(Stage.NOTHING_KEPT, code, ENDED, ending=ending), Say.SCENE
    for broken in BROKEN:
        yield f"cannot, {broken}", scene(Stage.CANNOT, code, ENDED, code=broken), Say.SCENE


@pytest.mark.red_line(12)
@pytest.mark.red_line(13)
@pytest.mark.parametrize("language", [None, *WORDS])
def test_nothing_is_cut_off_in_any_scene_whichever_choice_is_lit(screen, tmp_path, page, language):
    page.emulate_media(reduced_motion="reduce")
    page.goto((tmp_path / "url").read_text(encoding="utf-8").strip())
    shown = before_a_language() if language is None else in_a_language(language)
    for number, (name, one, say) in enumerate(shown):
        show(screen, page, one, say, first=number == 0)
        for width, height in SIZES:
            resize(page, width, height)
            lights = range(max(1, len(one.choices))) if min(width, height) == 480 else [0]
            for lit in lights:
                light(screen, page, replace(one, lit=lit), say)
                assert_fits(page, f"{language}: {name}, choice {lit}", width, height)
        if one.stage is Stage.CANNOT:  # the walks judge the others
            browser.assert_all_can_use(page)


def test_no_press_changes_the_size_of_what_stands_beside_the_button(screen, tmp_path, page):
    page.goto((tmp_path / "url").read_text(encoding="utf-8").strip())
    who = scene(Stage.WHO, "en", (Act.AGAIN, *Who, Act.STOP))
    show(screen, page, who, Say.SCENE, first=True)
    resize(page, 480, 800)
    sizes = set()
    for lit in range(len(who.choices)):
        light(screen, page, replace(who, lit=lit), Say.SCENE)
        sizes.add(page.evaluate("() => getComputedStyle(document.querySelector('#hold')).fontSize"))
    assert len(sizes) == 1


def test_what_a_press_and_a_hold_do_can_be_read_before_a_language_is_chosen(screen, tmp_path, page):
    page.goto((tmp_path / "url").read_text(encoding="utf-8").strip())
    language = scene(Stage.LANGUAGE, None, OFFERED)
    show(screen, page, language, Say.SCENE, first=True)
    resize(page, 480, 800)
    for lit in range(len(OFFERED)):
        light(screen, page, replace(language, lit=lit), Say.SCENE)
        for side in ("press", "hold"):
            size = page.evaluate("(side) => parseFloat(getComputedStyle(document.getElementById(side)).fontSize)", side)
            assert size >= READABLE * 480, f"{side}, choice {lit}"


@pytest.mark.parametrize(("language", "stop"), [("en", "."), ("zh", "。")])
def test_a_telephone_number_keeps_the_stop_that_follows_it(screen, tmp_path, page, language, stop):
    page.goto((tmp_path / "url").read_text(encoding="utf-8").strip())
    show(screen, page, scene(Stage.NOTHING_KEPT, language, ENDED, ending=Cause.FULL), Say.SCENE, first=True)
    number = page.locator("#small .together")
    assert number.inner_text() == f"{FACTS.telephone}{stop}"
    for width in range(480, 700, 20):
        resize(page, width, 800)
        assert number.evaluate("(whole) => whole.getClientRects().length") == 1, f"broken at {width}"


@pytest.mark.parametrize("language", ["zh", "ug"])
def test_a_long_name_in_latin_letters_makes_no_other_words_small(tmp_path, page, language):
    facts = notice.Facts(ngo="International Committee for Missing Children", telephone="+00 000 0000", days=180)
    words = {language: notice.load(language, facts)}
    screen = Screen(SystemClock(), tmp_path / "url", 0, lambda: words, OVAL)
    try:
        page.goto((tmp_path / "url").read_text(encoding="utf-8").strip())
        done = scene(Stage.DONE, language, (Act.AGAIN, Act.TAKE_BACK, Act.FINISH), receipt_code="7YK-B5H-EQT")
        show(screen, page, done, Say.SCENE, first=True)
        for width, height in SIZES:
            resize(page, width, height)
            assert_fits(page, f"{language}: a long name", width, height)
            fit = page.evaluate("() => Number(document.documentElement.style.getPropertyValue('--fit'))")
            assert fit > 0.75, f"at {width}x{height}"
    finally:
        screen.close()


def show(screen: Screen, page, one: Scene, say: Say, *, first: bool) -> None:
    """Show a scene, and wait until it is there and has been fitted."""
    if not first:
        page.evaluate("() => { delete document.documentElement.dataset.fitted; }")
    screen.show(one, say)
    page.wait_for_function(
        "stage => document.documentElement.dataset.stage === stage && document.documentElement.dataset.fitted",
        arg=str(one.stage),
    )


def light(screen: Screen, page, one: Scene, say: Say) -> None:
    """Light another choice, and wait until it is lit."""
    screen.show(one, say)
    if one.choices and not one.warning:
        page.wait_for_function(
            "place => document.querySelector('#options').children[place]?.ariaCurrent === 'true'", arg=one.lit
        )
