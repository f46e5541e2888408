"""The thread that writes: one batch goes to the disk while the next is verified beside it."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from edge_agent.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

T = TypeVar("T")

# Who verifies keeps Python's lock until it is asked for it, and it is asked after this long (Python's own: 5 ms, as
# long as half a batch takes). The writer wants it for microseconds, between one wait for the disk and the next.
_HAND_OVER_S: Final = 0.0002


class Beside:
    """One thread, which does one piece of work after the other."""

    def __init__(self) -> None:
        sys.setswitchinterval(min(sys.getswitchinterval(), _HAND_OVER_S))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._closed = False

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Begin a piece of work. Raises StoreError once it is closed."""
        if self._closed:
            raise StoreError("the store was closed", next_step="Open it again.")
        return self._thread.submit(work)

    def close(self) -> None:
        """Finish what was begun, and begin nothing more. Calling it twice is fine."""
        self._closed = True
        self._thread.shutdown()
