"""The whole session as people see it: each scene's words, direction, roles and contrast, in every language and size."""

from __future__ import annotations

import fcntl
import os
import signal
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
import segno
from PIL import Image

from edge_agent.session import languages, notice
from edge_agent.wire import orders
from tests.browser.screen.fitting import SIZES, assert_fits, resize
from tests.support import browser, photographs

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.stand import Stand

FACTS = notice.Facts(ngo="A demonstration NGO", telephone="+00 000 0000", days=180)
NATIVE = {"zh": "中文", "ug": "ئۇيغۇرچە", "en": "English"}
NOTICE = 1 / 29  # of the height of the smallest display, 17 px: about the law's line of help


class Walk:
    """Looks at each scene in every size, and leaves pictures of it."""

    def __init__(self, page: Page, language: str) -> None:
        self.page = page
        self.language = language
        self.words = notice.load(language, FACTS)

    def look(self, name: str, *keys: str, chosen: bool = True, **values: str) -> None:
        """Hold a scene to the words of these keys, in this order, and to all that every scene must keep."""
        page = self.page
        for width, height in SIZES:
            resize(page, width, height)
            assert_fits(page, f"{self.language} {name}", width, height)
            browser.picture(page, f"screen/{self.language}-{width}x{height}-{name}")
        resize(self.page, 1280, 800)
        browser.assert_all_can_use(page)
        seen = flat(page.inner_text("body"))
        at = 0
        for key in keys:
            said = flat(self.words.text(key, **values))
            assert said in seen[at:], f"{key} in {name}: {seen}"
            at = seen.index(said, at)
        if chosen:
            assert page.get_attribute("html", "lang") == self.language
            assert page.get_attribute("html", "dir") == self.words.direction

    def assert_notice_is_large(self) -> None:
        """Hold the notice on the smallest display to a type that can be read from an arm's length."""
        resize(self.page, *SIZES[0])
        size = self.page.evaluate("() => parseFloat(getComputedStyle(document.querySelector('#points span')).fontSize)")
        assert size >= NOTICE * SIZES[0][1], f"the notice in {self.language} has a type of {size} px"
        resize(self.page, 1280, 800)

    def outlook(self) -> tuple[str, bool, str]:
        """The way's label, whether the shutter is drawn open, and what the camera's words are."""
        page = self.page
        drawn = page.get_attribute("#camera use", "href")
        return page.get_attribute("#way", "aria-label"), drawn == "#s-open", page.inner_text("#camera > span")


def flat(words: str) -> str:
    """Words without their line breaks, which inner_text puts wherever a line ends."""
    return "".join(words.split())


@pytest.mark.red_line(12)
@pytest.mark.red_line(13)
@pytest.mark.parametrize("language", NATIVE)
def test_a_grown_up_walks_through_every_scene_in_their_language(stand: Stand, page: Page, language: str):
    walk = Walk(page, language)
    page.emulate_media(reduced_motion="reduce")
    stand.arrive(page)
    assert [line.get_attribute("lang") for line in page.query_selector_all("#large > span")] == list(NATIVE)
    walk.look("01-rest", "screen.camera_off", "scene.rest", chosen=False)
    stand.wake(page)
    walk.look("02-language", "scene.language", "choice.again", "choice.stop", chosen=False)
    stand.choose(page, NATIVE[language], "who")
    walk.look("03-who", "scene.who", "choice.again", "choice.self_adult", "choice.child_with_parent", "choice.stop")
    assert walk.outlook() == (
        walk.words.text("screen.way", step="2", steps="5"),
        False,
        walk.words.text("screen.camera_off"),
    )
    stand.choose(page, "self_adult", "consent")
    walk.look(
        "04-tracing", "question.tracing.subject", *(f"notice.{sentence}" for sentence in notice.NOTICE), "choice.no"
    )
    walk.assert_notice_is_large()
    assert page.inner_text("#hold span") == walk.words.text("help.hold", choice=walk.words.text("choice.no"))
    stand.choose(page, "yes", "consent")
    walk.look("05-partners", "question.partners.subject", "choice.no", "choice.yes", "choice.again", "choice.stop")
    stand.choose(page, "no", "consent")
    walk.look("06-public-appeal", "question.public_appeal.subject", "choice.no", "choice.yes")
    stand.choose(page, "no", "framing")
    page.wait_for_function("() => document.querySelector('canvas').width > 1")
    page.wait_for_selector("#aside.said")
    walk.look("07-framing", "scene.framing", "choice.take", "guidance.good")
    assert walk.outlook()[1:] == (True, walk.words.text("screen.camera_on"))
    stand.choose(page, "take", "review")
    page.wait_for_function("() => document.querySelector('canvas').width === 480")
    walk.look("08-review", "scene.review", "choice.send", "choice.take_again", "choice.again", "choice.stop")
    stand.choose(page, "send", "done")
    code = page.inner_text("#code p")
    walk.look("09-done", "scene.done", "choice.again", "choice.finish", code=code)
    assert walk.outlook() == (
        walk.words.text("screen.way", step="5", steps="5"),
        False,
        walk.words.text("screen.camera_off"),
    )
    assert page.get_attribute("#code p", "dir") == "ltr"
    assert code in [figures.inner_text() for figures in page.query_selector_all("bdi[dir=ltr]")]
    assert seen_squares(page) == [list(map(bool, row)) for row in segno.make_qr(code, error="m").matrix]
    stand.choose(page, "finish", "rest")
    assert code not in page.content()
    assert len(stand.said("sealed")) == 1


