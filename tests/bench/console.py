"""The console's fleet page with 10,000 kiosks, each heard: the real server over HTTP, page by page and by search.

It is measured beside the same page of a fleet of ten, so that what the size costs can be told from what any page costs.
"""

from __future__ import annotations

import contextlib
import http.client
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.bench.figures import Figure, at_most, main, told
from tests.bench.large_fleet import fleet_of
from tests.support.console import RunningConsole

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY, FEW = 10_000, 10
AT_ONCE_S = 0.1  # what people take for no wait at all; Nielsen, Usability Engineering, 1993, ch. 5
ASKED = 15
PAGES = {
    "the first page": "/",
    "the last page": "/?page=200",
    "a search": "/?q=station+77",
    "those that need a person": "/?state=needs+a+person",
    "one state": "/?state=in+service",
    "one kiosk": "/kiosks/kiosk-00007",
}


class Visitor:
    """A browser that was let in, as far as HTTP goes."""

    def __init__(self, console: RunningConsole) -> None:
        self._address = urlsplit(console.origin)
        _, headers = self._get(urlsplit(console.link).path)
        self._cookie = headers["set-cookie"].partition(";")[0]

    def seconds(self, path: str) -> float:
        """How long a page takes, until its last byte."""
        began = time.perf_counter()
        content, _ = self._get(path, Cookie=self._cookie)
        took = time.perf_counter() - began
        assert b"</html>" in content
        return took

    def _get(self, path: str, **more: str) -> tuple[bytes, dict[str, str]]:
        headers = {"Host": self._address.netloc, "Sec-Fetch-Site": "none", **more}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._address.port)) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            return answer.read(), dict(answer.getheaders())


def figures() -> Iterator[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        RunningConsole(many_folder := fleet_of(Path(folder) / "many", MANY)) as many,
        RunningConsole(fleet_of(Path(folder) / "few", FEW)) as few,
    ):
        large, small = Visitor(many), Visitor(few)
        floor = [small.seconds("/") for _ in range(ASKED)]
        roll = many_folder / "roll.json"
        changed = []
        for _ in range(ASKED):
            roll.touch()  # as a roll that was heard would; the page is then made from nothing
            changed.append(large.seconds("/"))
        yield at_most(
            f"the first page of {MANY:,} kiosks after a change, median", statistics.median(changed), AT_ONCE_S, "s"
        )
        for name, path in PAGES.items():
            taken = [large.seconds(path) for _ in range(ASKED)]
            yield at_most(f"{name} of {MANY:,} kiosks, median", statistics.median(taken), AT_ONCE_S, "s")
        yield told(f"the first page of {FEW} kiosks, median", statistics.median(floor), "s")


if __name__ == "__main__":
    main(__doc__, figures)
