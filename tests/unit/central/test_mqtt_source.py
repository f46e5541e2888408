"""How the MQTT source meets brokers that it can't work with. Working ones are real, in tests/system."""

import socket
import ssl
import threading
from contextlib import contextmanager

import pytest
from cryptography import x509

from central.intake.mqtt_source import MqttSource
from central.intake.presence import common_name, presence
from central.intake.receiver import Receiver
from central.intake.settings import Broker
from central.intake.stopping import Stop, StoppedError
from edge_agent import authorities
from edge_agent.errors import BrokerError
from edge_agent.mqtt import tls_context
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from provisioning.certificates import Authority
from provisioning.throwaway import ThrowawayFleet

CONNACK_3_1_1_UNACCEPTABLE_VERSION = bytes.fromhex("20020001")
CONNACK_5_UNSUPPORTED_VERSION = bytes.fromhex("2003008400")
CONNACK_5_QOS_0_ONLY = bytes.fromhex("20050000022400")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    escrow = Recipient(name="escrow", holder=Holder.ESCROW, key=RecipientPrivateKey.generate().public_key.raw)
    return ThrowawayFleet(tmp_path_factory.mktemp("fleet"), [escrow])


@contextmanager
def a_broker_that_answers(fleet, connack):
    """Serve one TLS connection, and answer its CONNECT with these bytes."""
    here = fleet.directory / "broker"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(here / "server.pem", here / "server.key")

    def serve():
        plain, _ = listening.accept()
        with plain, context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(4096)
            connection.sendall(connack)
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


def settings(fleet, port, **other):
    here = fleet.directory / "intake"
    files = {"ca": str(here / "ca.pem"), "certificate": str(here / "tls.pem"), "key": str(here / "tls.key")}
    return Broker(addresses=[f"127.0.0.1:{port}"], **(files | other))


def a_receiver(broker):
    return Receiver(MqttSource(broker, "demo"), broker.targets(), Stop())


@pytest.mark.parametrize("connack", [CONNACK_3_1_1_UNACCEPTABLE_VERSION, CONNACK_5_UNSUPPORTED_VERSION])
def test_a_broker_without_mqtt_5_ends_the_program_instead_of_being_tried_for_ever(fleet, connack, capsys):
    with a_broker_that_answers(fleet, connack) as port:
        receiver = a_receiver(settings(fleet, port))
        with pytest.raises(BrokerError, match="does not speak MQTT 5"):
            receiver.run(None)
    assert capsys.readouterr().out == ""


def test_a_broker_that_would_lose_records_is_refused(fleet):
    with a_broker_that_answers(fleet, CONNACK_5_QOS_0_ONLY) as port:
        receiver = a_receiver(settings(fleet, port))
        with pytest.raises(BrokerError, match="QoS 0"):
            receiver.run(None)


def test_our_name_to_the_broker_is_that_of_our_certificate(fleet):
    assert common_name(fleet.directory / "intake" / "tls.pem") == "intake-1"


def test_which_cas_it_trusts_and_which_one_certified_it_is_read_from_what_it_connects_with(fleet, tmp_path):
    broker = settings(fleet, 1)
    ours = authorities.name(x509.load_pem_x509_certificate(fleet.authority.pem))
    here = presence(broker)
    assert (here.name, here.authorities, here.certified_by) == ("intake-1", [ours], ours)
    another = Authority.create("demo", fleet.now).pem
    (tmp_path / "ca.pem").write_bytes(another)
    foreign = presence(settings(fleet, 1, ca=str(tmp_path / "ca.pem")))
    assert foreign.authorities == [authorities.name(x509.load_pem_x509_certificate(another))]
    assert foreign.certified_by is None


def test_a_certificate_that_is_none_is_named(fleet):
    with pytest.raises(BrokerError, match=r"tls\.key is no certificate"):
        common_name(fleet.directory / "intake" / "tls.key")


def test_nothing_below_tls_1_3_is_spoken(fleet):
    context = tls_context(settings(fleet, 1))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_key_that_does_not_fit_its_certificate_is_named(fleet):
    with pytest.raises(BrokerError, match="TLS can't be set up"):
        tls_context(settings(fleet, 1, key=str(fleet.directory / "broker" / "server.key")))


def test_a_wait_is_cut_short_when_asked_to_stop():
    stop = Stop()
    with pytest.raises(StoppedError), stop.cuts_short():
        stop.ask()
    with pytest.raises(StoppedError), stop.cuts_short():
        pytest.fail("a wait that begins after the asking does not begin")


def test_work_in_hand_is_finished_when_asked_to_stop():
    stop = Stop()
    stop.ask()
    assert stop.asked
