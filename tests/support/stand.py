"""Somebody before a kiosk with a screen: the real program, a finger that tests move, and a browser on its page."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Self

from edge_agent.wire.orders import Mode, Orders, sign
from provisioning.children import Child
from tests.support.live import LiveFleet
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playwright.sync_api import Page

PATIENCE_MS = PATIENCE_S * 1000
PACE = "hold_s = 0.4\nnotice_shown_s = 60"
CHOICES = """() => [...document.querySelectorAll("#options li")].map((choice) =>
    [choice.querySelector("use").getAttribute("href").slice(3), choice.textContent, choice.ariaCurrent === "true"])"""
SEEN = "() => [document.documentElement.dataset.stage, document.querySelector('#large').textContent].join()"


class Stand:
    """A kiosk of a throwaway fleet. Use it as a context manager: leaving ends the program."""

    def __init__(
        self, directory: Path, photographs: Sequence[Path], *, pace: str = PACE, port: int = 0, **tables: str
    ) -> None:
        self._open = contextlib.ExitStack()
        self.live = self._open.enter_context(LiveFleet(directory))
        screen = f'url_file = "url"\nport = {port}'
        self.here = self.live.fleet.add_kiosk("kiosk-1", photographs, pace=pace, screen=screen, **tables)
        (self.here / "script.toml").touch()
        os.mkfifo(self.here / "finger")
        self._finger = os.open(self.here / "finger", os.O_RDWR)
        self.kiosk = self.start()

    def start(self) -> Child:
        """Start the program, and wait until it is ready."""
        command = ("tests.support.kiosk_at_hand", str(self.here / "finger"), "run", "--config", str(self.settings))
        self.kiosk = self._open.enter_context(Child.python(*command))
        self.kiosk.wait_for("ready", timeout=PATIENCE_S)
        return self.kiosk

    @property
    def settings(self) -> Path:
        return self.here / "kiosk.toml"

    @property
    def url(self) -> str:
        """Where the page is, as the browser is told it."""
        return (self.here / "url").read_text(encoding="utf-8").strip()

    def order(self, **what: Any) -> None:
        """Order the kiosk otherwise, and wait until it is ready by that."""
        plain = {"fleet": self.live.fleet.name, "kiosk": "kiosk-1", "issued_at": 1, "mode": Mode.SERVE}
        signed = sign(Orders(**(plain | what)), self.live.fleet.order_signer)
        (self.here / "shared" / "orders.cose").write_bytes(signed)
        until(lambda: len(self.said("ready")) > 1, "the kiosk's readiness by its orders")

    # -- The person ----------------------------------------------------------------------------------------------------

    def move(self, movement: str) -> None:
        """Move the finger: see `kiosk_at_hand`."""
        os.write(self._finger, f"{movement}\n".encode())

    def arrive(self, page: Page) -> None:
        """Open the page, and wait until the kiosk has seen that somebody can see it."""
        page.goto(self.url)
        self.wait_for(page, "rest")
        page.wait_for_function("() => document.querySelector('#large').textContent.includes('Press the button')")

    @staticmethod
    def wait_for(page: Page, stage: str) -> None:
        """Wait until the page shows a stage."""
        page.wait_for_function(
            "stage => document.documentElement.dataset.stage === stage", arg=stage, timeout=PATIENCE_MS
        )

    def wake(self, page: Page) -> None:
        """Press at rest."""
        self.move("press")
        self.wait_for(page, "language")

    def press(self, page: Page) -> None:
        """Press, and wait until another choice is lit."""
        before = page.evaluate(CHOICES)
        self.move("press")
        until(lambda: page.evaluate(CHOICES) != before, "another lit choice")

    def hold(self, page: Page) -> None:
        """Hold until the page shows something else than before, and let go."""
        before = page.evaluate(SEEN)
        self.move("down")
        until(lambda: page.evaluate(SEEN) != before, "another scene")
        self.move("up")

    def light(self, page: Page, wanted: str) -> None:
        """Press until a choice is lit, named by its pictogram or its words."""
        for _ in page.evaluate(CHOICES):
            sign, words, _ = next(choice for choice in page.evaluate(CHOICES) if choice[2])
            if wanted in {sign, words}:
                return
            self.press(page)
        raise AssertionError(f"no choice {wanted!r} among {page.evaluate(CHOICES)}")

    def choose(self, page: Page, wanted: str, stage: str) -> None:
        """Light a choice, hold it, and wait until the stage that it leads to is there."""
        self.light(page, wanted)
        self.hold(page)
        self.wait_for(page, stage)

    def come_to(self, page: Page, stage: str, *, language: str = "English", who: str = "self_adult") -> None:
        """From rest, say yes to everything until a stage is reached."""
        self.wake(page)
        adult = [("yes", "consent")] * 2 + [("yes", "framing")]
        child = [("yes", "consent")] * 2 + [("yes", "permission")] * 3 + [("yes", "framing")]
        way = [(language, "who"), (who, "consent"), *(adult if who == "self_adult" else child)]
        for choice, there in [*way, ("take", "review"), ("send", "done")]:
            if page.evaluate("document.documentElement.dataset.stage") == stage:
                return
            self.choose(page, choice, there)

    # -- The end -------------------------------------------------------------------------------------------------------

    def said(self, event: str) -> list[dict[str, Any]]:
        """What the program has said of one kind."""
        return [facts for facts in self.kiosk.said if facts["event"] == event]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        os.close(self._finger)
