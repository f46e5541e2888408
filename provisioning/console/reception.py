"""The office's door while it is open: a thread of its own hears the kiosks that ask, and does what staff decide there.

The office's keys are in memory while the door is open, and only then. It closes when staff close it, when the server
ends, and by itself when no page has looked in for a quarter of an hour.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from edge_agent.errors import HomewardError, LocalError
from provisioning.front_desk import FrontDesk
from provisioning.office_link import OfficeLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.enrolment import Applicant
    from provisioning.front_desk import Turned
    from provisioning.office import Keys, Office

_LISTEN_S: Final = 0.25
_UNSEEN_S: Final = 15 * 60.0

Errand = tuple["Callable[[FrontDesk], bool]", "Future[bool]"]


class Reception:
    """An open door. Making one raises LocalError when no broker takes the office in."""

    def __init__(self, office: Callable[[], Office], keys: Keys) -> None:
        now, state = office(), office().state()
        self._link = OfficeLink(keys.authority, state.fleet, state.brokers, now.time)
        self._link.__enter__()  # the thread leaves it again
        self._desk = FrontDesk(office, keys, self._link)
        self._errands: queue.SimpleQueue[Errand] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._seen_at = time.monotonic()
        self.fault: HomewardError | None = None
        self._thread = threading.Thread(target=self._work, daemon=True, name="reception")
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether anybody still listens."""
        return self._thread.is_alive()

    def look(self) -> tuple[list[Applicant], list[Turned], list[str]]:
        """Give who waits for a person, who was refused, whose certificate was renewed; this keeps the door open."""
        self._seen_at = time.monotonic()
        return self._desk.pending, list(self._desk.refused)[::-1], list(self._desk.renewed)

    def applicant(self, request: str) -> Applicant:
        """Give who asked with the request of this hash. Raises LocalError."""
        for applicant in self._desk.pending:
            if applicant.sha256.hex() == request:
                return applicant
        raise LocalError("nobody waits with this request any more", next_step="Look at who waits now.")

    def approve(self, applicant: Applicant) -> bool:
        """Enrol one whose six words were compared; say whether the answer reached it. Raises FleetError."""
        return self._send(lambda desk: desk.approve([applicant])[0])

    def refuse(self, applicant: Applicant) -> None:
        """Refuse one whose words are others."""

        def refuse(desk: FrontDesk) -> bool:
            desk.refuse(applicant)
            return True

        self._send(refuse)

    def close(self) -> None:
        """Hear nobody any more; the keys are forgotten."""
        self._closed.set()
        self._thread.join()

    def _send(self, errand: Callable[[FrontDesk], bool]) -> bool:
        done: Future[bool] = Future()
        self._errands.put((errand, done))
        while True:
            with contextlib.suppress(TimeoutError):
                return done.result(timeout=_LISTEN_S)
            if not self.is_open and not done.done():
                raise LocalError("the door was closed meanwhile", next_step="Open it again. Nothing was changed.")

    def _work(self) -> None:
        try:
            while not self._closed.is_set() and time.monotonic() - self._seen_at < _UNSEEN_S:
                self._run_errands()
                self._desk.tend(_LISTEN_S)
        except HomewardError as fault:
            self.fault = fault
        finally:
            self._link.__exit__()

    def _run_errands(self) -> None:
        while not self._errands.empty():
            errand, done = self._errands.get()
            try:
                done.set_result(errand(self._desk))
            except HomewardError as fault:
                done.set_exception(fault)
