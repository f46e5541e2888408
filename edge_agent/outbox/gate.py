"""One lock beside the outbox: whoever works on the file holds it alone. In it stands how far the file is sure.

The mark is written after a frame is on the disk and is not synced itself. So it never says too much. It may say too
little after a power cut; then the frames speak for themselves.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from edge_agent.outbox import faults, frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.outbox.frames import Mark

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
    def held(self) -> Iterator[None]:
        """Work on the outbox. Raises OutboxError when others don't finish."""
        self._take()
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def mark(self) -> Mark | None:
        """Read how far the file is sure; None when nothing readable says so."""
        with faults.told(self._path):
            return frames.read_mark(os.pread(self._fd, frames.MARK_BYTES, 0))

    def set_mark(self, mark: Mark) -> None:
        """Say how far the file is sure. The next frame proves the same, so a mark that can't be written is let be."""
        with suppress(OSError):
            os.pwrite(self._fd, frames.write_mark(mark), 0)

    def set_first_mark(self, mark: Mark) -> None:
        """Say it of a file that the mark hasn't named yet, and be sure of that: from now on a torn end means a cut."""
        with faults.told(self._path):
            os.pwrite(self._fd, frames.write_mark(mark), 0)
            os.fsync(self._fd)

    def close(self) -> None:
        """Let go of the lock file."""
        os.close(self._fd)

    def _take(self) -> None:
        for _ in range(self._tries):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE_S)
            else:
                return
        raise faults.locked(self._path)
