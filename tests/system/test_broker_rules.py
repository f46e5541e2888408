"""Whom a real mosquitto with our settings lets in, and to what."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import MalformedError
from edge_agent.mqtt import tls_context
from edge_agent.wire.topics import Address, Channel, parse
from provisioning.certificates import Authority
from provisioning.throwaway import INTAKE, free_port
from tests.support.peer import HOST, Files, Peer
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.live import LiveFleet

GRANTED, NOT_AUTHORISED = 1, 0x87
NO_SUBSCRIBER = 0x10
FLEET = "demo"
HELLO = bytes.fromhex("100d00044d51545405020005000000")  # MQTT 5, 3.1: CONNECT, clean start, no client id


@pytest.fixture
def broker(live: LiveFleet) -> LiveFleet:
    live.broker()
    return live


def peer(live: LiveFleet, tmp_path: Path, name: str) -> Peer:
    """Be a client of the fleet, with the certificate that its CA issued for that name."""
    files = Files(tmp_path / name, live.fleet.authority.pem, live.fleet.client(name))
    return Peer.of(live.fleet.port, name, files)


def topic(kiosk: str, channel: Channel) -> str:
    return Address(FLEET, kiosk).topic(channel)


def test_a_kiosk_writes_its_own_records_and_status_and_hears_its_receipts_and_orders(broker, tmp_path):
    with peer(broker, tmp_path, "kiosk-1") as kiosk:
        for channel in (Channel.RECORDS, Channel.STATUS):
            assert kiosk.publish(topic("kiosk-1", channel), b"x") in {0, NO_SUBSCRIBER}
        for channel in (Channel.RECEIPTS, Channel.ORDERS):
            assert kiosk.subscribe(topic("kiosk-1", channel)) == GRANTED


@pytest.mark.parametrize("channel", list(Channel))
def test_a_kiosk_can_not_write_to_another_kiosks_topics(broker, tmp_path, channel):
    with peer(broker, tmp_path, "kiosk-1") as kiosk:
        assert kiosk.publish(topic("kiosk-2", channel), b"x") == NOT_AUTHORISED


@pytest.mark.parametrize("channel", [Channel.RECEIPTS, Channel.ORDERS])
def test_a_kiosk_can_not_forge_what_comes_from_above(broker, tmp_path, channel):
    with peer(broker, tmp_path, "kiosk-1") as kiosk:
        assert kiosk.publish(topic("kiosk-1", channel), b"x") == NOT_AUTHORISED


@pytest.mark.parametrize(
    "wanted", ["homeward/1/demo/kiosk-2/records", "homeward/1/demo/+/records", "homeward/#", "#", "$SYS/#"]
)
def test_a_kiosk_hears_nothing_of_others(broker, tmp_path, wanted):
    with peer(broker, tmp_path, "kiosk-1") as kiosk, peer(broker, tmp_path, "kiosk-2") as other:
        kiosk.subscribe(wanted)
        other.publish(topic("kiosk-2", Channel.RECORDS), b"secret")
        kiosk.publish(topic("kiosk-1", Channel.STATUS), b"a round trip, so that all that would come has come")
        assert kiosk.received.empty()


@pytest.mark.parametrize("name", ["kiosk-.*", "kiosk-[12]", "+", "#"])
def test_a_certificate_whose_name_is_a_pattern_is_not_issued_and_would_open_no_kiosks_topic(
    broker, tmp_path, monkeypatch, name
):
    with pytest.raises(MalformedError, match="is no id"):
        broker.fleet.client(name)
    monkeypatch.setattr("provisioning.certificates.check_id", lambda name: name)
    files = Files(tmp_path / "pattern", broker.fleet.authority.pem, broker.fleet.client(name))
    for channel in Channel:
        with Peer.of(broker.fleet.port, name, files) as pattern:
            assert pattern.publish(topic("kiosk-1", channel), b"x") == NOT_AUTHORISED
        with pytest.raises(MalformedError, match="is no id"):  # by a topic of its own nobody believes it anything
            parse(f"homeward/1/{FLEET}/{name}/{channel}")
    for wanted in (topic("kiosk-1", Channel.RECORDS), "homeward/1/demo/+/records"):
        with Peer.of(broker.fleet.port, name, files) as pattern, peer(broker, tmp_path, "kiosk-1") as kiosk:
            pattern.subscribe(wanted)
            kiosk.publish(topic("kiosk-1", Channel.RECORDS), b"secret")
            pattern.subscribe("a round trip, so that all that would come has come")
            assert pattern.received.empty()


def test_an_intake_hears_all_and_can_not_write_records(broker, tmp_path):
    with peer(broker, tmp_path, INTAKE) as intake, peer(broker, tmp_path, "kiosk-1") as kiosk:
        assert intake.subscribe("homeward/1/demo/+/records") == GRANTED
        assert kiosk.publish(topic("kiosk-1", Channel.RECORDS), b"sealed") == 0
        assert intake.received.get(timeout=PATIENCE_S) == (topic("kiosk-1", Channel.RECORDS), b"sealed")
        assert intake.publish(topic("kiosk-1", Channel.RECORDS), b"x") == NOT_AUTHORISED


def handshake(live: LiveFleet, context: ssl.SSLContext) -> None:
    """Connect, and say hello in MQTT: with TLS 1.3 a refused client learns it with the first bytes that it reads."""
    with (
        socket.create_connection((HOST, live.fleet.port), timeout=PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secured,
    ):
        secured.sendall(HELLO)
        if not secured.recv(1):
            raise ConnectionError("closed without a word")


def test_the_hello_is_answered_when_the_certificate_is_ours(broker, tmp_path):
    handshake(broker, tls_context(Files(tmp_path, broker.fleet.authority.pem, broker.fleet.client("kiosk-1"))))


def test_a_foreign_certificate_gets_no_connection(broker, tmp_path):
    stranger = Authority.create("foreign", datetime.now(UTC)).client("kiosk-1", datetime.now(UTC))
    with pytest.raises(OSError, match=r"(?i)alert|closed|reset|EOF"):
        handshake(broker, tls_context(Files(tmp_path, broker.fleet.authority.pem, stranger)))


def test_somebody_without_a_certificate_gets_no_connection(broker):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=broker.fleet.authority.pem.decode())
    with pytest.raises(OSError, match=r"(?i)alert|closed|reset|EOF"):
        handshake(broker, context)


@pytest.mark.filterwarnings("ignore:.*TLSv1_2.*:DeprecationWarning")
def test_tls_1_2_gets_no_connection(broker, tmp_path):
    context = tls_context(Files(tmp_path, broker.fleet.authority.pem, broker.fleet.client("kiosk-1")))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError, match=r"(?i)alert|closed|reset|version"):
        handshake(broker, context)


def test_a_courier_that_meets_a_foreign_broker_keeps_everything_and_says_why(live, tmp_path):
    spool = live.spool()
    foreign = Authority.create("foreign", datetime.now(UTC))
    server = foreign.server([HOST], datetime.now(UTC))
    (live.fleet.broker_settings.parent / "server.pem").write_bytes(server.certificate)
    (live.fleet.broker_settings.parent / "server.key").write_bytes(server.key)
    live.broker()
    spool.fill(3)
    courier = live.courier()
    said = courier.wait_for("not_connected", timeout=PATIENCE_S)
    assert "certificate verify failed" in said["reason"]
    assert spool.left == 3


def test_a_courier_goes_on_to_the_next_address_when_one_is_dead(live):
    spool = live.spool()
    settings = live.fleet.kiosk_directory("kiosk-1") / "kiosk.toml"
    text = settings.read_text(encoding="utf-8")
    alive = f'"127.0.0.1:{live.fleet.port}"'
    assert alive in text
    settings.write_text(text.replace(alive, f'"127.0.0.1:{free_port()}", {alive}'), encoding="utf-8")
    live.broker()
    live.intake()
    spool.fill(3)
    courier = live.courier()
    courier.wait_for("not_connected", timeout=PATIENCE_S)
    until(lambda: spool.left == 0, "an empty outbox")
