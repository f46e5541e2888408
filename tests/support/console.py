"""A staff console that runs: the real command in a process of its own, and the link that it printed."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from typing import TYPE_CHECKING, Self

from tests.support import console_command
from tests.support.browser import picture

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

_LINK = re.compile(r"http://\S+/enter/\S+")
_LOADED = multiprocessing.get_context("forkserver")
_LOADED.set_forkserver_preload([console_command.__name__])
_PATIENCE_S = 60.0
_ELSEWHERE = r"""() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const folder = /\/\S*?\/(fleet|stick|broker)(?=[\/\s.,:]|$)/g
    while (texts.nextNode())
        texts.currentNode.data = texts.currentNode.data.replace(folder, '/home/amina/$1')
}"""


def picture_for_the_guide(page: Page, name: str) -> None:
    """Take a picture for docs/operations.md; on whose computer it was taken is not in it."""
    page.set_viewport_size({"width": 1000, "height": 720})
    page.evaluate(_ELSEWHERE)
    page.evaluate("scrollTo(0, 0)")
    picture(page, f"console/guide/{name}")


class RunningConsole:
    """Use it as a context manager: leaving ends the server as Ctrl-C does."""

    def __init__(
        self, fleet: Path, *, who: str = "Amina", before: tuple[str, ...] = (), more: tuple[str, ...] = ()
    ) -> None:
        self._words = ["--fleet", str(fleet), "--as", who, *before, "console", *more]

    def __enter__(self) -> Self:
        heard, says = _LOADED.Pipe(duplex=False)
        self.process = _LOADED.Process(target=console_command.run, args=(says, self._words))
        self.process.start()
        says.close()
        self._heard = os.fdopen(os.dup(heard.fileno()), encoding="utf-8")
        heard.close()
        said = []
        for line in self._heard:
            said.append(line)
            self.said = "".join(said)
            if found := _LINK.search(line):
                self.link = found[0]
                self.origin = self.link.partition("/enter/")[0]
                return self
        raise AssertionError(self.said)

    def __exit__(self, *_: object) -> None:
        self.interrupt()
        self.rest()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.send_signal(signal.SIGINT)

    def send_signal(self, number: int) -> None:
        """Send its process a signal, if there is one still."""
        if self.process.is_alive():
            assert self.process.pid is not None
            os.kill(self.process.pid, number)

    def rest(self) -> str:
        """Give what it still says until its end."""
        if self._heard.closed:  # read to its end already
            return ""
        self.process.join(_PATIENCE_S)
        ended = not self.process.is_alive()
        self.process.kill()
        with self._heard:
            said = self._heard.read()
        assert ended, f"it has not ended after {_PATIENCE_S:g} s: {said}"
        return said

    def enter(self, page: Page) -> Page:
        """Open the link, as a person does, and arrive."""
        page.goto(self.link)
        page.wait_for_url(lambda url: "/enter/" not in url)
        return page
