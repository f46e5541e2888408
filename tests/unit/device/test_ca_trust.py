"""Which CAs the courier believes: one more at once, one less only after a connection stood without it."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509

from edge_agent import authorities, config
from edge_agent.enrolment.ca_trust import CaTrust
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from provisioning.certificates import Authority
from provisioning.throwaway import ThrowawayFleet

NOW = dt.datetime.now(dt.UTC)


class Kiosk:
    def __init__(self, folder):
        escrow = Recipient(name="escrow", holder=Holder.ESCROW, key=RecipientPrivateKey.generate().public_key.raw)
        fleet = ThrowawayFleet(folder, [escrow])
        self.settings = config.load(fleet.add_kiosk("kiosk-1") / "kiosk.toml")
        self.old, self.new = (x509.load_pem_x509_certificate(ca.pem) for ca in (fleet.authority, another()))

    def trust(self, *wanted):
        return CaTrust(self.settings, wanted)


def another():
    return Authority.create("demo", NOW)


@pytest.fixture
def kiosk(tmp_path):
    return Kiosk(tmp_path)


def test_the_cards_ca_is_believed_as_long_as_orders_name_no_other(kiosk):
    trust = kiosk.trust(kiosk.old)
    assert str(trust.path) == kiosk.settings.broker.ca
    assert not trust.to_try(0.0)


def test_a_ca_more_is_believed_at_once_and_without_a_trial_whatever_their_order(kiosk):
    for wanted in ((kiosk.old, kiosk.new), (kiosk.new, kiosk.old)):
        trust = kiosk.trust(*wanted)
        assert authorities.read(trust.path) == list(wanted)
        assert not trust.to_try(0.0)


def test_an_older_ca_is_let_go_only_after_the_trial_that_is_made_again_an_hour_later(kiosk):
    kiosk.trust(kiosk.new, kiosk.old)
    trust = kiosk.trust(kiosk.new)
    assert trust.to_try(0.0)
    assert authorities.read(trust.next_path) == [kiosk.new]
    assert authorities.read(trust.path) == [kiosk.new, kiosk.old]
    assert not trust.to_try(3599.0)
    assert trust.to_try(3600.0)
    trust.install()
    assert authorities.read(trust.path) == [kiosk.new]
    assert not trust.to_try(9000.0)
    assert authorities.read(kiosk.trust(kiosk.new).path) == [kiosk.new]


def test_a_ca_that_is_altogether_another_is_tried_before_the_cards_goes(kiosk):
    trust = kiosk.trust(kiosk.new)
    assert authorities.read(trust.path) == [kiosk.old]
    assert trust.to_try(0.0)
    assert authorities.read(trust.path) == [kiosk.old]


def test_what_a_power_cut_left_of_a_trial_counts_for_nothing(kiosk):
    kiosk.trust(kiosk.new, kiosk.old)
    kiosk.trust(kiosk.new).to_try(0.0)
    assert authorities.read(kiosk.trust(kiosk.new).path) == [kiosk.new, kiosk.old]


def test_a_file_that_was_damaged_is_made_again_from_the_orders(kiosk):
    trust = kiosk.trust(kiosk.new, kiosk.old)
    trust.path.write_bytes(b"half")
    assert authorities.read(kiosk.trust(kiosk.new, kiosk.old).path) == [kiosk.new, kiosk.old]
