"""The whole session as people see it: each scene's words, direction, roles and contrast, in every language and size."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
import segno
from PIL import Image

from edge_agent.session import notice
from tests.support import browser, photographs

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.stand import Stand

FACTS = notice.Facts(ngo="A demonstration NGO", telephone="+00 000 0000", days=180)
NATIVE = {"zh": "中文", "ug": "ئۇيغۇرچە", "en": "English"}
SIZES = [(800, 480), (1280, 800), (1920, 1080), (480, 800), (1080, 1920)]
SMALLEST = 1 / 42  # of the display's shorter side: three languages' camera line, on the smallest display 12 px
STAYS_INSIDE = """() => [...document.querySelectorAll("header *, main *, footer *")].filter((element) => {
    const place = element.getBoundingClientRect();
    return place.width && getComputedStyle(element).visibility === "visible" && !element.closest("#picture")
        && (place.left < -1 || place.top < -1 || place.right > innerWidth + 1 || place.bottom > innerHeight + 1);
}).map((element) => element.outerHTML.slice(0, 80))"""
OVERLAPS = """() => {
    const parts = ["#way", "#camera", "#fitted", "#beside > :not([hidden])", "#aside.said", "footer > *"];
    const places = parts.flatMap((part) => [...document.querySelectorAll(part)]
        .map((element) => [part, element.getBoundingClientRect()]))
        .filter(([, place]) => place.width && place.height);
    return places.flatMap(([one, a], i) => places.slice(i + 1).filter(([, b]) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        .map(([other]) => `${one} lies over ${other}`));
}"""
TYPE = """() => Math.min(...[...document.querySelectorAll("header span, main span, main p, main li, footer span")]
    .filter((element) => element.textContent.trim() && !element.children.length && element.getClientRects().length)
    .map((element) => parseFloat(getComputedStyle(element).fontSize)))"""


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
            self.resize(width, height)
            where = f"{self.language} {name} at {width}x{height}"
            assert page.evaluate(STAYS_INSIDE) == [], where
            assert page.evaluate(OVERLAPS) == [], where
            assert page.evaluate("() => document.documentElement.scrollHeight <= innerHeight"), where
            assert page.evaluate(TYPE) >= SMALLEST * min(width, height), where
            browser.picture(page, f"screen/{self.language}-{width}x{height}-{name}")
        self.resize(1280, 800)
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

    def resize(self, width: int, height: int) -> None:
        """Change the display, and wait until the page has taken it up."""
        self.page.set_viewport_size({"width": width, "height": height})
        size = f"{width}x{height}"
        self.page.wait_for_function("size => document.documentElement.dataset.fitted === size", arg=size)

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
    stand = stands(alone, pace="hold_s = 0.4\nsilence_s = 1\nwarning_s = 60")
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
