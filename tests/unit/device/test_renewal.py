"""Certificates that end, renewed by the key that the kiosk has: the next key is used only once it is certified."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge_agent import authorities, config
from edge_agent.enrolment.certificates import make_request, next_to, read_key, settle
from edge_agent.enrolment.renewal import SIGNING_OVERLAP_S, SigningRenewal, TlsRenewal
from edge_agent.files import read_signer
from edge_agent.wire import cose, enrolment, registry
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.documents import from_cbor
from edge_agent.wire.keys import RecipientPrivateKey
from provisioning.certificates import Authority, certificate_der
from provisioning.throwaway import ThrowawayFleet, place

DAY = 86_400


class Kiosk:
    """A kiosk whose both certificates are in their last third, and the office that renews them."""

    def __init__(self, folder):
        escrow = Recipient(name="escrow", holder=Holder.ESCROW, key=RecipientPrivateKey.generate().public_key.raw)
        self.fleet = ThrowawayFleet(folder, [escrow])
        here = self.fleet.add_kiosk("kiosk-1")
        self.settings = config.load(here / "kiosk.toml")
        self.now = int(self.fleet.now.timestamp())
        self.signing, self.tls = here / "signing.key", here / "tls.key"
        long_ago = self.fleet.now - dt.timedelta(days=390)
        key = read_key(self.signing).public_key()
        place(self.settings.signing_certificate, self.fleet.authority.certify_signing("kiosk-1", key, long_ago))
        ending = self.fleet.now - dt.timedelta(days=80)
        place(here / "tls.pem", self.fleet.authority.certify("kiosk-1", read_key(self.tls).public_key(), ending))
        self.root = self.fleet.root.public_key
        self.trusted = authorities.read(Path(self.settings.broker.ca))
        self.courier = TlsRenewal(self.settings, self.root, self.trusted)

    @property
    def kiosk(self):
        return SigningRenewal(self.settings, read_signer(self.signing), self.root, self.trusted)

    def request(self):
        assert self.courier.to_send(0.0, self.now) is None
        assert not self.kiosk.look(self.now)
        return self.courier.to_send(1.0, self.now)

    def answer(self, raw, **other):
        content = registry.RegistryContent(
            fleet="demo",
            version=1,
            issued_at=1,
            keys=[registry.RegisteredKey(kiosk="kiosk-1", key=read_signer(self.signing).public_key)],
        )
        asked = enrolment.trust_renewal(raw, registry.Registry(content))
        signing, tls = (x509.load_der_x509_csr(der).public_key() for der in (asked.signing, asked.tls))
        plain = {
            "fleet": "demo",
            "kiosk": "kiosk-1",
            "request": hashlib.sha256(raw).digest(),
            "at": self.now,
            "bundle": self.fleet.bundle,
            "signing": certificate_der(self.fleet.authority.certify_signing("kiosk-1", signing, self.fleet.now)),
            "tls": certificate_der(self.fleet.authority.certify("kiosk-1", tls, self.fleet.now)),
        }
        return enrolment.sign_reply(enrolment.Reply(**(plain | other)), self.fleet.order_signer)


@pytest.fixture
def kiosk(tmp_path):
    return Kiosk(tmp_path)


def test_both_keys_are_renewed_each_by_the_process_that_holds_it(kiosk):
    before = [path.read_bytes() for path in (kiosk.signing, kiosk.tls)]
    raw = kiosk.request()
    assert raw is not None
    kiosk.courier.take(kiosk.answer(raw))
    assert kiosk.courier.to_try(2.0)
    assert [path.read_bytes() for path in (kiosk.signing, kiosk.tls)] == before  # nothing went before it was tried
    assert not kiosk.kiosk.look(kiosk.now)
    kiosk.courier.install()
    assert kiosk.tls.read_bytes() != before[1]
    assert not next_to(kiosk.tls).exists()
    assert kiosk.signing.read_bytes() == before[0]
    assert not kiosk.kiosk.look(kiosk.now + SIGNING_OVERLAP_S - 2 * 3600)
    assert kiosk.kiosk.look(kiosk.now + SIGNING_OVERLAP_S + 1)
    assert kiosk.signing.read_bytes() != before[0]
    held = x509.load_pem_x509_certificate(kiosk.settings.signing_certificate.read_bytes())
    assert held.public_key() == read_key(kiosk.signing).public_key()


def test_a_next_key_that_fails_its_trial_leaves_the_old_one_and_is_tried_again_an_hour_later(kiosk):
    kiosk.courier.take(kiosk.answer(kiosk.request()))
    before = kiosk.tls.read_bytes()
    assert kiosk.courier.to_try(10.0)
    assert not kiosk.courier.to_try(100.0)
    assert kiosk.courier.to_try(10.0 + 3600.0)
    assert kiosk.tls.read_bytes() == before


def test_an_answer_that_is_not_the_offices_changes_nothing(kiosk, capsys):
    raw = kiosk.request()
    another = make_request(read_key(kiosk.signing), "kiosk-1")
    others = x509.load_der_x509_csr(another).public_key()
    foreign = kiosk.fleet.authority.certify("kiosk-1", others, kiosk.fleet.now)
    wrong = certificate_der(foreign)
    for reply in (b"nothing", kiosk.answer(raw, request=bytes(32)), kiosk.answer(raw, tls=wrong)):
        kiosk.courier.take(reply)
        assert not kiosk.courier.ready
    assert capsys.readouterr().out.count("reply_not_believed") == 3
    refused = kiosk.answer(raw, tls=None, signing=None, refused="revoked")
    kiosk.courier.take(refused)
    assert not kiosk.courier.ready


def test_nothing_is_asked_for_while_nothing_ends(kiosk):
    fresh = kiosk.fleet.authority.certify("kiosk-1", read_key(kiosk.tls).public_key(), kiosk.fleet.now)
    place(kiosk.tls.with_suffix(".pem"), fresh)
    assert kiosk.request() is None
    assert not next_to(kiosk.tls).exists()


def test_a_certificate_of_the_ca_that_certifies_no_more_is_renewed_long_before_its_end(kiosk):
    fresh = kiosk.fleet.authority.certify("kiosk-1", read_key(kiosk.tls).public_key(), kiosk.fleet.now)
    place(kiosk.tls.with_suffix(".pem"), fresh)
    new = Authority.create("demo", kiosk.fleet.now)
    newer = x509.load_pem_x509_certificate(new.pem)
    kiosk.courier = TlsRenewal(kiosk.settings, kiosk.root, [*kiosk.trusted, newer])
    assert kiosk.request() is None  # it is trusted, and does not certify yet
    kiosk.trusted = [newer, *kiosk.trusted]
    kiosk.courier = TlsRenewal(kiosk.settings, kiosk.root, kiosk.trusted)
    raw = kiosk.request()
    asked = x509.load_der_x509_csr(read_asked(raw).tls).public_key()
    by_new = certificate_der(new.certify("kiosk-1", asked, kiosk.fleet.now))
    kiosk.courier.take(kiosk.answer(raw, tls=by_new))
    assert kiosk.courier.to_try(2.0)
    kiosk.courier.install()
    kiosk.courier = TlsRenewal(kiosk.settings, kiosk.root, kiosk.trusted)
    assert kiosk.request() is None


def read_asked(raw):
    parsed = cose.parse_sign1(raw, enrolment.RENEWAL_TYPE, max_bytes=enrolment.Request.MAX_BYTES)
    return from_cbor(parsed.payload, enrolment.Request)


def test_a_power_cut_between_key_and_certificate_is_completed(kiosk):
    kiosk.courier.take(kiosk.answer(kiosk.request()))
    certificate = kiosk.tls.with_suffix(".pem")
    next_to(kiosk.tls).replace(kiosk.tls)
    settle(kiosk.tls, certificate)
    held = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert held.public_key() == read_key(kiosk.tls).public_key()
    assert held.public_bytes(Encoding.DER)
