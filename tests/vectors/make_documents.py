"""The vectors of signed documents and of status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent.wire import cbor, cose, documents, orders, receipts, registry, status
from tests.vectors import fleet
from tests.vectors.case import Case
from tests.vectors.forge import flip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.wire.documents import Document

ORDERS_NEEDS = {"fleet": fleet.FLEET, "kiosk": "station-1", "newer_than": 6}


def cases() -> Iterator[Case]:
    yield from _bundles()
    yield from _registries()
    yield from _receipts()
    yield from _orders()
    yield from _health()
    yield from _status()


def _sign(kind: str, plain: dict[str, Any] | bytes, by: str, typ: str | None = None) -> bytes:
    payload = plain if isinstance(plain, bytes) else cbor.encode(plain)
    return cose.sign1(payload, fleet.SIGNERS[by], cose.media_type(typ or kind))


def _but(document: Document, **changes: Any) -> dict[str, Any]:
    """The document as plain values, with fields changed, added, or (None) left out."""
    plain = documents.to_map(document) | changes
    return {key: value for key, value in plain.items() if value is not None}


def _bundles() -> Iterator[Case]:
    needs = {"at_least": 3, "now": fleet.NOON}

    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", **k: Any
    ) -> Case:
        return Case(f"bundle-{name}", about, "bundle", data, expect, needs | k, schema)

    yield case("right", "The fleet's bundle: two caseworkers and an escrow.", fleet.SIGNED_BUNDLE)
    end = fleet.BUNDLE.expires_at
    yield case("last-second", "In its last second.", fleet.SIGNED_BUNDLE, now=end)
    yield case("expired", "A second past its end.", fleet.SIGNED_BUNDLE, "expired", now=end + 1)
    yield case("rolled-back", "Version 3 where 4 is in force.", fleet.SIGNED_BUNDLE, "rolled-back", at_least=4)
    other_root = _sign("bundle", _but(fleet.BUNDLE), "other-root")
    yield case("other-root", "Signed by another fleet's root.", other_root, "unknown-signer")
    altered = fleet.SIGNED_BUNDLE.replace(b"Lighthouse", b"lighthouse")
    yield case("altered", "The controller's name was changed.", altered, "bad-signature")
    short = fleet.BUNDLE.recipients[0]
    plain = documents.to_map(fleet.BUNDLE)["recipients"]
    for name, about, schema, changes in (
        ("no-escrow", "No escrow among the recipients.", "accepts", {"recipients": plain[:2]}),
        ("recipient-twice", "One recipient's key twice.", "accepts", {"recipients": [*plain, plain[2]]}),
        ("no-recipient", "No recipient.", "refuses", {"recipients": []}),
        ("short-key", "A recipient's key of 1,215 bytes.", "refuses", {"recipients": [_but(short, key=bytes(1215))]}),
        ("fleet-id", "A fleet's id that no broker carries.", "refuses", {"fleet": "Light/house"}),
        ("fleet-line-break", "A line break after the fleet's id.", "refuses", {"fleet": "lighthouse\n"}),
        ("version-0", "Version 0.", "refuses", {"version": 0}),
        ("version-text", "A version that is a text.", "refuses", {"version": "3"}),
        ("unknown-field", "A field that a bundle does not have.", "refuses", {"note": "x"}),
        ("missing-field", "No controller.", "refuses", {"controller": None}),
    ):
        data = _sign("bundle", _but(fleet.BUNDLE, **changes), "root")
        yield case(name, about, data, "malformed", schema)
    receipt = _sign("bundle", _but(fleet.BUNDLE), "root", typ="receipt")
    yield case("type-of-receipt", "A bundle under a receipt's type.", receipt, "unknown-version")
    trailing = documents.to_cbor(fleet.BUNDLE) + b"\0"
    yield case("trailing-byte", "A byte after the content.", _sign("bundle", trailing, "root"), "not-canonical")


def _registries() -> Iterator[Case]:
    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", at: int = 5
    ) -> Case:
        return Case(f"registry-{name}", about, "registry", data, expect, {"at_least": at}, schema)

    right = registry.sign(fleet.REGISTRY, fleet.SIGNERS["orders"])
    yield case("right", "Three kiosks, one of them revoked.", right)
    yield case("rolled-back", "Version 5 where 6 is in force.", right, "rolled-back", at=6)
    by_root = _sign("registry", _but(fleet.REGISTRY), "root")
    yield case("signed-by-root", "Signed by the root, which signs bundles alone.", by_root, "unknown-signer")
    foreign = _sign("registry", _but(fleet.REGISTRY, fleet="other"), "orders")
    yield case("other-fleet", "Of another fleet.", foreign, "unknown-signer")
    twice = documents.to_map(fleet.REGISTRY)["keys"]
    twice[1]["key"] = twice[0]["key"]
    both = _sign("registry", _but(fleet.REGISTRY, keys=twice), "orders")
    yield case("key-twice", "One key of two kiosks.", both, "malformed", "accepts")
    spelt = documents.to_map(fleet.REGISTRY)["keys"]
    spelt[0]["revoked_at"] = None
    null = _sign("registry", _but(fleet.REGISTRY, keys=spelt), "orders")
    yield case("default-spelt-out", "'Not revoked', spelt out as null.", null, "not-canonical")


def _receipts() -> Iterator[Case]:
    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", **needs: Any
    ) -> Case:
        return Case(f"receipt-{name}", about, "receipt", data, expect, needs, schema)

    for outcome, kept in (("stored", True), ("duplicate", True), ("quarantined", False)):
        reason = {"reason": "unknown-signer"} if outcome == "quarantined" else {}
        data = _sign("receipt", _but(fleet.RECEIPT, outcome=outcome, **reason), "receipts")
        yield case(outcome, f"{outcome.capitalize()}: the kiosk {'lets go' if kept else 'keeps it'}.", data, kept=kept)
    right = receipts.sign(fleet.RECEIPT, fleet.SIGNERS["receipts"])
    yield case("altered", "One bit of the record's hash was changed.", _flip_payload(right), "bad-signature")
    by_orders = _sign("receipt", _but(fleet.RECEIPT), "orders")
    yield case("signed-by-orders", "Signed by the key for orders.", by_orders, "unknown-signer")
    by_kiosk = _sign("receipt", _but(fleet.RECEIPT), "station-1")
    yield case("signed-by-kiosk", "Signed by the kiosk itself.", by_kiosk, "unknown-signer")
    orders_type = _sign("receipt", _but(fleet.RECEIPT), "receipts", typ="orders")
    yield case("type-of-orders", "Under the type of orders.", orders_type, "unknown-version")
    for name, about, changes in (
        ("unknown-outcome", "An outcome that there is not.", {"outcome": "lost"}),
        ("short-hash", "A hash of 31 bytes.", {"sha256": bytes(31)}),
        ("empty-reason", "A reason of no characters.", {"reason": ""}),
        ("time-past-bounds", "A second past the last that is allowed.", {"at": (1 << 40) + 1}),
        ("time-float", "A time with a fraction.", {"at": 1.5}),
    ):
        yield case(name, about, _sign("receipt", _but(fleet.RECEIPT, **changes), "receipts"), "malformed")
    whole = _sign("receipt", _but(fleet.RECEIPT) | {"at": float(fleet.NOON)}, "receipts")
    yield case("time-whole-float", "A whole time, but as a float.", whole, "malformed")
    long = _sign("receipt", _but(fleet.RECEIPT, reason="x" * 900), "receipts")
    yield case("too-large", "More than 1,024 bytes.", long, "too-large")


def _flip_payload(signed: bytes) -> bytes:
    return flip(signed, signed.index(fleet.RECEIPT.sha256))


def _orders() -> Iterator[Case]:
    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", **needs: Any
    ) -> Case:
        return Case(f"orders-{name}", about, "orders", data, expect, ORDERS_NEEDS | needs, schema)

    right = orders.sign(fleet.ORDERS, fleet.SIGNERS["orders"])
    yield case("right", "Four settings, one of each type.", right)
    renewed = msgspec.structs.replace(fleet.ORDERS, settings={}, bundle=fleet.SIGNED_BUNDLE)
    yield case("bundle", "A newer bundle.", orders.sign(renewed, fleet.SIGNERS["orders"]))
    yield case("rolled-back", "An older version.", right, "rolled-back", newer_than=8)
    yield case("same-version", "The version that is in force.", right, "rolled-back", newer_than=7)
    yield case("other-kiosk", "For another kiosk.", right, "unknown-signer", kiosk="station-2")
    yield case("other-fleet", "For another fleet.", right, "unknown-signer", fleet="other")
    by_root = _sign("orders", _but(fleet.ORDERS), "root")
    yield case("signed-by-root", "Signed by the root, which signs bundles alone.", by_root, "unknown-signer")
    for name, about, changes in (
        ("setting-bytes", "A setting that is bytes.", {"settings": {"a": b"x"}}),
        ("setting-list", "A setting that is a list.", {"settings": {"a": [1]}}),
        ("setting-past-2-53", "A setting of 2^53.", {"settings": {"a": 1 << 53}}),
        ("unknown-mode", "A mode that there is not.", {"mode": "dance"}),
    ):
        yield case(name, about, _sign("orders", _but(fleet.ORDERS, **changes), "orders"), "malformed")
    empty = _sign("orders", _but(fleet.ORDERS, settings={}), "orders")
    yield case("empty-settings", "No settings, spelt out.", empty, "not-canonical")


def _health() -> Iterator[Case]:
    def case(name: str, about: str, data: bytes, expect: str = "ok") -> Case:
        return Case(f"health-{name}", about, "health", data, expect)

    yield case("right", "Can't take reports: the outbox is full.", _sign("health", _but(fleet.HEALTH), "station-1"))
    other = _sign("health", _but(fleet.HEALTH), "station-2")
    yield case("other-kiosk", "Station-1's health, signed by station-2.", other, "wrong-signer")
    stranger = _sign("health", _but(fleet.HEALTH), "stranger")
    yield case("stranger", "Signed by a key of nobody.", stranger, "unknown-signer")
    negative = _sign("health", _but(fleet.HEALTH, uptime_ms=-1), "station-1")
    large = _sign("health", _but(fleet.HEALTH, uptime_ms=1 << 53), "station-1")
    yield case("past-2-53", "An uptime of 2^53.", large, "malformed")
    yield case("negative", "An uptime below zero.", negative, "malformed")


def _status() -> Iterator[Case]:
    def case(
        name: str, about: str, plain: dict[str, Any] | bytes, expect: str = "ok", schema: str | None = "by-outcome"
    ) -> Case:
        data = plain if isinstance(plain, bytes) else cbor.encode(plain)
        return Case(f"status-{name}", about, "status", data, expect, {}, schema)

    yield case("right", "A kiosk with a backlog of two.", _but(fleet.STATUS))
    will = status.Status(kiosk="station-1", online=False, version="0.1.0")
    yield case("will", "The will: gone, and nothing more.", _but(will))
    other = status.sign_health(fleet.HEALTH, fleet.SIGNERS["station-2"])
    yield case(
        "health-of-other",
        "The health inside is signed by another kiosk.",
        _but(fleet.STATUS, health=other),
        "wrong-signer",
    )
    yield case("zero-backlog", "A backlog of 0, spelt out.", _but(will, backlog=0), "not-canonical")
    yield case("temperature-integer", "A temperature that is no float.", _but(will, temperature_c=51), "not-canonical")
    yield case("hot", "Hotter than is allowed.", _but(will, temperature_c=200.5), "malformed")
