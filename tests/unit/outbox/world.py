"""An outbox to try things on, and records to put into it."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edge_agent.outbox import Limits, Link, Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edge_agent.outbox import Entry

ROOMY = Limits(max_bytes=64 << 20, max_records=5000, keep_free_bytes=0)


def an_id(number: int) -> bytes:
    return hashlib.sha256(b"id %d" % number).digest()[:16]


def sealed_with(link: Link, number: int, size: int = 3000) -> bytes:
    """Stand in for a sealed record: it names its link, and is different for every number."""
    start = link.epoch + link.seq.to_bytes(8) + link.previous + number.to_bytes(8)
    return start + hashlib.shake_256(b"bytes %d" % number).digest(size - len(start))


def sealing(number: int, size: int = 3000) -> Callable[[Link], bytes]:
    return lambda link: sealed_with(link, number, size)


def must_not_seal(link: Link) -> bytes:
    raise AssertionError(f"sealed again, at {link}")


@contextmanager
def opened(path: Path, limits: Limits = ROOMY, renew_after: int = 8 << 20) -> Iterator[Outbox]:
    outbox = Outbox.open(path, limits, patience=0.1, renew_after=renew_after)
    try:
        yield outbox
    finally:
        outbox.close()


def fill(outbox: Outbox, numbers: range, size: int = 3000) -> list[Entry]:
    return [outbox.append(an_id(number), sealing(number, size)) for number in numbers]


def receipt(outbox: Outbox, *entries: Entry) -> None:
    outbox.mark_receipted({entry.record_id: entry.sha256 for entry in entries})


def damage(path: Path, at: int, with_bytes: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(with_bytes)
