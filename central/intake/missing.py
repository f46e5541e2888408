"""How many records each kiosk vouched for that are not here: what the office asks for, again and again.

A number that is here stays accounted for, whatever becomes of its record. So each is read once: afterwards only what
came since, and what was missing before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from central.intake.chain import holes

if TYPE_CHECKING:
    from central.store.port import Reader


@dataclass(frozen=True, slots=True)
class _Read:
    """What is known of an epoch: all numbers up to `up_to` were looked for, and these ranges were not there."""

    up_to: int
    missing: list[tuple[int, int]]


_NOTHING: Final = _Read(0, [])


class Missing:
    """Counts, and remembers for the next time. An intake that starts again reads each number once more."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, bytes], _Read] = {}

    def count(self, store: Reader, kiosk: str) -> int:
        """Say how many of a kiosk's records are missing. Raises StoreError."""
        reach = store.reach(kiosk)
        return sum(self._of(store, kiosk, epoch, reach.get(epoch, 0)) for epoch in store.epochs(kiosk))

    def _of(self, store: Reader, kiosk: str, epoch: bytes, reach: int) -> int:
        before = self._read.get((kiosk, epoch), _NOTHING)
        missing = [
            hole
            for first, last in before.missing
            for hole in holes(first, last, store.numbers(kiosk, epoch, first, last))
        ]
        new = store.numbers(kiosk, epoch, before.up_to + 1)
        up_to = new[-1] if new else before.up_to
        missing += holes(before.up_to + 1, up_to, new)
        self._read[kiosk, epoch] = _Read(up_to, missing)
        return sum(last - first + 1 for first, last in missing) + max(0, reach - up_to)
