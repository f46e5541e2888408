"""One lock beside the outbox: everybody at work holds it shared, who exchanges the file holds it alone.

SQLite's own locks order the transactions inside a file. They can't keep a process from writing on in a file that
another has just set aside as damaged; this lock does.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from edge_agent.outbox import faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP_MODE: Final = 0o660  # the kiosk's and the courier's users share a group
_PAUSE_S: Final = 0.02


class Gate:
    """The lock file at `path`, locked by flock(2), so that a kill frees it.

    `patience` is how long to wait for others, in seconds.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._tries = max(1, round(patience / _PAUSE_S))
        with faults.told(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, GROUP_MODE)
            with suppress(PermissionError):  # made by the other user, who has set its mode
                os.fchmod(self._fd, GROUP_MODE)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Work on the file, beside others. Raises OutboxError when it is being exchanged for too long."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Exchange the file. Raises OutboxError when others don't finish."""
        with self._held(fcntl.LOCK_EX):
            yield

    def close(self) -> None:
        """Let go of the lock file."""
        os.close(self._fd)

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        self._take(how)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _take(self, how: int) -> None:
        for _ in range(self._tries):
            try:
                fcntl.flock(self._fd, how | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE_S)
            else:
                return
        raise faults.locked(self._path)
