"""Another device CA for a fleet whose broker is a cluster: nodes take each step up as the command says, at work.

The files are those that each step hands out; how kiosks hear of the CAs and renew is tests/system/test_another_ca.py.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
from typing import TYPE_CHECKING

import pika
import pytest
from cryptography import x509

from edge_agent import authorities
from edge_agent.files import OWNER_ONLY
from edge_agent.mqtt import tls_context
from edge_agent.wire.topics import Address, Channel
from provisioning import rabbitmq
from provisioning.certificates import Authority
from provisioning.throwaway import INTAKE, place
from tests.cluster.test_who_may_what import amqp
from tests.support.peer import HOST, Files, Peer
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.certificates import Identity
    from provisioning.children import Child
    from tests.cluster.conftest import ClusterFleet
    from tests.support.rabbitmq import Node
    from tests.support.spool import Spool

EACH = 40
STAYS, MOVES, VISITS, STANDS = "kiosk-1", "kiosk-2", "kiosk-3", "kiosk-4"


class Rotation:
    """A fleet at a cluster, with an old CA and a new one."""

    def __init__(self, live: ClusterFleet, folder: Path) -> None:
        self.live, self._folder, self._count = live, folder, 0
        self.old, self.new = live.fleet.authority, Authority.create(live.fleet.name, live.fleet.now)
        self.both = self.old.pem + self.new.pem

    @property
    def nodes(self) -> list[Node]:
        return self.live.cluster.nodes

    def client(self, authority: Authority, name: str) -> Identity:
        return authority.client(name, self.live.fleet.now, dt.timedelta(days=1))

    def files(self, authority: Authority, name: str) -> Files:
        self._count += 1
        return Files(self._folder / str(self._count), self.both, self.client(authority, name))

    def hand_out(self, authorities: bytes, of_nodes: Authority | None = None) -> None:
        """Copy to each node what a step says, and do there what it says."""
        for node in self.nodes:
            node.copy("ca.pem", authorities)
            if of_nodes is not None:
                server = of_nodes.server([HOST, "localhost"], self.live.fleet.now, dt.timedelta(days=1))
                node.copy("server.pem", server.certificate)
                node.copy("server.key", server.key, mode=OWNER_ONLY)
            node.control("eval", rabbitmq.READ_ANEW)

    def give(self, folder: Path, authorities: bytes, identity: Identity) -> None:
        """Give a kiosk or an intake its files."""
        place(folder / "ca.pem", authorities)
        place(folder / "tls.pem", identity.certificate)
        place(folder / "tls.key", identity.key, mode=OWNER_ONLY)

    def admitted(self, authority: Authority) -> list[bool]:
        """Whether each node lets a kiosk in, and an intake, by certificates of this CA."""
        return [
            let for node in self.nodes for let in (self._kiosk_enters(node, authority), self._intake(node, authority))
        ]

    def shown(self, node: Node) -> x509.Certificate:
        """The certificate that a node shows."""
        context = tls_context(self.files(self.new, VISITS))
        with (
            socket.create_connection((HOST, node.port), PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as secure,
        ):
            der = secure.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der)

    def _kiosk_enters(self, node: Node, authority: Authority) -> bool:
        with contextlib.suppress(AssertionError, OSError), Peer.of(node.port, VISITS, self.files(authority, VISITS)):
            return True
        return False

    def _intake(self, node: Node, authority: Authority) -> bool:
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            amqp(self.live, self.files(authority, INTAKE), node).close()
            return True
        return False


def delivered(spools: list[Spool]) -> None:
    for spool in spools:
        spool.fill(EACH)
    until(lambda: not any(spool.left for spool in spools), "every receipt")


@pytest.mark.red_line(14)
@pytest.mark.timeout(900)
def test_a_clusters_nodes_take_up_both_cas_then_the_new_one_alone_and_no_record_is_lost(live, tmp_path):
    rotation = Rotation(live, tmp_path)
    old, new, every = rotation.old, rotation.new, [True] * 2 * len(rotation.nodes)
    (new_ca,) = x509.load_pem_x509_certificates(new.pem)
    spools = [live.spool(kiosk) for kiosk in (STAYS, MOVES)]
    here = {kiosk: live.fleet.kiosk_directory(kiosk) for kiosk in (STAYS, MOVES)}
    intake, couriers = live.intake(), {kiosk: live.courier(kiosk=kiosk) for kiosk in here}
    topic = Address(live.fleet.name, STANDS).topic(Channel.STATUS)
    delivered(spools)
    assert (rotation.admitted(old), rotation.admitted(new)) == (every, [not one for one in every])

    with Peer.of(rotation.nodes[1].port, STANDS, rotation.files(old, STANDS)) as stands:
        # One: both are trusted
        rotation.hand_out(rotation.both)
        assert (rotation.admitted(old), rotation.admitted(new)) == (every, every)
        assert stands.publish(topic, b"?") == 0
        for folder in here.values():
            place(folder / "ca.pem", rotation.both)
        delivered(spools)

        # Two: the new one certifies nodes, the intake and a kiosk; another kiosk still has its old certificate
        rotation.hand_out(rotation.both, of_nodes=new)
        assert all(authorities.issuer(rotation.shown(node), [new_ca]) for node in rotation.nodes)
        assert (rotation.admitted(old), rotation.admitted(new)) == (every, every)
        assert stands.publish(topic, b"?") == 0
        rotation.give(here[MOVES], rotation.both, rotation.client(new, MOVES))
        rotation.give(live.fleet.intake_settings.parent, rotation.both, rotation.client(new, INTAKE))
        for child in (intake, *couriers.values()):
            child.stop()
        live.intake()
        couriers = {kiosk: live.courier(kiosk=kiosk) for kiosk in here}
        delivered(spools)

        # Three: the new one alone. A session that stands is ended by what the step says
        rotation.hand_out(new.pem)
        assert (rotation.admitted(old), rotation.admitted(new)) == ([not one for one in every], every)
        assert stands.publish(topic, b"?") == 0
        rotation.nodes[0].control("close_all_connections", "another CA")
        assert stands.gone()

    turned_away: Child = couriers[STAYS]
    turned_away.wait_for("not_connected", timeout=PATIENCE_S)
    (waiting, moved) = spools
    delivered([moved])
    waiting.fill(EACH)
    turned_away.stop()
    assert waiting.left == EACH
    rotation.give(here[STAYS], new.pem, rotation.client(new, STAYS))
    live.courier(kiosk=STAYS)
    until(lambda: waiting.left == 0, "what waited")
    sent = {record for spool in spools for record in spool.sealed}
    assert {record for record, _ in live.stored()} == sent
    assert len(live.stored()) == len(sent)
