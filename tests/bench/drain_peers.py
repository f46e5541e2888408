"""The programs that a draining courier is measured with: a bare publisher of the same bytes, and who signs receipts.

    python -m tests.bench.drain_peers publish FOLDER PORT CA CERTIFICATE KEY TOPIC
    python -m tests.bench.drain_peers receive FOLDER PORT CA CERTIFICATE KEY TOPIC

The publisher is paho with nothing around it: the records of FOLDER in memory, the courier's window, TCP_NODELAY. The
receiver does the least that lets a courier let go: it answers for batches as the intake does, with FOLDER/receipt.key.
It knows the records of FOLDER beforehand, by the signatures that they end with, and neither parses nor hashes any.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import sys
import time
from collections import deque
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from central.intake.core import MAX_BATCH
from edge_agent.events import emit
from edge_agent.files import read_signer
from edge_agent.hardware.clock import SystemClock
from edge_agent.wire import receipts, sealing
from edge_agent.wire.keys import SIGNATURE_BYTES
from edge_agent.wire.topics import Channel, parse

WINDOW = 20  # the courier's default
LOOP_S = 1.0
PAUSE_S = 0.005  # as the intake: a batch is full, or nothing more comes for so long


def connect(name: str, port: str, ca: str, certificate: str, key: str) -> Client:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    context.load_cert_chain(certificate, key)
    client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(0)
    client.tls_set_context(context)
    client.on_socket_open = lambda _client, _data, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.connect("127.0.0.1", int(port), clean_start=True)
    while not client.is_connected():
        client.loop(LOOP_S)
    return client


def publish(client: Client, folder: Path, topic: str) -> None:
    waiting = deque(path.read_bytes() for path in sorted(folder.glob("*.record")))
    acknowledged, last = 0, len(waiting)
    on_the_wire = 0

    def on_publish(*_: object) -> None:
        nonlocal acknowledged, on_the_wire
        acknowledged += 1
        on_the_wire -= 1

    client.on_publish = on_publish
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/cose"
    began, busy = time.monotonic(), time.process_time()
    while acknowledged < last:
        while waiting and on_the_wire < WINDOW:
            client.publish(topic, waiting.popleft(), qos=1, properties=properties)
            on_the_wire += 1
        assert client.loop(LOOP_S) is MQTTErrorCode.MQTT_ERR_SUCCESS
    emit("drained", seconds=time.monotonic() - began, busy_s=time.process_time() - busy, records=last)


def receive(client: Client, folder: Path, topic: str) -> None:
    signer = read_signer(folder / "receipt.key")
    address = parse(topic)[0]
    answer_to = address.topic(Channel.RECEIPTS)
    known = dict(entry_of(path.read_bytes()) for path in folder.glob("*.record"))
    kept: list[receipts.Entry] = []
    answered, came_at = 0, 0.0

    def answer() -> None:
        receipt = receipts.Receipt(kiosk=address.kiosk, at=SystemClock().now().utc, entries=kept)
        client.publish(answer_to, receipts.sign(receipt, signer), qos=1)
        nonlocal answered
        answered += len(kept)
        emit("answered", records=answered)
        kept.clear()

    def on_message(_client: Client, _data: object, message) -> None:
        nonlocal came_at
        came_at = time.monotonic()
        kept.append(known[message.payload[-SIGNATURE_BYTES:]])
        if len(kept) == MAX_BATCH:
            answer()

    client.on_message = on_message
    client.on_subscribe = lambda *_: emit("ready")
    client.subscribe(topic, qos=1)
    while client.loop(PAUSE_S if kept else LOOP_S) is MQTTErrorCode.MQTT_ERR_SUCCESS:
        if kept and time.monotonic() >= came_at + PAUSE_S:
            answer()


def entry_of(sealed: bytes) -> tuple[bytes, receipts.Entry]:
    record_id, sha256 = sealing.parse_record(sealed).claims.record_id, hashlib.sha256(sealed).digest()
    entry = receipts.Entry(record_id=record_id, sha256=sha256, outcome=receipts.Outcome.STORED)
    return sealed[-SIGNATURE_BYTES:], entry


def main(what: str, folder: str, port: str, ca: str, certificate: str, key: str, topic: str) -> None:
    if what == "publish":
        publish(connect(parse(topic)[0].kiosk, port, ca, certificate, key), Path(folder), topic)
    else:
        receive(connect("intake-1", port, ca, certificate, key), Path(folder), topic)


if __name__ == "__main__":
    main(*sys.argv[1:])
