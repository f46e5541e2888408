"""What more kiosks cost: the same records, brought by 10, by 100 and by 1,000 kiosks' own sessions.

A real mosquitto over TLS and the real intake on SQLite. Each kiosk has its own certificate, session and subscription,
and sends its next record once it has its receipt for the last: few kiosks wait longer than they work. All run on this
machine's processors, the kiosks too. What counts is the intake's own work for a record.
"""

from __future__ import annotations

import asyncio
import hashlib
import resource
import secrets
import struct
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cbor2

from edge_agent.mqtt import tls_context
from edge_agent.wire import fields, registry, sealing
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey, SoftwareSigner, kid
from edge_agent.wire.topics import Address, Channel
from provisioning.children import Child, Mosquitto
from provisioning.throwaway import ThrowawayFleet, place
from tests.bench.figures import Figure, main, told
from tests.support.peer import Files
from tests.unit.central.world import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

KIOSKS = (10, 100, 1000)
RECORDS = 2000
PICTURE_BYTES = 40_960


@dataclass
class Sender:
    """A kiosk with its sealed records."""

    name: str
    files: Files
    topics: tuple[bytes, bytes]  # to, from
    records: list[bytes]


def utf8(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


def packet(kind: int, body: bytes) -> bytes:
    """MQTT 5, 2.1: a fixed header and what follows."""
    length, left = b"", len(body)
    while True:
        left, part = divmod(left, 128)
        length += bytes([part | (0x80 if left else 0)])
        if not left:
            return bytes([kind]) + length + body


async def read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    (kind,) = await reader.readexactly(1)
    length, shift = 0, 0
    while True:
        (part,) = await reader.readexactly(1)
        length |= (part & 0x7F) << shift
        shift += 7
        if not part & 0x80:
            return kind, await reader.readexactly(length)


async def connect(sender: Sender, port: int):
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls_context(sender.files), server_hostname="127.0.0.1"
    )
    expiry = b"\x11" + struct.pack(">I", 3600)
    writer.write(
        packet(0x10, utf8(b"MQTT") + b"\x05\x02\x00\x00" + bytes([len(expiry)]) + expiry + utf8(sender.name.encode()))
    )
    assert (await read(reader))[1][1] == 0
    writer.write(packet(0x82, struct.pack(">H", 1) + b"\x00" + utf8(sender.topics[1]) + b"\x01"))
    assert (await read(reader))[1][-1] == 1
    return reader, writer


async def deliver(sender: Sender, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send one record after the other, each once the one before has its receipt."""
    for number, record in enumerate(sender.records, 2):
        writer.write(packet(0x32, utf8(sender.topics[0]) + struct.pack(">H", number) + b"\x00" + record))
        answered = False
        while not answered:
            kind, body = await read(reader)
            if kind & 0xF0 == 0x30:  # a receipt
                (topic,) = struct.unpack_from(">H", body)
                packet_id, properties = body[2 + topic : 4 + topic], body[4 + topic]
                writer.write(packet(0x40, packet_id))
                receipt = cbor2.loads(cbor2.loads(body[5 + topic + properties :]).value[2])
                answered = any(entry["outcome"] == "stored" for entry in receipt["entries"])


async def run(senders: list[Sender], port: int) -> float:
    """Connect all, then deliver all; return the seconds that the delivery took."""
    sessions = [await connect(sender, port) for sender in senders]
    began = time.perf_counter()
    await asyncio.gather(*(deliver(sender, *session) for sender, session in zip(senders, sessions, strict=True)))
    took = time.perf_counter() - began
    for _, writer in sessions:
        writer.close()
    return took


def make(fleet: ThrowawayFleet, count: int) -> list[Sender]:
    """Make kiosks with all their records; one registry for all."""
    recipient = RecipientPrivateKey.generate().public_key
    now = int(fleet.now.timestamp())
    senders, keys = [], []
    for number in range(count):
        name = f"kiosk-{number}"
        signer = SoftwareSigner.generate()
        keys.append(registry.RegisteredKey(kiosk=name, key=signer.public_key))
        files = Files(fleet.directory / "peers" / name, fleet.authority.pem, fleet.client(name))
        address = Address(fleet.name, name)
        topics = (address.topic(Channel.RECORDS).encode(), address.topic(Channel.RECEIPTS).encode())
        sender = Sender(name, files, topics, [])
        epoch, previous = secrets.token_bytes(16), fields.FIRST_IN_CHAIN
        for seq in range(1, RECORDS // count + 1):
            claims = sealing.Claims(
                kiosk=name,
                issued_at=now,
                expires_at=now + 180 * DAY,
                record_id=secrets.token_bytes(16),
                signer_kid=kid(signer.public_key),
                seq=seq,
                epoch=epoch,
                previous=previous,
                consent_hash=bytes(32),
                topic=address.topic(Channel.RECORDS),
                bundle_hash=bytes(32),
            )
            sealed = sealing.seal(b"\x59\xa0\x00" + secrets.token_bytes(PICTURE_BYTES), claims, [recipient], signer)
            previous = hashlib.sha256(sealed).digest()
            sender.records.append(sealed)
        senders.append(sender)
    content = registry.RegistryContent(fleet=fleet.name, version=100, issued_at=now, keys=keys)
    place(fleet.registry_file, registry.sign(content, fleet.order_signer))
    return senders


def measure(count: int) -> tuple[float, float]:
    """Return records a second, and the intake's own processor time for each in milliseconds."""
    escrow = Recipient(name="escrow", holder=Holder.ESCROW, key=RecipientPrivateKey.generate().public_key.raw)
    with tempfile.TemporaryDirectory() as folder:
        fleet = ThrowawayFleet(Path(folder), [escrow])
        senders = make(fleet, count)
        with (
            Mosquitto(fleet.broker_settings, fleet.port),
            Child.python("central.intake", "run", "--config", str(fleet.intake_settings)) as intake,
        ):
            intake.wait_for("ready", timeout=60)
            before = cpu_s(intake.pid)
            took = asyncio.run(run(senders, fleet.port))
            used = cpu_s(intake.pid) - before
    delivered = sum(len(sender.records) for sender in senders)
    return delivered / took, 1000 * used / delivered


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure_all() -> Iterator[Figure]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    costs = {}
    for count in KIOSKS:
        rate, costs[count] = measure(count)
        yield told(f"end to end, {count} kiosks' sessions", rate, "records/s")
        yield told(f"the intake's own work, {count} kiosks", costs[count], "ms of processor/record")
    yield told("the intake's work with 1,000 kiosks over 10", costs[1000] / costs[10], "ratio")


if __name__ == "__main__":
    main("What more kiosks cost the intake.", measure_all)
