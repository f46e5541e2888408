"""Another device CA for a fleet at work: reports arrive before, between and after the steps, and none is lost.

Everything is real but the finger, the face and the camera: mosquitto, the intake, two kiosks, the CLI. One kiosk is
asleep all the time, with a report in its outbox.
"""

from __future__ import annotations

import contextlib
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge_agent import authorities
from edge_agent.enrolment.certificates import make_request, read_key
from provisioning.broker_files import start_again
from provisioning.terminal import system_clock
from tests.support.waiting import PATIENCE_S, until
from tests.system.test_the_hour import Hour


class Rotation(Hour):
    """A fleet on loopback whose intake can be started again between two steps."""

    def __init__(self, folder):
        super().__init__(folder)
        self.brokers = contextlib.ExitStack()
        self.begin_broker()
        self.begin_intake()

    def begin_broker(self):
        """Start the broker, again if it runs: its sessions are kept."""
        self.brokers.close()
        self.brokers.enter_context(self.mosquitto())

    def run(self, *words, **other):
        self.now = system_clock()
        return super().run(*words, **other)

    def begin_intake(self):
        self.here_taken_in = self.intake()
        self.here_taken_in.__enter__()
        self.here_taken_in.wait_for("ready", timeout=PATIENCE_S)

    def intake_again(self):
        self.here_taken_in.__exit__(None, None, None)
        self.begin_intake()

    def rotate(self, *more, run=None):
        return (run or self.ok)("rotate", "ca", "--yes", *self.office, *more)

    def trusted(self):
        """The CAs that the fleet trusts, first the one that certifies."""
        return self.state().authorities

    def enrol(self, name):
        here = self.switch_on(name)
        self.copy("broker", "acl")
        start_again(self.folder / "broker")
        return here

    def close(self):
        self.here_taken_in.__exit__(None, None, None)
        self.brokers.close()


@pytest.fixture
def place(tmp_path):
    made = Rotation(tmp_path)
    yield made
    made.close()


def sealed(kiosk):
    return [line["record"] for line in kiosk.said if line["event"] == "sealed"]


def report(kiosk, courier, number=1):
    """Wait for the report of a whole session, and for its receipt. A kiosk has one each time that it begins anew."""
    record = until(lambda: sealed(kiosk)[number - 1 :], "a report")[0]
    courier.wait_for("receipted", record=record, timeout=PATIENCE_S)
    return record


def by(certificate, ca):
    return authorities.issuer(x509.load_pem_x509_certificate(certificate.read_bytes()), [ca]) is not None


def by_hand(place, kiosk):
    """Certify a kiosk that was left behind with the keys that it has, as docs/operations.md says."""
    here, requests = place.folder / kiosk, place.folder / "requests"
    requests.mkdir()
    for name, key in (("signing", here / "kiosk" / "signing.key"), ("tls", here / "courier" / "tls.key")):
        made = x509.load_der_x509_csr(make_request(read_key(key), kiosk))
        (requests / f"{name}.csr").write_bytes(made.public_bytes(Encoding.PEM))
    asked = ["--signing", requests / "signing.csr", "--tls", requests / "tls.csr"]
    place.ok("certify", kiosk, *asked, "--out", place.folder / "back", *place.office)
    shutil.copy2(place.folder / "back" / "tls.pem", here / "courier" / "tls.pem")
    shutil.copy2(place.folder / "back" / "ca.pem", here / "ca.pem")
    (here / "courier" / "tls.ca.pem").unlink(missing_ok=True)


