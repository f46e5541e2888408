"""The office's door while it is open: a thread of its own hears the kiosks that ask, and does what staff decide there.

The office's keys are in memory while the door is open, and only then. It closes when staff close it, when the server
ends, and by itself when no page has looked in for a quarter of an hour.
"""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, TypeVar

from edge_agent.errors import HomewardError, LocalError
from provisioning.front_desk import FrontDesk
from provisioning.languages import phrase
from provisioning.office_link import OfficeLink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioning.decisions.enrolment import Applicant
    from provisioning.front_desk import Turned
    from provisioning.office import Keys, Office
    from provisioning.office_link import Letter

_LISTEN_S: Final = 0.25
_UNSEEN_S: Final = 15 * 60.0
_ASK_EVERY_S: Final = 15.0  # how the kiosks fare

T = TypeVar("T")
Errand = tuple["Callable[[FrontDesk], Any]", "Future[Any]"]


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
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._work,), daemon=True, name="reception"
        )
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
        raise LocalError(phrase("nobody waits with this request any more"), next_step=phrase("Look at who waits now."))

    def approve(self, applicant: Applicant) -> bool:
        """Enrol one whose six words were compared; say whether the answer reached it. Raises FleetError."""
        return self._send(lambda desk: desk.approve([applicant])[0])

    def refuse(self, applicant: Applicant) -> None:
        """Refuse one whose words are others."""
        self._send(lambda desk: desk.refuse(applicant))

    def send(self, letters: Sequence[Letter]) -> int:
        """Send orders; say how many kiosks hear theirs."""
        return self._send(lambda desk: sum(desk.send(letters)))

    def alone(self, act: Callable[[], T]) -> T:
        """Do what needs the office's name at the broker to itself: a broker lets one of a name in."""
        return self._send(lambda _desk: act())

    def close(self) -> None:
        """Hear nobody any more; the keys are forgotten."""
        self._closed.set()
        self._thread.join()

    def _send(self, errand: Callable[[FrontDesk], T]) -> T:
        done: Future[T] = Future()
        spoken = contextvars.copy_context()  # what is said of it, is said in the language of who asked
        self._errands.put((lambda desk: spoken.run(errand, desk), done))
        while True:
            with contextlib.suppress(TimeoutError):
                return done.result(timeout=_LISTEN_S)
            if not self.is_open and not done.done():
                raise LocalError(
                    phrase("the door was closed meanwhile"), next_step=phrase("Open it again. Nothing was changed.")
                )

    def _work(self) -> None:
        try:
            asked_at = -_ASK_EVERY_S
            while not self._closed.is_set() and time.monotonic() - self._seen_at < _UNSEEN_S:
                self._run_errands()
                if time.monotonic() - asked_at > _ASK_EVERY_S:
                    asked_at = time.monotonic()
                    self._desk.ask()
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
