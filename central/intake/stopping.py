"""How the intake is told to stop: at once while it only waits, after the batch in hand otherwise."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class StoppedError(Exception):
    """Cuts a wait short, because we were asked to stop."""


class Stop:
    """Set by SIGTERM and SIGINT, or by `ask`."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._waiting = False

    @property
    def asked(self) -> bool:
        """Whether we were asked to stop."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, in another thread than the main one, until asked to stop; return whether we were."""
        return self._asked.wait(seconds)

    def listen(self) -> None:
        """Take the two signals. From the main thread only."""
        signal.signal(signal.SIGTERM, lambda _number, _frame: self.ask())
        signal.signal(signal.SIGINT, lambda _number, _frame: self.ask())

    def ask(self) -> None:
        """Ask to stop. In a wait that may be cut short, raises StoppedError out of it."""
        self._asked.set()
        if self._waiting:
            raise StoppedError

    @contextmanager
    def cuts_short(self) -> Generator[None]:
        """Mark a wait that may be cut short anywhere. Raises StoppedError, now or in the middle."""
        self._waiting = True
        try:
            if self.asked:
                raise StoppedError
            yield
        finally:
            self._waiting = False
