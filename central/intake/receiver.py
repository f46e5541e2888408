"""What every source of messages does alike: one broker address after the other, batches, and the core's order.

One thread does it all, so that the order of the core is the order on the wire. A source says how to connect, how to let
its library read and write once, and what became of a connection.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, Protocol

from central.intake.core import MAX_BATCH, Arrival, H
from central.intake.stopping import StoppedError
from edge_agent.events import emit

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from central.intake.core import Intake, Letter
    from central.intake.stopping import Stop
    from central.store.port import Fate

RECEIVE_MAXIMUM: Final = 2 * MAX_BATCH  # one batch on its way to the disk, one being verified
IDLE_S: Final = 0.2
CONNECT_S: Final = 10.0
GOODBYE_S: Final = 0.5  # SIGTERM promises two seconds in all

_OLDEST_S: Final = 0.2  # no message waits longer for its batch to fill
_QUIET_S: Final = 0.005  # nor at all once nothing more is coming
_RECEIPTS_S: Final = 5.0
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 30.0


class Source(Protocol[H]):
    """A broker, as one kind of client sees it: one connection after the other."""

    name: str  # what the broker knows us by
    problem: str  # why the last connection failed or ended
    arrivals: deque[Arrival[H]]  # what came and was not taken yet

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        ...

    @property
    def window(self) -> int:
        """How many receipts may be on their way at once."""
        ...

    def connect(self, host: str, port: int) -> bool:
        """Connect and begin to receive. False, with the problem noted, when it has to be tried again.

        Raises BrokerError when trying again can't help.
        """
        ...

    def loop(self, timeout: float) -> None:
        """Read and write once, waiting at most `timeout` seconds for something to do; notice a lost connection."""
        ...

    def disconnect(self) -> None:
        """Say goodbye, if we are connected; the broker keeps what we have not acknowledged."""
        ...

    def send(self, letter: Letter) -> int:
        """Begin to send a receipt; return the number by which `answered` knows it."""
        ...

    def answered(self, waiting: set[int]) -> set[int]:
        """Give those of `waiting` that the broker has answered since; a refusal is told in the log."""
        ...

    def acknowledge(self, arrivals: Sequence[Arrival[H]]) -> None:
        """Acknowledge in order. What came by a connection that is gone will come again."""
        ...


class Receiver(Generic[H]):
    """Receives from a source, over its addresses in turn, and hands the core its batches. It is the core's Carrier."""

    def __init__(
        self,
        source: Source[H],
        targets: Sequence[tuple[str, int]],
        stop: Stop,
        before: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._source = source
        self._targets = targets
        self._stop = stop
        self._before = before  # what else is to be done, before each batch

    def run(self, intake: Intake[H]) -> None:
        """Receive until asked to stop.

        Raises BrokerError when the broker can't carry records at all, StoreError when a batch can't be kept.
        """
        try:
            self._receive(intake)
        finally:
            self._source.disconnect()
        emit("stopped")

    def acknowledge(self, arrivals: Sequence[Arrival[H]]) -> None:
        """Tell the broker, in order, that it need not bring these again."""
        self._source.acknowledge(arrivals)

    # -- The core's Carrier --------------------------------------------------------------------------------------------

    def publish(self, letters: Sequence[Letter]) -> None:
        """Send receipts, as many at once as the broker takes; see the port."""
        waiting: set[int] = set()
        left = deque(letters)
        began = time.monotonic()
        patience_s = GOODBYE_S if self._stop.asked else _RECEIPTS_S
        while (left or waiting) and self._source.connected and time.monotonic() - began < patience_s:
            while left and len(waiting) < self._source.window:
                waiting.add(self._source.send(left.popleft()))
            self._source.loop(IDLE_S)
            waiting -= self._source.answered(waiting)
        if left or waiting:
            emit("receipts_given_up", count=len(left) + len(waiting))

    # -- Connections and batches ---------------------------------------------------------------------------------------

    def _receive(self, intake: Intake[H]) -> None:
        wait_s = 0.0
        for host, port in itertools.cycle(self._targets):
            address = f"{host}:{port}"
            self._source.problem = ""
            self._source.arrivals.clear()  # not acknowledged, so they come again
            try:
                with self._stop.cuts_short():
                    time.sleep(wait_s)
                    connected = self._source.connect(host, port)
            except StoppedError:
                return
            if not connected:
                emit("broker_unavailable", address=address, problem=self._source.problem)
                wait_s = min(max(2 * wait_s, _FIRST_BACKOFF_S), _LONGEST_BACKOFF_S)
                continue
            wait_s = _FIRST_BACKOFF_S
            emit("ready", address=address, client_id=self._source.name)
            self._serve(intake)
            if self._stop.asked:
                return
            emit("connection_lost", address=address, problem=self._source.problem)

    def _serve(self, intake: Intake[H]) -> None:
        """Take batches in until the connection is gone or we are asked to stop; settle what was begun."""
        while self._source.connected and not self._stop.asked:
            self._collect(hurry=intake.unsettled)
            batch = [self._source.arrivals.popleft() for _ in range(min(MAX_BATCH, len(self._source.arrivals)))]
            for work in self._before:
                work()
            _tell(intake.take(batch) if batch else intake.settle())
        _tell(intake.settle())

    def _collect(self, *, hurry: bool) -> None:
        """Receive until a batch is full, its first message is old enough, or nothing more is coming."""
        source, arrivals = self._source, self._source.arrivals
        now = time.monotonic()
        oldest_until = now + _OLDEST_S
        until = now + (_QUIET_S if hurry or arrivals else IDLE_S)
        while source.connected and len(arrivals) < MAX_BATCH and now < until and not self._stop.asked:
            before = len(arrivals)
            source.loop(until - now)
            now = time.monotonic()
            if len(arrivals) > before:
                oldest_until = oldest_until if before else now + _OLDEST_S
                until = min(now + _QUIET_S, oldest_until)


def _tell(fates: Counter[Fate]) -> None:
    if fates:
        emit("taken", **{fate.value: count for fate, count in sorted(fates.items())})
