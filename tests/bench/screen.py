"""From the button to the page, the mirror's pace, and what both cost.

A press counts from the moment when it is certain: the contact has been open for the debounce time, which no screen can
shorten and which is told beside. The next scene is there when it stands in the page's document. The floor is the least
that could do it: bare server-sent events from the same kind of loop to the same browser, which put a number into a
page. Both are measured in turns. Both clocks are this machine's; the browser's counts from the same wall clock.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.session.pace import Pace
from tests.bench.figures import Figure, at_least, at_most, main, told
from tests.bench.kiosk import MIB, rollup
from tests.support import photographs
from tests.support.browser import chromium
from tests.support.live import LiveFleet
from tests.support.stand import Stand
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

PRESSES = 200
TIMES_THE_FLOOR, FRAMES_A_SECOND = 2, 10
WARM_S, LOOK_S = 5.0, 20.0
GROWTH_MIB = 4
PACE = "hold_s = 0.4\nsilence_s = 3600"

ECHO = b"""<!doctype html><meta charset="utf-8"><p id="options"></p><script>
new EventSource("/events").onmessage = (event) => { document.querySelector("#options").textContent = event.data; };
</script>"""
STAMP = """() => {
    window.stamps = [];
    const stamp = () => stamps.push(performance.timeOrigin + performance.now());
    const what = {childList: true, subtree: true, attributeFilter: ["aria-current"]};
    new MutationObserver(stamp).observe(document.querySelector("#options"), what);
}"""
COUNT = """() => {
    const decode = window.createImageBitmap;
    window.pictures = 0;
    window.createImageBitmap = (...rest) => { window.pictures += 1; return decode(...rest); };
}"""


class Echo(threading.Thread):
    """Bare server-sent events: each `say` is one event to the one who listens."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._listener: asyncio.StreamWriter | None = None
        self._up = threading.Event()
        self.start()
        self._up.wait()

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await server.serve_forever()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /events "):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            self._listener = writer
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + ECHO)
        writer.close()

    @property
    def heard(self) -> bool:
        return self._listener is not None

    def say(self, number: int) -> None:
        assert self._listener is not None
        self._loop.call_soon_threadsafe(self._listener.write, b"data: %d\n\n" % number)


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        without = kiosk_without(Path(name) / "without")
        with Stand(Path(name) / "fleet", [photographs.ASTRONAUT], pace=PACE) as stand:
            page = browser.new_page()
            stand.arrive(page)
            resident = rollup(stand.kiosk.pid)["Rss"]
            yield told("kiosk at rest, its page shown, resident", resident / MIB, "MiB")
            yield told("  of that, the screen", (resident - without) / MIB, "MiB")
            yield from presses(stand, page, browser.new_page())
            yield from mirror(stand, page)


def kiosk_without(folder: Path) -> int:
    """Resident memory of the same kiosk at rest, without a screen, in bytes."""
    with LiveFleet(folder) as live:
        here = live.fleet.add_kiosk("kiosk-1", [photographs.ASTRONAUT])
        (here / "script.toml").touch()
        kiosk = live.kiosk()
        kiosk.wait_for("ready", timeout=PATIENCE_S)
        return rollup(kiosk.pid)["Rss"]


def presses(stand: Stand, page: Page, beside: Page) -> Iterator[Figure]:
    echo = Echo()
    beside.goto(f"http://127.0.0.1:{echo.port}/")
    until(lambda: echo.heard, "somebody who listens to the echo")
    stand.wake(page)
    page.evaluate(STAMP)
    beside.evaluate(STAMP)
    ours, floor = [], []
    wall = time.time() - time.monotonic()  # from this machine's monotonic clock to the browser's
    debounce = Pace(hold_s=0.4, silence_s=1, warning_s=1, code_shown_s=1, notice_shown_s=1).debounce_s
    for number in range(PRESSES):
        lifted = len(fingers(stand))
        stand.move("press")
        ours.append(stamp(page, number) - wall - debounce)
        until(lambda before=lifted: len(fingers(stand)) > before, "the finger's own word")  # type: ignore[misc]
        ours[-1] -= fingers(stand)[-1]["at"]
        said = time.monotonic()
        echo.say(number)
        floor.append(stamp(beside, number) - wall - said)
    ratio = statistics.median(ours) / statistics.median(floor)
    yield at_most("press to scene over a bare SSE echo", ratio, TIMES_THE_FLOOR, "ratio")
    for name, taken in (("press to scene", ours), ("bare SSE echo", floor)):
        yield told(f"{name}, median", statistics.median(taken) * 1000, "ms")
        yield told(f"{name}, 99th percentile", statistics.quantiles(taken, n=100)[98] * 1000, "ms")
    yield told("before that, the contact's debounce", debounce * 1000, "ms")


def fingers(stand: Stand) -> list[dict[str, Any]]:
    return [facts for facts in stand.said("finger") if not facts["down"]]


def stamp(page: Page, number: int) -> float:
    """When the page changed for the `number`th time, in seconds since 1970."""
    page.wait_for_function("number => window.stamps.length > number", arg=number)
    at: float = page.evaluate("number => window.stamps[number]", number)
    return at / 1000


def mirror(stand: Stand, page: Page) -> Iterator[Figure]:
    page.evaluate(COUNT)
    for choice, there in [("English", "who"), ("self_adult", "consent"), *[("yes", "consent")] * 2, ("yes", "framing")]:
        stand.choose(page, choice, there)
    page.wait_for_timeout(WARM_S * 1000)
    drawn, resident, began = page.evaluate("window.pictures"), rollup(stand.kiosk.pid)["Rss"], time.monotonic()
    heap = page.evaluate("performance.memory.usedJSHeapSize")
    page.wait_for_timeout(LOOK_S * 1000)
    pace = (page.evaluate("window.pictures") - drawn) / (time.monotonic() - began)
    yield at_least("mirror", pace, FRAMES_A_SECOND, "frames/s")
    grown = (rollup(stand.kiosk.pid)["Rss"] - resident) / MIB
    yield at_most(f"kiosk's growth in {LOOK_S:g} s of mirror", grown, GROWTH_MIB, "MiB")
    heap = page.evaluate("performance.memory.usedJSHeapSize") - heap
    yield told(f"page's growth in {LOOK_S:g} s of mirror", heap / MIB, "MiB")


if __name__ == "__main__":
    main("The screen: from the button to the page, and the mirror.", measure)
