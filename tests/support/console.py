"""A staff console that runs: the real command in a process of its own, and the link that it printed."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from tests.support.browser import picture

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

_LINK = re.compile(r"http://\S+/enter/\S+")
_COMMAND = "from provisioning.cli import main; main()"
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
        command = [sys.executable, "-c", _COMMAND, "--fleet", str(fleet), "--as", who, *before, "console"]
        self._command = [*command, *more]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout
        said = []
        for line in self.process.stdout:
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
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)

    def rest(self) -> str:
        """Give what it still says until its end."""
        try:
            said, _ = self.process.communicate(timeout=_PATIENCE_S)
        except ValueError:  # read to its end already
            return ""
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return said

    def enter(self, page: Page) -> Page:
        """Open the link, as a person does, and arrive."""
        page.goto(self.link)
        page.wait_for_url(lambda url: "/enter/" not in url)
        return page
