"""What goes wrong with screen, camera or outbox: it ends calmly, in the person's words, with nothing kept."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from edge_agent.outbox import Limits, Outbox
from edge_agent.session import notice
from provisioning.throwaway import free_port
from tests.support.browser import another, assert_all_can_use, picture
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support.stand import Stand

FACTS = notice.Facts(ngo="A demonstration NGO", telephone="+00 000 0000", days=180)
WORDS = {code: notice.load(code, FACTS) for code in ("zh", "ug", "en")}


def flat(words: str) -> str:
    return "".join(words.split())


def assert_says(page: Page, language: str, key: str) -> None:
    assert flat(WORDS[language].text(key)) in flat(page.inner_text("#text"))


def left(stand: Stand) -> int:
    """How many records wait on the kiosk."""
    outbox = Outbox.open(stand.here / "shared" / "outbox.db", Limits(1 << 30, 1000, 0))
    try:
        return len(outbox.waiting(10))
    finally:
        outbox.close()


@pytest.mark.red_line(12)
def test_without_a_browser_nobody_is_asked_anything(stand: Stand, page: Page):
    until(lambda: stand.said("fault"), "the complaint that nobody sees the page")
    stand.move("press")
    stand.kiosk.wait_for("stage", stage="cannot", timeout=PATIENCE_S)
    page.goto(stand.url)
    stand.wait_for(page, "cannot")
    for language in WORDS:
        assert_says(page, language, "scene.cannot_screen")
    assert page.get_attribute("html", "class").split() == ["lantern", "dark-lantern"]
    assert_all_can_use(page)
    picture(page, "screen/all-1280x800-15-cannot")


@pytest.mark.red_line(2)
@pytest.mark.red_line(12)
def test_a_page_that_is_closed_ends_the_session_and_says_so_when_it_is_back(stand: Stand, page: Page, browser: Browser):
    stand.arrive(page)
    stand.come_to(page, "framing", language="中文")
    page.context.close()
    stand.kiosk.wait_for("stage", stage="cannot", timeout=PATIENCE_S)
    again = browser.new_context().new_page()
    again.goto(stand.url)
    stand.wait_for(again, "cannot")
    assert again.get_attribute("html", "lang") == "zh"
    assert_says(again, "zh", "scene.cannot_screen")
    assert again.get_attribute("#camera use", "href") == "#s-shut"
    stand.choose(again, "finish", "rest")
    again.wait_for_function("() => document.querySelector('#large').textContent.includes('Press the button')")
    assert left(stand) == 0


@pytest.mark.red_line(2)
@pytest.mark.red_line(7)
def test_when_the_kiosk_itself_dies_the_page_keeps_nothing_and_says_so(stand: Stand, page: Page):
    stand.arrive(page)
    stand.come_to(page, "framing", language="中文")
    page.wait_for_function("() => document.querySelector('canvas').width > 1")
    stand.kiosk.kill()
    stand.wait_for(page, "lost")
    assert flat(WORDS["zh"].text("screen.lost")) == flat(page.inner_text("body"))
    assert page.evaluate("() => document.querySelector('canvas').width") == 1
    assert_all_can_use(page)
    picture(page, "screen/zh-1280x800-16-lost")


def test_a_kiosk_that_is_started_again_is_found_by_the_page_that_waits(stands, alone, page):
    stand = stands(alone, port=free_port())
    stand.arrive(page)
    stand.kiosk.kill()
    stand.wait_for(page, "lost")
    stand.start()
    stand.wait_for(page, "rest")


def test_a_page_that_is_loaded_anew_finds_the_session_where_it_was(stand: Stand, page: Page):
    stand.arrive(page)
    stand.come_to(page, "consent")
    page.reload()
    stand.wait_for(page, "consent")
    stand.choose(page, "yes", "consent")


@pytest.mark.red_line(2)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["is killed", "hangs"])
def test_a_browser_that_dies_or_hangs_ends_the_session_with_nothing_kept(stand, page, browser, how):
    with another(browser) as (second, processes):
        window = second.new_page()
        stand.arrive(window)
        stand.come_to(window, "review")
        processes += [pid for pid in children(processes) if pid not in processes]
        try:
            for pid in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            stand.kiosk.wait_for("stage", stage="cannot", timeout=PATIENCE_S)
            page.goto(stand.url)
            stand.wait_for(page, "cannot")
            assert_says(page, "en", "scene.cannot_screen")
            assert not page.is_visible("#picture")
            stand.choose(page, "finish", "rest")
            assert left(stand) == 0
        finally:
            for pid in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def children(processes: list[int]) -> list[int]:
    return [child.pid for pid in processes for child in psutil.Process(pid).children(recursive=True)]


@pytest.mark.red_line(2)
@pytest.mark.parametrize("language", ["zh", "ug"])
def test_a_camera_that_fails_while_framing_ends_it_in_the_persons_words(stand: Stand, page: Page, language: str):
    stand.arrive(page)
    stand.come_to(page, "framing", language=WORDS[language].name)
    page.wait_for_function("() => document.querySelector('canvas').width > 1")
    stand.move("blind")
    stand.wait_for(page, "nothing_kept")
    assert_says(page, language, "nothing_kept.failed")
    assert page.get_attribute("#camera use", "href") == "#s-shut"
    assert page.evaluate("() => document.querySelector('canvas').width") == 1
    stand.choose(page, "finish", "rest")
    assert left(stand) == 0


@pytest.mark.red_line(14)
@pytest.mark.parametrize("language", ["zh", "ug"])
def test_an_outbox_that_fills_between_consent_and_send_ends_it_in_the_persons_words(stands, alone, page, language):
    stand = stands(alone, outbox="max_records = 1")
    stand.arrive(page)
    stand.come_to(page, "review", language=WORDS[language].name)
    outbox = Outbox.open(stand.here / "shared" / "outbox.db", Limits(1 << 30, 1000, 0))
    outbox.append(secrets.token_bytes(16), lambda _link: secrets.token_bytes(50_000))
    outbox.close()
    stand.choose(page, "send", "nothing_kept")
    assert_says(page, language, "nothing_kept.full")
    stand.choose(page, "finish", "rest")
    page.wait_for_function("() => document.documentElement.classList.contains('dark-lantern')")
    assert_says(page, language, "scene.cannot")
    assert stand.said("sealed") == []
