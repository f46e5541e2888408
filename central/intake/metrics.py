"""What an intake tells about itself to Prometheus, and whether it is well: numbers alone, nothing of any person.

The core does not know that it is measured: what it is given to keep records with, and to answer by, counts.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final, Generic
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    make_wsgi_app,
)

from central.intake.core import H
from central.store.port import Fate
from edge_agent.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from concurrent.futures import Future
    from wsgiref.types import StartResponse, WSGIEnvironment

    from central.intake.core import Arrival, Carrier, Letter, Vault
    from central.store.port import Entry
    from central.trust import Floor

LOOPBACK: Final = "127.0.0.1"
_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """All that is measured. One for each process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._messages = Counter(
            "homeward_intake_messages", "Messages taken in, by what became of them", ["fate"], registry=self.registry
        )
        for fate in Fate:
            self._messages.labels(fate.value)  # there from the beginning, so that a rate can be taken of each
        self._bytes = Counter("homeward_intake_bytes", "Bytes of the messages taken in", registry=self.registry)
        self._commit_s = Histogram(
            "homeward_intake_commit_seconds",
            "From a verified batch to the disk's word for it",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._receipts = Counter(
            "homeward_intake_receipts", "Signed receipts handed to the broker", registry=self.registry
        )
        self._receipts_s = Histogram(
            "homeward_intake_receipts_seconds",
            "From a batch's receipts to the broker's word for all of them",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._acknowledged = Counter(
            "homeward_intake_acknowledged", "Messages that the broker need not bring again", registry=self.registry
        )
        self._last = Gauge(
            "homeward_intake_last_commit_timestamp_seconds", "When the last batch was kept", registry=self.registry
        )
        self._store = Gauge(
            "homeward_intake_store_up", "Whether the store took what it was last given", registry=self.registry
        )
        self._store.set(1)
        self._store_waits = Counter(
            "homeward_intake_store_waits", "How often a store that failed was waited for", registry=self.registry
        )
        self._broker = Gauge("homeward_intake_broker_up", "Whether the connection stands", registry=self.registry)
        self._waiting = Gauge(
            "homeward_intake_waiting", "Messages that came and are not being kept yet", registry=self.registry
        )
        self._trust = Gauge(
            "homeward_intake_trust_version",
            "The version in force of a signed document",
            ["document"],
            registry=self.registry,
        )
        self._connected: Callable[[], bool] = lambda: False

    def watch(self, connected: Callable[[], bool], waiting: Callable[[], int]) -> None:
        """Look at a source of messages whenever somebody asks."""
        self._connected = connected
        self._broker.set_function(lambda: float(connected()))
        self._waiting.set_function(lambda: float(waiting()))

    def adopted(self, floor: Floor) -> None:
        """Note what is in force."""
        self._trust.labels("bundle").set(floor.bundle)
        self._trust.labels("registry").set(floor.registry)

    def store_waits(self) -> None:
        """Note that the store fails, and is waited for."""
        self._store.set(0)
        self._store_waits.inc()

    def kept(self, fates: Sequence[Fate], seconds: float) -> None:
        """Note a batch that is on disk."""
        for fate in fates:
            self._messages.labels(fate.value).inc()
        self._commit_s.observe(seconds)
        self._store.set(1)
        self._last.set_to_current_time()

    def answered(self, receipts: int, seconds: float) -> None:
        """Note the receipts of a batch."""
        self._receipts.inc(receipts)
        self._receipts_s.observe(seconds)

    def acknowledged(self, arrivals: Sequence[Arrival[Any]]) -> None:
        """Note a batch that is done with."""
        self._acknowledged.inc(len(arrivals))
        self._bytes.inc(sum(len(arrival.payload) for arrival in arrivals))

    @property
    def health(self) -> dict[str, bool]:
        """Say of each thing that an intake needs whether it is there."""
        return {"broker": self._connected(), "store": bool(self.registry.get_sample_value("homeward_intake_store_up"))}


class MeasuredVault:
    """Keeps batches as another does, and measures it."""

    def __init__(self, vault: Vault, metrics: Metrics) -> None:
        self._vault = vault
        self._metrics = metrics

    def commit(self, entries: Sequence[Entry], at: int) -> Future[list[Fate]]:
        """Begin to keep all entries, or none; see the store's port."""
        began = time.monotonic()
        result = self._vault.commit(entries, at)
        result.add_done_callback(lambda done: self._note(done, began))
        return result

    def _note(self, done: Future[list[Fate]], began: float) -> None:
        if done.exception() is None:
            self._metrics.kept(done.result(), time.monotonic() - began)


class MeasuredCarrier(Generic[H]):
    """Answers and acknowledges as another does, and measures it."""

    def __init__(self, carrier: Carrier[H], metrics: Metrics) -> None:
        self._carrier = carrier
        self._metrics = metrics

    def publish(self, letters: Sequence[Letter]) -> None:
        """Send receipts; see the core's Carrier."""
        began = time.monotonic()
        self._carrier.publish(letters)
        self._metrics.answered(len(letters), time.monotonic() - began)

    def acknowledge(self, arrivals: Sequence[Arrival[H]]) -> None:
        """Acknowledge; see the core's Carrier."""
        self._carrier.acknowledge(arrivals)
        self._metrics.acknowledged(arrivals)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def _say_nothing(_handler: WSGIRequestHandler, *_: object) -> None:
    """Write no line for each question: the journal is for events."""


class _Quiet(WSGIRequestHandler):
    log_message = _say_nothing  # type: ignore[assignment]  # its format and what goes into it interest nobody


@contextmanager
def served(metrics: Metrics, port: int) -> Generator[None]:
    """Answer `/metrics` and `/health` on loopback meanwhile. Raises SettingsError when the port is taken."""
    prometheus = make_wsgi_app(metrics.registry)

    def answer(request: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        match request["PATH_INFO"]:
            case "/metrics":
                answered: Iterable[bytes] = prometheus(request, respond)
                return answered
            case "/health":
                health = metrics.health
                respond(
                    "200 OK" if all(health.values()) else "503 Service Unavailable",
                    [("Content-Type", "application/json")],
                )
                return [json.dumps(health).encode() + b"\n"]
            case _:
                respond("404 Not Found", [("Content-Type", "text/plain")])
                return [b"Here are /metrics and /health.\n"]

    try:
        server = make_server(LOOPBACK, port, answer, server_class=_Server, handler_class=_Quiet)
    except OSError as fault:
        raise SettingsError(
            f"metrics can't be served on {LOOPBACK}:{port}: {fault.strerror}",
            next_step="Name a free port as `metrics.port`, or leave the table out.",
        ) from fault
    with server:
        thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