def seen_squares(page: Page) -> list[list[bool]]:
    """What a camera would see of the QR: which of its squares are dark, its quiet zone left out."""
    with Image.open(BytesIO(page.locator("#code svg").screenshot())) as seen:
        grey = np.asarray(seen.convert("L"))
    count = int(page.get_attribute("#code svg", "viewBox").split()[2])
    middles = [round((place + 0.5) * grey.shape[0] / count) for place in range(count)]
    dark = grey[np.ix_(middles, middles)] < 128
    assert not dark[:4].any()
    assert not dark[:, -4:].any()
    return dark[4:-4, 4:-4].tolist()


@pytest.mark.parametrize("language", NATIVE)
def test_while_it_is_being_locked_the_person_sees_what_happens(stand: Stand, page: Page, language: str):
    walk = Walk(page, language)
    page.emulate_media(reduced_motion="reduce")
    stand.arrive(page)
    stand.come_to(page, "review", language=NATIVE[language])
    with (stand.here / "shared" / "outbox.lock").open("rb") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)  # as the courier holds it, for once long enough to look
        stand.choose(page, "send", "sealing")
        os.kill(stand.kiosk.pid, signal.SIGSTOP)
        walk.look("17-sealing", "scene.sealing", "choice.again", "choice.stop")
        assert walk.outlook()[1:] == (False, walk.words.text("screen.camera_off"))
        assert page.locator("#picture").is_hidden()
        os.kill(stand.kiosk.pid, signal.SIGCONT)
    stand.wait_for(page, "done")


@pytest.mark.red_line(1)
@pytest.mark.parametrize("language", ["ug"])
def test_what_was_sent_is_taken_back_on_the_same_screen(stand: Stand, page: Page, language: str):
    walk = Walk(page, language)
    page.emulate_media(reduced_motion="reduce")
    stand.arrive(page)
    stand.come_to(page, "done", language=NATIVE[language])
    stand.choose(page, "take_back", "taken_back")
    walk.look("13-taken-back", "scene.taken_back", "choice.again", "choice.finish")
    assert len(stand.said("taken_back")) == 1
    assert page.locator("#code").is_hidden()


@pytest.mark.red_line(3)
@pytest.mark.parametrize("language", NATIVE)
def test_a_child_and_the_grown_up_beside_read_the_whole_notice_each(stands, tmp_path, page, language):
    stand = stands(photographs.people(tmp_path / "two.png"))
    walk = Walk(page, language)
    page.emulate_media(reduced_motion="reduce")
    stand.arrive(page)
    stand.come_to(page, "permission", language=NATIVE[language], who="child_with_guardian")
    walk.look(
        "10-permission",
        "scene.permission",
        "question.tracing.adult",
        *(f"notice.{sentence}" for sentence in notice.NOTICE),
        "choice.no",
    )
    walk.assert_notice_is_large()
    for there in ("permission", "permission", "framing"):
        stand.choose(page, "yes", there)
    page.wait_for_selector("#aside.said")
    stand.choose(page, "take", "choosing")
    page.wait_for_function("() => document.querySelector('canvas').width > 1")
    walk.look("11-choosing", "scene.choosing_several", "choice.oval", "choice.take_again", "choice.stop")
    assert page.locator("#numbers span").all_inner_texts() == ["1", "2"]
    stand.press(page)
    assert page.locator("#numbers span.lit").all_inner_texts() == ["2"]
    stand.choose(page, "oval", "review")
    stand.choose(page, "stop", "nothing_kept")
    walk.look("12-nothing-kept", "nothing_kept.stopped", "choice.again", "choice.finish")


