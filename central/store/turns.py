"""Whose turn it is to write into a SQLite file: one program after the other, in the order in which they asked.

SQLite up to 3.51.2 can lose a reset of the WAL when two connections write or checkpoint at once. So whoever opens,
writes, checkpoints or closes does it in a turn, held by locks on files beside the store that end with their process,
however that ends. Readers need none: they are read-only, and never checkpoint.

Who waits for the pen holds the place at the front of the queue meanwhile: whoever has just written has to ask again
behind it, so that an intake under load keeps nobody waiting for ever.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from edge_agent.errors import StoreError
from edge_agent.files import OWNER_ONLY

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_PATIENCE_S: Final = 60.0  # a turn is one batch, or some hundred records to erase
_POLL_S: Final = 0.005


class Turns:
    """One program's way to its turns at a store. `resources` lets go of it."""

    def __init__(self, path: Path, resources: ExitStack) -> None:
        self._path = path
        self._over = False
        self._front = _open(path, "front", resources)
        self._pen = _open(path, "pen", resources)
        resources.callback(self._end)

    def take(self) -> None:
        """Wait for our turn, and have it. Raises StoreError when another program never ends its own."""
        if self._over:
            raise StoreError("the store was closed", next_step="Open it again.")
        given_up_at = time.monotonic() + _PATIENCE_S
        self._wait(self._front, given_up_at)
        try:
            self._wait(self._pen, given_up_at)
        finally:
            fcntl.flock(self._front, fcntl.LOCK_UN)

    def give(self) -> None:
        """End our turn."""
        fcntl.flock(self._pen, fcntl.LOCK_UN)

    @contextmanager
    def mine(self) -> Generator[None]:
        """Have a turn in a `with` statement."""
        self.take()
        try:
            yield
        finally:
            self.give()

    def _end(self) -> None:
        self._over = True

    def _wait(self, lock: int, given_up_at: float) -> None:
        while not _locked(lock):
            if time.monotonic() > given_up_at:
                raise StoreError(
                    f"another program writes to {self._path}, and has not ended within {_PATIENCE_S:g} s",
                    next_step="Wait for it, or end it: `fuser` names it. Nothing was changed.",
                )
            time.sleep(_POLL_S)


@contextmanager
def alone(path: Path) -> Generator[None]:
    """Be the one intake that runs on a store meanwhile. Raises StoreError when another one does."""
    with ExitStack() as resources:
        if not _locked(_open(path, "lock", resources)):
            raise StoreError(
                f"another intake runs on {path}", next_step="Stop that one first; the broker knows both by one name."
            )
        yield


def _open(path: Path, name: str, resources: ExitStack) -> int:
    beside = path.with_name(f"{path.name}.{name}")
    try:
        lock = os.open(beside, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    except OSError as fault:
        raise StoreError(
            f"{beside} can't be made: {fault.strerror}", next_step="Make its folder, for the intake's user to write in."
        ) from fault
    resources.callback(os.close, lock)
    return lock


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
