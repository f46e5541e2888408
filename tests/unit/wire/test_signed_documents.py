"""Bundle, registry, receipts, orders, status: whose word counts for what."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import pytest

from edge_agent.errors import (
    ExpiredError,
    RolledBackError,
    SignatureError,
    TooLargeError,
    UnknownSignerError,
    UnknownVersionError,
    WireError,
    WrongSignerError,
)
from edge_agent.wire import bundle, documents, orders, receipts, records, registry, sealing, status, withdrawal
from edge_agent.wire.keys import kid
from edge_agent.wire.topics import Address
from tests.vectors import fleet
from tests.vectors.forge import flip

TRUSTED = fleet.trusted_bundle()
SIGNERS = fleet.SIGNERS


def but(document: documents.D, **changes: object) -> documents.D:
    return msgspec.structs.replace(document, **changes)


class TestBundle:
    def test_it_gives_the_keys_to_seal_to_in_their_order(self) -> None:
        assert TRUSTED.recipients == fleet.public_keys()
        assert TRUSTED.sha256 == hashlib.sha256(fleet.SIGNED_BUNDLE).digest()

    def test_another_fleets_root_counts_for_nothing(self) -> None:
        with pytest.raises(UnknownSignerError, match="not trusted for bundles"):
            bundle.trust(fleet.SIGNED_BUNDLE, SIGNERS["other-root"].public_key)

    def test_its_version_never_goes_back(self) -> None:
        root = SIGNERS["root"].public_key
        assert bundle.trust(fleet.SIGNED_BUNDLE, root, at_least=3).content.version == 3
        with pytest.raises(RolledBackError, match="version 3 is older than 4"):
            bundle.trust(fleet.SIGNED_BUNDLE, root, at_least=4)

    def test_it_has_an_end_and_says_what_to_do_then(self) -> None:
        end = fleet.BUNDLE.expires_at
        TRUSTED.check_alive(end)
        with pytest.raises(ExpiredError) as refused:
            TRUSTED.check_alive(end + 1)
        assert "newer bundle" in refused.value.next_step

    def test_without_an_escrow_it_is_no_bundle(self) -> None:
        with pytest.raises(ValueError, match="no escrow"):
            but(fleet.BUNDLE, recipients=fleet.BUNDLE.recipients[:2])

    def test_a_recipient_stands_in_it_once(self) -> None:
        twice = [*fleet.BUNDLE.recipients, fleet.BUNDLE.recipients[0]]
        with pytest.raises(ValueError, match="twice"):
            but(fleet.BUNDLE, recipients=twice)

    def test_it_finds_the_key_of_a_receipt_and_of_orders_apart(self) -> None:
        receipt_key, order_key = SIGNERS["receipts"].public_key, SIGNERS["orders"].public_key
        assert TRUSTED.receipt_key(kid(receipt_key)) == receipt_key
        assert TRUSTED.order_key(kid(order_key)) == order_key
        with pytest.raises(UnknownSignerError):
            TRUSTED.receipt_key(kid(order_key))


class TestRegistry:
    def test_it_knows_every_kiosk_the_revoked_too(self) -> None:
        known = fleet.trusted_registry()
        assert known.kiosks == {"station-1", "station-2", "stolen"}
        assert (known.fleet, known.version) == (fleet.FLEET, 5)
        assert known.signer(kid(SIGNERS["stolen"].public_key)).revoked_at is not None

    def test_a_key_of_nobody_is_unknown(self) -> None:
        with pytest.raises(UnknownSignerError):
            fleet.trusted_registry().signer(kid(SIGNERS["stranger"].public_key))

    def test_its_version_never_goes_back(self) -> None:
        signed = registry.sign(fleet.REGISTRY, SIGNERS["orders"])
        with pytest.raises(RolledBackError):
            registry.trust(signed, TRUSTED, at_least=6)

    def test_another_fleets_registry_is_refused(self) -> None:
        with pytest.raises(UnknownSignerError, match="of fleet other"):
            registry.trust(registry.sign(but(fleet.REGISTRY, fleet="other"), SIGNERS["orders"]), TRUSTED)

    def test_one_key_cannot_be_two_kiosks(self) -> None:
        first = fleet.REGISTRY.keys[0]
        with pytest.raises(ValueError, match="twice"):
            but(fleet.REGISTRY, keys=[first, but(first, kiosk="station-9")])

    def test_a_kiosk_may_have_two_keys(self) -> None:
        two = [*fleet.REGISTRY.keys, registry.RegisteredKey(kiosk="station-1", key=SIGNERS["stranger"].public_key)]
        known = registry.trust(registry.sign(but(fleet.REGISTRY, keys=two), SIGNERS["orders"]), TRUSTED)
        assert known.signer(kid(SIGNERS["stranger"].public_key)).kiosk == "station-1"


class TestReceipts:
    @pytest.mark.red_line(14)
    @pytest.mark.parametrize("outcome", receipts.Outcome)
    def test_a_kiosk_lets_go_of_what_is_stored_and_keeps_what_is_quarantined(self, outcome: receipts.Outcome) -> None:
        receipt = but(fleet.RECEIPT, entries=[but(fleet.STORED, outcome=outcome)])
        read = receipts.trust(receipts.sign(receipt, SIGNERS["receipts"]), TRUSTED)
        assert read == receipt
        assert read.entries[0].lets_go is (outcome is not receipts.Outcome.QUARANTINED)

    def test_the_longest_receipt_fits(self) -> None:
        longest = but(fleet.STORED, outcome=receipts.Outcome.QUARANTINED, reason="x" * 40)
        receipt = but(fleet.RECEIPT, kiosk="k" * 32, entries=[longest] * receipts.MAX_ENTRIES)
        assert receipts.trust(receipts.sign(receipt, SIGNERS["receipts"]), TRUSTED) == receipt

    @pytest.mark.red_line(14)
    @pytest.mark.parametrize("signer", ["orders", "root", "station-1", "stranger"])
    def test_nobody_elses_word_makes_a_kiosk_let_go(self, signer: str) -> None:
        with pytest.raises(UnknownSignerError):
            receipts.trust(receipts.sign(fleet.RECEIPT, SIGNERS[signer]), TRUSTED)

    @pytest.mark.red_line(14)
    def test_a_changed_receipt_counts_for_nothing(self) -> None:
        signed = receipts.sign(fleet.RECEIPT, SIGNERS["receipts"])
        with pytest.raises(SignatureError):
            receipts.trust(flip(signed, signed.index(fleet.STORED.sha256)), TRUSTED)
        for at in range(len(signed)):
            with pytest.raises(WireError):
                receipts.trust(flip(signed, at), TRUSTED)


class TestOrders:
    def trust(self, what: orders.Orders, *, newer_than: int = 6, at: Address = fleet.KIOSK) -> orders.Orders:
        return orders.trust(orders.sign(what, SIGNERS["orders"]), TRUSTED, at, newer_than=newer_than)

    def test_they_are_read_as_they_were_given(self) -> None:
        renewed = but(fleet.ORDERS, bundle=fleet.SIGNED_BUNDLE)
        assert self.trust(renewed) == renewed

    @pytest.mark.parametrize("in_force", [7, 8])
    def test_orders_that_are_not_newer_are_refused(self, in_force: int) -> None:
        with pytest.raises(RolledBackError, match="not newer"):
            self.trust(fleet.ORDERS, newer_than=in_force)

    @pytest.mark.parametrize("at", [Address(fleet.FLEET, "station-2"), Address("other", "station-1")])
    def test_another_kiosks_orders_are_refused(self, at: Address) -> None:
        with pytest.raises(UnknownSignerError, match="another kiosk"):
            self.trust(fleet.ORDERS, at=at)

    def test_a_receipts_key_gives_no_orders(self) -> None:
        signed = orders.sign(fleet.ORDERS, SIGNERS["receipts"])
        with pytest.raises(UnknownSignerError, match="not trusted for orders"):
            orders.trust(signed, TRUSTED, fleet.KIOSK, newer_than=0)


class TestWithdrawals:
    @pytest.mark.red_line(11)
    def test_an_intake_reads_whose_and_which_record_is_taken_back_without_a_key_that_opens(self) -> None:
        parsed = records.parse(withdrawal.sign(fleet.WITHDRAWAL, SIGNERS["station-1"]))
        fleet.trusted_registry().verify(parsed, arrived_on=fleet.CLAIMS.topic)
        assert parsed.claims == fleet.WITHDRAWAL

    def test_what_comes_by_a_records_topic_is_told_apart_by_its_type(self) -> None:
        assert isinstance(records.parse(fleet.sealed()), sealing.Record)
        with pytest.raises(UnknownVersionError):
            records.parse(withdrawal.sign_at_desk(fleet.DESK_WITHDRAWAL, SIGNERS["mei"]))

    def test_a_changed_withdrawal_counts_for_nothing(self) -> None:
        signed = withdrawal.sign(fleet.WITHDRAWAL, SIGNERS["station-1"])
        for at in range(len(signed)):
            with pytest.raises(WireError):
                fleet.trusted_registry().verify(withdrawal.parse(flip(signed, at)))

    @pytest.mark.parametrize("signer", ["orders", "receipts", "root", "station-1", "stranger"])
    def test_only_a_caseworker_of_the_bundle_takes_back_by_telephone(self, signer: str) -> None:
        with pytest.raises(UnknownSignerError, match="not trusted for withdrawals"):
            withdrawal.trust_desk(withdrawal.sign_at_desk(fleet.DESK_WITHDRAWAL, SIGNERS[signer]), TRUSTED)
        assert withdrawal.trust_desk(withdrawal.sign_at_desk(fleet.DESK_WITHDRAWAL, SIGNERS["mei"]), TRUSTED)

    @pytest.mark.red_line(11)
    def test_a_record_ends_where_its_kiosk_said_or_counted_from_its_arrival(self) -> None:
        assert fleet.CLAIMS.ends_at(fleet.NOON + 10**9) == fleet.NOON + 180 * 86_400
        never_set = replace(fleet.CLAIMS, issued_at=0, expires_at=180 * 86_400)
        assert never_set.ends_at(fleet.NOON) == fleet.NOON + 180 * 86_400


class TestStatus:
    def test_the_kiosks_own_word_is_verified_inside_the_couriers(self) -> None:
        read = status.read(documents.to_cbor(fleet.STATUS))
        assert read == fleet.STATUS
        assert read.health is not None
        assert status.trust_health(read.health, fleet.trusted_registry()) == fleet.HEALTH

    def test_one_kiosk_cannot_speak_for_another(self) -> None:
        forged = status.sign_health(fleet.HEALTH, SIGNERS["station-2"])
        with pytest.raises(WrongSignerError):
            status.trust_health(forged, fleet.trusted_registry())

    def test_a_kiosk_that_nobody_knows_is_not_heard(self) -> None:
        with pytest.raises(UnknownSignerError):
            status.trust_health(status.sign_health(fleet.HEALTH, SIGNERS["stranger"]), fleet.trusted_registry())

    def test_a_will_says_nothing_but_that_it_is_gone(self) -> None:
        will = documents.to_cbor(status.Status(kiosk="station-1", online=False, version="0.1.0"))
        assert status.read(will).backlog == 0
        assert len(will) < 64


def test_what_is_signed_as_one_thing_is_never_taken_for_another() -> None:
    signed = {
        "bundle": (fleet.SIGNED_BUNDLE, lambda data: bundle.trust(data, SIGNERS["root"].public_key)),
        "registry": (
            registry.sign(fleet.REGISTRY, SIGNERS["orders"]),
            lambda data: registry.trust(data, TRUSTED),
        ),
        "receipt": (receipts.sign(fleet.RECEIPT, SIGNERS["receipts"]), lambda data: receipts.trust(data, TRUSTED)),
        "orders": (
            orders.sign(fleet.ORDERS, SIGNERS["orders"]),
            lambda data: orders.trust(data, TRUSTED, fleet.KIOSK, newer_than=0),
        ),
        "withdrawal": (
            withdrawal.sign(fleet.WITHDRAWAL, SIGNERS["station-1"]),
            lambda data: fleet.trusted_registry().verify(withdrawal.parse(data)) is None,
        ),
        "desk withdrawal": (
            withdrawal.sign_at_desk(fleet.DESK_WITHDRAWAL, SIGNERS["mei"]),
            lambda data: withdrawal.trust_desk(data, TRUSTED),
        ),
        "health": (fleet.STATUS.health, lambda data: status.trust_health(data, fleet.trusted_registry())),
    }
    for name, (_, read) in signed.items():
        for other, (data, _) in signed.items():
            if name == other:
                assert read(data)
            else:
                with pytest.raises((UnknownVersionError, TooLargeError)):
                    read(data)