@pytest.mark.timeout(1200)
def test_reports_arrive_before_between_and_after_the_steps_and_who_slept_is_named_and_comes_back(place):
    place.enrol("kiosk-1")
    place.enrol("kiosk-2")
    (old,) = place.trusted()
    made = []
    with place.kiosk("kiosk-2") as kiosk, place.courier("kiosk-2") as courier:
        place.enrolled(kiosk, courier)
        made.append(report(kiosk, courier))
    with place.kiosk("kiosk-2") as kiosk:  # without a network, and then it sleeps
        waiting = until(lambda: sealed(kiosk), "a report that stays")
    with place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1") as courier:
        place.enrolled(kiosk, courier)
        made.append(report(kiosk, courier))

        # One: everybody is to trust both
        place.rotate()
        assert place.trusted()[0] == old
        new = place.trusted()[1]
        place.copy("intake", "ca.pem")
        place.intake_again()
        for program in (kiosk, courier):
            program.wait_for("orders_in_force", version=1, timeout=PATIENCE_S)
        made.append(report(kiosk, courier, number=2))
        assert authorities.read(place.folder / "kiosk-1" / "courier" / "tls.ca.pem") == [old, new]

        # Two: the new one certifies; who slept is named, nobody else
        until(lambda: (place.fleet_says("kiosk-1")["seen"] or {}).get("orders_version") == 1, "what it runs")
        said = " ".join(place.rotate(run=place.fails).split())
        assert "kiosk-2 is not known to run orders 1, which name both CAs" in said
        assert "kiosk-1 is" not in said
        assert "intake-1 " not in said
        assert place.trusted() == [old, new]
        place.rotate("--leave-behind", "kiosk-2")
        assert place.trusted() == [new, old]
        for program in (kiosk, courier):
            program.wait_for("orders_in_force", version=2, timeout=PATIENCE_S)
        made.append(report(kiosk, courier, number=3))
        said = " ".join(place.rotate("--leave-behind", "kiosk-2", run=place.fails).split())
        for late in (
            "kiosk-1 was last heard with a certificate of the old CA",
            "intake-1 has a certificate of the old",
        ):
            assert late in said
        assert f"{place.broker} shows no certificate of the new CA" in said
        with place.front_desk() as desk:
            until(lambda: desk.tend(0.1) or desk.renewed, "a renewal at the office")
        courier.wait_for("renewed", timeout=PATIENCE_S)
        assert by(place.folder / "kiosk-1" / "courier" / "tls.pem", new)
        for name in ("broker", "intake"):
            place.write(name, "--replace")
        place.begin_broker()
        place.intake_again()
        assert by(place.folder / "broker" / "server.pem", new)
    with place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1") as courier:
        made.append(report(kiosk, courier))

        # Three: the old one is trusted no more
        until(
            lambda: (place.fleet_says("kiosk-1")["seen"] or {}).get("certified_by") == authorities.name(new).hex(), "it"
        )
        said = " ".join(place.rotate(run=place.fails).split())
        assert (
            "not known to be ready: kiosk-2 was last heard with a certificate of the old CA `homeward-fleet list"
            in said
        )
        place.rotate("--leave-behind", "kiosk-2")
        assert place.trusted() == [new]
        place.copy("intake", "ca.pem")
        place.intake_again()
        courier.wait_for("authorities_in_force", timeout=PATIENCE_S)
        made.append(report(kiosk, courier, number=2))
        assert authorities.read(place.folder / "kiosk-1" / "courier" / "tls.ca.pem") == [new]
        assert len([line for line in courier.said if line["event"] == "authorities_in_force"]) == 1

        # Who slept through all of it is turned away, and comes back by hand with what waited
        with place.courier("kiosk-2") as sleeper:
            sleeper.wait_for("not_connected", timeout=PATIENCE_S)
            assert not [line for line in sleeper.said if line["event"] == "connected"]
        by_hand(place, "kiosk-2")
        with place.kiosk("kiosk-2"), place.courier("kiosk-2") as sleeper:
            for record in waiting:
                sleeper.wait_for("receipted", record=record, timeout=PATIENCE_S)
            until(lambda: (place.fleet_says("kiosk-2")["seen"] or {}).get("orders_version") == 3, "its orders")
        made += waiting
    kept = place.kept()
    assert set(made) <= set(kept)
    assert {kept[record] for record in waiting} == {"kiosk-2"}
