"""A kiosk that is not in service yet shows its six words to whoever stands before it, for staff to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.enrolment import certificates
from edge_agent.enrolment.mailbox import Mailbox
from edge_agent.wire import enrolment
from provisioning.children import Child
from tests.browser.screen.test_faults import assert_says
from tests.support.live import LiveFleet
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page


def test_the_six_words_are_on_the_page_while_enrolment_waits_for_staff(tmp_path: Path, alone: Path, page: Page):
    with LiveFleet(tmp_path / "fleet") as live:
        here = live.fleet.add_kiosk("kiosk-1", [alone], screen='url_file = "url"\nport = 0')
        (here / "script.toml").touch()
        (here / "signing.key").unlink()
        with Child.python("edge_agent.kiosk", "run", "--config", str(here / "kiosk.toml")) as kiosk:
            kiosk.wait_for("enrolling", timeout=PATIENCE_S)
            page.goto((here / "url").read_text(encoding="utf-8").strip())
            page.wait_for_function("() => document.documentElement.dataset.stage === 'rest'")
            for language in ("en", "ug", "zh"):
                assert_says(page, language, "scene.cannot")

            words = ask_as_the_courier(live.fleet.name, here, tmp_path / "tls.key")
            page.wait_for_function("words => document.querySelector('#large').innerText.includes(words)", arg=words)
            for language in ("en", "ug", "zh"):
                assert_says(page, language, "screen.six_words")


def ask_as_the_courier(fleet: str, here: Path, key: Path) -> str:
    """Leave the request that the courier would; return its six words."""
    mailbox = Mailbox(here / "shared")
    request = enrolment.apply(
        enrolment.Request(
            fleet=fleet,
            kiosk="kiosk-1",
            name="claim-1",
            signing=mailbox.signing.read_bytes(),
            tls=certificates.make_request(certificates.new_key(key), "kiosk-1"),
        ),
        bytes(32),
    )
    mailbox.put(mailbox.request, request)
    return enrolment.words(request)
