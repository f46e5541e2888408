"""When to send which record. Pure: it is told what happened and when, and says what to publish.

The outbox holds the truth; this holds only what one run of the courier knows. A record leaves it on a signed receipt
alone. The broker's acknowledgement (PUBACK) frees a place in the window and proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LONGEST_WAIT_S: Final = 3600.0
_FIRST_BACKOFF_S: Final = 1.0
_LONGEST_BACKOFF_S: Final = 300.0
_MOST_UNRECEIPTED: Final = 500  # sent and not answered; past it we wait for the intake instead of flooding the broker
_AT_ONCE: Final = 4  # a quarter of the window: each reading of the outbox has a price, whatever it reads
_SUCCESS: Final = 0x00


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds; `window` is how many records may be on their way to the broker at once."""

    window: int
    receipt_timeout_s: float
    refused_again_s: float


@dataclass(slots=True)
class _Sent:
    first_at: float | None = None  # in this run
    attempts: int = 0
    on_the_wire: bool = False
    due_at: float = 0.0
    refused: bool = False


class Delivery:
    """The state of delivering one outbox. `jitter` gives numbers in [0, 1)."""

    def __init__(self, pace: Pace, jitter: Callable[[], float]) -> None:
        self._pace = pace
        self._jitter = jitter
        self._records: dict[bytes, _Sent] = {}
        self.on_the_wire = 0  # published, and not acknowledged by the broker
        self._refused = 0
        self._due_again: list[tuple[float, bytes]] = []  # a heap; what stands in it may have changed since
        self._window = 0
        self._hold_until = 0.0
        self._backoff_s = 0.0
        self.problem = 0  # the last MQTT reason code that was no success

    @property
    def refused(self) -> int:
        """How many records the intake keeps in quarantine and we keep too."""
        return self._refused

    def connected(self, receive_maximum: int) -> None:
        """Begin with a connection whose CONNACK allows `receive_maximum` publishes at once."""
        self._window = min(self._pace.window, receive_maximum)

    def disconnected(self) -> None:
        """Stop sending. What was on the wire may or may not have arrived: it is due again."""
        self._window = 0
        for record_id, record in self._records.items():
            if record.on_the_wire:
                record.on_the_wire = False
                self._put_off(record_id, record, 0.0)
        self.on_the_wire = 0

    def due(self, waiting: Iterable[bytes], now: float) -> list[bytes]:
        """Choose from the waiting records (oldest first) those to publish now; they count as on the wire."""
        free = self._free()
        if not free or now < self._hold_until:
            return []
        if self._next_due_again() > now:  # nothing is due again, so only what is new can be
            waiting = (record_id for record_id in waiting if record_id not in self._records)
        chosen: list[bytes] = []
        unreceipted = len(self._records) - self._refused
        for record_id in waiting:
            record = self._records.get(record_id)
            if record is None:
                if unreceipted >= _MOST_UNRECEIPTED:
                    break
                record = self._records[record_id] = _Sent(now)
                unreceipted += 1
            if record.on_the_wire or record.due_at > now:
                continue
            record.on_the_wire = True
            record.attempts += 1
            self.on_the_wire += 1
            chosen.append(record_id)
            if len(chosen) == free:
                break
        return chosen

    def acknowledged(self, record_id: bytes, reason: int, now: float) -> None:
        """Take note of a PUBACK: its reason code, at `now`.

        Only 'success' means that the broker passes it on. Any other (no subscriber, not authorised, quota exceeded)
        keeps the record here and slows all sending down.
        """
        record = self._records.get(record_id)
        if record is None or not record.on_the_wire:
            return
        record.on_the_wire = False
        self.on_the_wire -= 1
        if reason == _SUCCESS:
            self.problem, self._backoff_s = _SUCCESS, 0.0
            self._put_off(record_id, record, now + self._spread(self._timeout(record)))
            return
        self.problem = reason
        if now >= self._hold_until:  # a whole window that is refused at once is one refusal
            self._backoff_s = min(max(self._backoff_s * 2, _FIRST_BACKOFF_S), _LONGEST_BACKOFF_S)
            self._hold_until = now + self._spread(self._backoff_s)
        self._put_off(record_id, record, self._hold_until)

    def settled(self, record_id: bytes) -> None:
        """Forget a record: its receipt came, the outbox let it go."""
        record = self._records.pop(record_id, None)
        if record:
            self.on_the_wire -= record.on_the_wire
            self._refused -= record.refused

    def ms_since_sent(self, record_id: bytes, now: float) -> float | None:
        """Say how long ago a record was first sent, in milliseconds; None when that was in an earlier run."""
        record = self._records.get(record_id)
        return None if record is None or record.first_at is None else round((now - record.first_at) * 1000, 1)

    def quarantined(self, record_id: bytes, now: float) -> None:
        """Keep a record that the intake could not verify, and try it again rarely: its registry may be behind."""
        record = self._records.setdefault(record_id, _Sent())
        self.on_the_wire -= record.on_the_wire
        self._refused += not record.refused
        record.on_the_wire = False
        record.refused = True
        self._put_off(record_id, record, now + self._spread(self._pace.refused_again_s))

    def next_due(self, now: float) -> float | None:
        """Say in how many seconds something may be due; None when nothing waits for the clock."""
        if not self._free() or not (at := self._next_due_again()) < inf:
            return None
        return max(0.0, at - now, self._hold_until - now)

    def _free(self) -> int:
        """Count the free places in the window; none until it is worth while to fill them."""
        free = self._window - self.on_the_wire
        return free if free > 0 and free >= self._window // _AT_ONCE else 0

    def _put_off(self, record_id: bytes, record: _Sent, due_at: float) -> None:
        record.due_at = due_at
        heappush(self._due_again, (due_at, record_id))

    def _next_due_again(self) -> float:
        """Say when the first of those that were sent before is due, of those not on the wire."""
        while self._due_again:
            due_at, record_id = self._due_again[0]
            record = self._records.get(record_id)
            if record and not record.on_the_wire and record.due_at == due_at:
                return due_at
            heappop(self._due_again)
        return inf

    def _timeout(self, record: _Sent) -> float:
        if record.refused:
            return self._pace.refused_again_s
        doubled: float = self._pace.receipt_timeout_s * 2 ** min(record.attempts - 1, 20)
        return min(doubled, max(_LONGEST_WAIT_S, self._pace.receipt_timeout_s))

    def _spread(self, seconds: float) -> float:
        """Spread over three quarters to five quarters, so that a thousand kiosks don't come back at once."""
        return seconds * (0.75 + 0.5 * self._jitter())