def longest(language: str) -> orders.OrderedNotice:
    """Other words for the notice, as many as a kiosk takes; they go on with their own beginning."""
    words = {sentence: languages.words(language)[f"notice.{sentence}"] for sentence in notice.NOTICE}
    plain = {name: text.replace("{", "").replace("}", "") for name, text in words.items()}
    more = {name: f"{text} {plain[name][: len(text) // 4 - 1]}".strip() for name, text in words.items()}
    return orders.OrderedNotice(id="coast-2", words={language: orders.NoticeWords(**more)})


@pytest.mark.red_line(12)
@pytest.mark.parametrize("language", NATIVE)
def test_a_notice_of_other_words_is_read_whole_where_it_is_as_long_as_it_may_be(stands, tmp_path, page, language):
    stand = stands(photographs.people(tmp_path / "two.png"))
    ordered = longest(language)
    stand.order(version=1, notice=ordered)
    walk = Walk(page, language)
    walk.words = notice.load(language, FACTS, ordered)
    page.emulate_media(reduced_motion="reduce")
    stand.arrive(page)
    stand.come_to(page, "permission", language=NATIVE[language], who="child_with_guardian")
    walk.look(
        "16-other-words",
        "scene.permission",
        "question.tracing.adult",
        *(f"notice.{sentence}" for sentence in notice.NOTICE),
        "choice.no",
    )


@pytest.mark.red_line(2)
def test_a_no_leads_back_to_the_lantern_in_the_window(stand: Stand, page: Page):
    stand.arrive(page)
    stand.come_to(page, "consent")
    stand.choose(page, "no", "nothing_kept")
    assert page.is_visible("#window")
    assert not page.is_visible("#picture")


def test_a_hold_fills_the_ring_and_letting_go_early_empties_it_without_blame(stands, alone, page):
    stand = stands(alone, pace="hold_s = 4")
    stand.arrive(page)
    stand.wake(page)
    stand.move("down")
    page.wait_for_function("() => Number(document.querySelector('#button .ring').style.strokeDashoffset) < 0.9")
    assert (
        page.evaluate("() => getComputedStyle(document.querySelector('#button .ring')).stroke") == "rgb(242, 165, 65)"
    )
    stand.move("up")
    page.wait_for_selector("#button .ring.empty", state="attached")
    page.wait_for_selector("#aside.said")
    assert "Nothing was chosen." in page.inner_text("#aside")


def test_whoever_asked_for_less_motion_sees_none(stand: Stand, page: Page):
    moving = "() => document.getAnimations().length"
    page.emulate_media(reduced_motion="reduce")
    stand.arrive(page)
    stand.wake(page)
    assert page.evaluate(moving) == 0
    page.emulate_media(reduced_motion="no-preference")
    stand.choose(page, "English", "who")
    page.wait_for_function("() => document.getAnimations({subtree: true}).length || true")


@pytest.mark.red_line(13)
def test_silence_is_answered_by_a_warning_that_fills_the_scene(stands, alone, page):
    stand = stands(alone, pace="hold_s = 0.4\nsilence_s = 3\nwarning_s = 60")
    stand.arrive(page)
    stand.wake(page)
    page.wait_for_function("() => document.querySelector('#large').textContent.includes('Are you still there?')")
    assert page.locator("#options li").count() == 0
    browser.assert_all_can_use(page)
    browser.picture(page, "screen/en-1280x800-14-warning")
    stand.move("press")
    page.wait_for_function("() => document.querySelector('#large').textContent.includes('Choose your language')")


def test_the_mirror_is_mirrored_and_the_review_is_not(stand: Stand, page: Page):
    turned = "() => getComputedStyle(document.querySelector('canvas')).transform"
    stand.arrive(page)
    stand.come_to(page, "framing")
    page.wait_for_function("() => document.querySelector('canvas').width > 1")
    assert page.evaluate(turned) == "matrix(-1, 0, 0, 1, 0, 0)"
    stand.choose(page, "take", "review")
    assert page.evaluate(turned) == "none"
