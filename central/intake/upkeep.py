"""What an intake does beside its batches: erase, every hour, what has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.events import emit

if TYPE_CHECKING:
    from collections.abc import Callable

    from central.store.port import Keeper

_EVERY_S: Final = 3600


class Upkeep:
    """Call it as often as there is time. `clock` gives the time in seconds since 1970."""

    def __init__(self, keeper: Keeper, clock: Callable[[], int]) -> None:
        self._keeper = keeper
        self._clock = clock
        self._next = 0

    def __call__(self) -> None:
        """Erase what has ended, if it is time. Raises StoreError."""
        now = self._clock()
        if now < self._next:
            return
        done = self._keeper.erase_ended(now)
        self._next = now + _EVERY_S
        if done.records or done.quarantined:
            emit("ended", records=done.records, quarantined=done.quarantined)
