"""Whom a real RabbitMQ cluster with our settings lets in, to what, and for how long."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING

import pika
import pytest
from pika.credentials import ExternalCredentials

from edge_agent.errors import MalformedError
from edge_agent.mqtt import GRANTED_QOS_1, tls_context
from edge_agent.wire.topics import Address, Channel, Desk, Door, desk, door, every_door, of_every_kiosk
from provisioning import broker_check, rabbitmq
from provisioning.certificates import Authority
from provisioning.fleet import OFFICE
from provisioning.throwaway import INTAKE
from tests.cluster.conftest import CLAIMS
from tests.support.peer import HOST, Files, Peer
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.conftest import ClusterFleet
    from tests.support.rabbitmq import Node

WITHIN_S = 5.0
CLAIM = CLAIMS[0]
REFUSED = 0x80  # from here on a reason code is a refusal
POISON = b"whoever reads this, dies"


def peer(live: ClusterFleet, folder: Path, name: str) -> Peer:
    files = Files(folder / name, live.fleet.authority.pem, live.fleet.client(name))
    return Peer.of(live.cluster.nodes[0].port, name, files)


def test_the_cluster_allows_what_it_should_and_nothing_else_of_what_staff_try(live):
    node, fleet = live.cluster.nodes[0], live.fleet
    findings = list(broker_check.check(fleet.authority, fleet.name, HOST, node.port, dt.datetime.now(dt.UTC)))
    assert len(findings) > 8
    assert [finding.attempt for finding in findings if not finding.right] == []


@pytest.mark.parametrize("name", ["kiosk.*", "kiosk-1|kiosk-2", ".", "kiosk_1", "kiosk-1\n"])
def test_a_name_that_a_regular_expression_would_read_otherwise_is_not_issued(live, name):
    with pytest.raises(MalformedError, match="is no id"):
        live.fleet.client(name)


def test_a_card_sends_its_request_to_the_office_and_hears_the_reply_to_it(live, tmp_path):
    fleet = live.fleet.name
    request, reply = (door(fleet, CLAIM, way) for way in (Door.REQUEST, Door.REPLY))
    with peer(live, tmp_path, OFFICE) as office, peer(live, tmp_path, CLAIM) as newcomer:
        assert office.subscribe(every_door(fleet, Door.REQUEST)) == GRANTED_QOS_1
        assert newcomer.subscribe(reply) == GRANTED_QOS_1
        assert newcomer.publish(request, b"two signing requests") == 0
        assert office.received.get(timeout=PATIENCE_S) == (request, b"two signing requests")
        assert office.publish(reply, b"two certificates") == 0
        assert newcomer.received.get(timeout=PATIENCE_S) == (reply, b"two certificates")


def test_a_card_can_send_and_hear_nothing_else(live, tmp_path):
    fleet = live.fleet.name
    kiosk, own, other = Address(fleet, "kiosk-1"), Address(fleet, CLAIM), "claim-2"
    to_send = [
        *(door(fleet, CLAIM, Door.REPLY), door(fleet, other, Door.REQUEST), door(fleet, other, Door.REPLY)),
        *(door(fleet, "kiosk-1", Door.REQUEST), door(fleet, "kiosk-1", Door.REPLY)),
        *(address.topic(channel) for address in (kiosk, own) for channel in Channel),
        *(desk(fleet, matter) for matter in Desk),
        *(door("another-fleet", CLAIM, Door.REQUEST), f"{door(fleet, CLAIM, Door.REQUEST)}/below"),
    ]
    to_hear = [
        *(door(fleet, CLAIM, Door.REQUEST), door(fleet, other, Door.REPLY), door(fleet, "kiosk-1", Door.REPLY)),
        *(every_door(fleet, Door.REQUEST), every_door(fleet, Door.REPLY)),
        *(address.topic(channel) for address in (kiosk, own) for channel in Channel),
        *(of_every_kiosk(fleet, channel) for channel in Channel),
        *(desk(fleet, matter) for matter in Desk),
        *("#", "homeward/#", f"homeward/1/{fleet}/enrol/{CLAIM}/#"),
    ]
    allowed = []
    for number, topic in enumerate(to_send):
        with peer(live, tmp_path / f"send-{number}", CLAIM) as newcomer:
            allowed += [topic] if newcomer.publish(topic, b"?") < REFUSED else []
    for number, topic in enumerate(to_hear):
        with peer(live, tmp_path / f"hear-{number}", CLAIM) as newcomer:
            allowed += [topic] if newcomer.subscribe(topic) < REFUSED else []
    assert allowed == []


def test_a_certificate_whose_name_is_a_regular_expression_is_not_admitted(live, tmp_path, monkeypatch):
    monkeypatch.setattr("provisioning.certificates.check_id", lambda name: name)
    identity = live.fleet.client("kiosk-.*")
    files = Files(tmp_path / "regex", live.fleet.authority.pem, identity)
    with pytest.raises(AssertionError), Peer.of(live.cluster.nodes[0].port, "kiosk-.*", files):
        pass


def test_a_foreign_authoritys_certificate_opens_no_queue(live, tmp_path):
    foreign = Authority.create(live.fleet.name, live.fleet.now).client(INTAKE, live.fleet.now, dt.timedelta(days=1))
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        amqp(live, Files(tmp_path / "foreign", live.fleet.authority.pem, foreign))


def test_a_kiosks_certificate_reads_no_queue_of_the_intakes(live, tmp_path):
    files = Files(tmp_path / "kiosk", live.fleet.authority.pem, live.fleet.client("kiosk-1"))
    connection = amqp(live, files)
    channel = connection.channel()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
        channel.basic_get(rabbitmq.ARRIVALS)
    connection.close()


def test_a_revoked_kiosks_live_session_is_closed_within_five_seconds_and_stays_out(live, tmp_path):
    with peer(live, tmp_path, "kiosk-2") as kiosk:
        gone = threading.Event()
        kiosk._client.on_disconnect = lambda *_: gone.set()
        live.cluster.shut_out("kiosk-2")
        assert gone.wait(WITHIN_S)
    with pytest.raises(AssertionError), peer(live, tmp_path / "again", "kiosk-2"):
        pass


def test_a_message_that_no_intake_acknowledges_goes_aside_and_into_quarantine_with_the_reason(live, tmp_path):
    topic = Address(live.fleet.name, "kiosk-1").topic(Channel.RECORDS)
    with peer(live, tmp_path, "kiosk-1") as kiosk:
        assert kiosk.publish(topic, POISON) == 0
    files = Files(tmp_path / "intake", live.fleet.authority.pem, live.fleet.client(INTAKE))
    connection = amqp(live, files)
    channel = connection.channel()
    set_aside = False
    while not set_aside:  # whatever else an earlier visitor left there is given up too
        method, _about, _payload = channel.basic_get(rabbitmq.ARRIVALS)
        if method is not None:
            channel.basic_reject(method.delivery_tag, requeue=True)
        set_aside = channel.basic_get(rabbitmq.UNDELIVERED)[2] == POISON
    connection.close()
    live.intake()

    def reasons() -> set[tuple[str, str]]:
        kept = live.quarantined().values()
        return {(entry.reason, entry.topic) for entry, content in kept if content == POISON}

    assert until(reasons, "the quarantine") == {("undelivered", topic)}


def amqp(live: ClusterFleet, files: Files, node: Node | None = None) -> pika.BlockingConnection:
    return pika.BlockingConnection(
        pika.ConnectionParameters(
            HOST,
            (node or live.cluster.nodes[0]).amqps_port,
            credentials=ExternalCredentials(),
            ssl_options=pika.SSLOptions(tls_context(files), HOST),
        )
    )
