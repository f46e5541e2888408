"""End to end through a RabbitMQ cluster of three: our intakes against bare consumers of the same cluster.

Five kiosks' publishers (bare paho, the courier's window) send as many sealed records of 40 KB each time. Two bare
consumers take them off the queue and acknowledge, a hundred at once; two intakes verify, keep them in PostgreSQL,
answer and acknowledge. Everything shares this machine's cores. It takes root, as `make cluster-test` does.
"""

from __future__ import annotations

import hashlib
import secrets
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pika
from pika.credentials import ExternalCredentials

from central.intake.settings import load
from edge_agent.events import emit
from edge_agent.mqtt import make_client, tls_context
from edge_agent.outbox import Link
from edge_agent.wire import cbor, fields
from edge_agent.wire.topics import Address, Channel
from provisioning.children import Child
from tests.bench.figures import Figure, main, told
from tests.cluster.conftest import KIOSKS, ClusterFleet
from tests.support import rabbitmq
from tests.support.peer import Files
from tests.support.postgres import INTAKE, Postgres
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EACH = 200  # records of a kiosk, in each race
PICTURE_BYTES = 40_960
WINDOW = 20
LOOP_S = 1.0
ROUNDS = 3
CONSUMERS = 2
ACKNOWLEDGED_AT_ONCE = 100
QUIET_S = 0.05


class Kiosk:
    """A kiosk's bare publisher, on one thread: paho mixes what two threads write into one TLS stream."""

    def __init__(self, live: ClusterFleet, folder: Path, name: str, port: int) -> None:
        self._name, self._port = name, port
        self._spool = live.spool(name)
        self._next = Link(secrets.token_bytes(fields.ID_BYTES), 1, fields.FIRST_IN_CHAIN)
        self._tls = tls_context(Files(folder / name, live.fleet.authority.pem, live.fleet.client(name)))
        self._topic = Address(live.fleet.name, name).topic(Channel.RECORDS)

    def seal(self) -> list[bytes]:
        """Seal the next records of its chain."""
        records = []
        for _ in range(EACH):
            claims = self._spool.claims(secrets.token_bytes(fields.ID_BYTES), self._next)
            records.append(self._spool.seal(cbor.encode(secrets.token_bytes(PICTURE_BYTES)), claims))
            self._next = Link(self._next.epoch, self._next.seq + 1, hashlib.sha256(records[-1]).digest())
        return records

    def send(self, records: Sequence[bytes]) -> None:
        """Connect, send them all, at most a window's at once, and leave once the last is acknowledged."""
        client = make_client(self._name, self._tls)
        acknowledged: list[int] = []
        client.on_publish = lambda _client, _data, packet_id, *_: acknowledged.append(packet_id)
        client.connect("127.0.0.1", self._port, clean_start=True)
        while not client.is_connected():
            client.loop(LOOP_S)
        sent = 0
        while len(acknowledged) < len(records):
            while sent < len(records) and sent - len(acknowledged) < WINDOW:
                client.publish(self._topic, records[sent], qos=1)
                sent += 1
            client.loop(LOOP_S)
        client.disconnect()


def race(kiosks: Sequence[Kiosk], consumers: Sequence[Child]) -> float:
    """Send new records of every kiosk; return how many a second were taken, from the first sent to the last."""
    records = [kiosk.seal() for kiosk in kiosks]
    threads = [threading.Thread(target=kiosk.send, args=(mine,)) for kiosk, mine in zip(kiosks, records, strict=True)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    count = EACH * len(kiosks)
    until(lambda: sum(taken(consumer) for consumer in consumers) >= count, "every record")
    took_s = time.monotonic() - began
    for thread in threads:
        thread.join()
    return count / took_s


def taken(consumer: Child) -> int:
    return sum(line.get("stored", 0) for line in consumer.said if line["event"] == "taken")


def consume(settings: Path) -> None:
    """Take what comes off the queue, and acknowledge: nothing else."""
    broker = load(settings).broker
    assert broker.amqp
    host, port = broker.targets()[0]
    tls = pika.SSLOptions(tls_context(broker), host)
    parameters = pika.ConnectionParameters(host, port, credentials=ExternalCredentials(), ssl_options=tls)
    channel = pika.BlockingConnection(parameters).channel()
    channel.basic_qos(prefetch_count=2 * ACKNOWLEDGED_AT_ONCE)
    emit("ready")
    waiting = []
    for method, _about, _payload in channel.consume(broker.amqp.queue, inactivity_timeout=QUIET_S):
        if method is not None:
            waiting.append(method.delivery_tag)
        if len(waiting) >= ACKNOWLEDGED_AT_ONCE or (waiting and method is None):
            channel.basic_ack(waiting[-1], multiple=True)
            emit("taken", stored=len(waiting))
            waiting.clear()


def start(live: ClusterFleet, who: str) -> Child:
    if who == "intakes":
        return live.intake()
    child = Child.python("tests.bench.cluster", "--consume", str(live.fleet.intake_settings))
    child.wait_for("ready", timeout=PATIENCE_S)
    return child


def measure_all() -> Iterator[Figure]:
    if missing := rabbitmq.what_is_missing():
        sys.stderr.write(f"No cluster can be had here, so it was not measured: {missing}\n")
        return
    rates: dict[str, list[float]] = {"bare consumers": [], "intakes": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        Postgres() as database,
        ClusterFleet(Path(folder) / "fleet", database.conninfo(database.database(), INTAKE)) as live,
    ):
        ports = [node.port for node in live.cluster.nodes]
        kiosks = [Kiosk(live, Path(folder), name, ports[number % len(ports)]) for number, name in enumerate(KIOSKS)]
        for number in range(ROUNDS + 1):  # the first warms all up
            for who in sorted(rates, reverse=number % 2 == 1):
                consumers = [start(live, who) for _ in range(CONSUMERS)]
                rate = race(kiosks, consumers)
                for consumer in consumers:
                    consumer.stop()
                if number:
                    rates[who].append(rate)
    for who, found in rates.items():
        yield told(f"cluster of three: two {who}", statistics.median(found), "records/s")
    ratios = [ours / bare for bare, ours in zip(*rates.values(), strict=True)]
    yield told("two intakes over two bare consumers, cluster", statistics.median(ratios), "ratio")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--consume"]:
        consume(Path(sys.argv[2]))
    else:
        main("Two intakes through a cluster of three, against two bare consumers.", measure_all)
