"""The vectors of signed documents and of status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent.wire import cbor, documents, fields, orders, receipts, registry, status, withdrawal
from edge_agent.wire.topics import Address, Channel
from tests.vectors import fleet
from tests.vectors.case import Case
from tests.vectors.forge import but, flip, sign_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTICE = {
    "who_sees": "Only {ngo} can open it.",
    "what_for": "To look for you. 找你。",
    "how_long": "For {days} days.",
    "take_back": "Call {telephone}.",
    "free": "You can say no.",
}
ORDERS_NEEDS = {"fleet": fleet.FLEET, "kiosk": "station-1", "newer_than": 6}


def cases() -> Iterator[Case]:
    yield from _bundles()
    yield from _registries()
    yield from _receipts()
    yield from _withdrawals()
    yield from _desk_withdrawals()
    yield from _orders()
    yield from _health()
    yield from _status()


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
    other_root = sign_plain("bundle", but(fleet.BUNDLE), "other-root")
    yield case("other-root", "Signed by another fleet's root.", other_root, "unknown-signer")
    altered = fleet.SIGNED_BUNDLE.replace(b"Lighthouse", b"lighthouse")
    yield case("altered", "The controller's name was changed.", altered, "bad-signature")
    short = fleet.BUNDLE.recipients[0]
    plain = documents.to_map(fleet.BUNDLE)["recipients"]
    for name, about, schema, changes in (
        ("no-escrow", "No escrow among the recipients.", "accepts", {"recipients": plain[:2]}),
        ("recipient-twice", "One recipient's key twice.", "accepts", {"recipients": [*plain, plain[2]]}),
        (
            "withdrawal-key-twice",
            "Two caseworkers with one key for withdrawals.",
            "accepts",
            {"recipients": [plain[0], plain[1] | {"withdrawal_key": plain[0]["withdrawal_key"]}, plain[2]]},
        ),
        (
            "short-withdrawal-key",
            "A key for withdrawals of 64 bytes.",
            "refuses",
            {"recipients": [plain[0] | {"withdrawal_key": bytes(64)}, *plain[1:]]},
        ),
        ("no-recipient", "No recipient.", "refuses", {"recipients": []}),
        ("short-key", "A recipient's key of 1,215 bytes.", "refuses", {"recipients": [but(short, key=bytes(1215))]}),
        ("fleet-id", "A fleet's id that no broker carries.", "refuses", {"fleet": "Light/house"}),
        ("fleet-line-break", "A line break after the fleet's id.", "refuses", {"fleet": "lighthouse\n"}),
        ("version-0", "Version 0.", "refuses", {"version": 0}),
        ("version-text", "A version that is a text.", "refuses", {"version": "3"}),
        ("unknown-field", "A field that a bundle does not have.", "refuses", {"note": "x"}),
        ("missing-field", "No controller.", "refuses", {"controller": None}),
    ):
        data = sign_plain("bundle", but(fleet.BUNDLE, **changes), "root")
        yield case(name, about, data, "malformed", schema)
    receipt = sign_plain("bundle", but(fleet.BUNDLE), "root", typ="receipt")
    yield case("type-of-receipt", "A bundle under a receipt's type.", receipt, "unknown-version")
    trailing = documents.to_cbor(fleet.BUNDLE) + b"\0"
    yield case("trailing-byte", "A byte after the content.", sign_plain("bundle", trailing, "root"), "not-canonical")


def _registries() -> Iterator[Case]:
    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", at: int = 5
    ) -> Case:
        return Case(f"registry-{name}", about, "registry", data, expect, {"at_least": at}, schema)

    right = registry.sign(fleet.REGISTRY, fleet.SIGNERS["orders"])
    yield case("right", "Three kiosks, one of them revoked.", right)
    yield case("rolled-back", "Version 5 where 6 is in force.", right, "rolled-back", at=6)
    by_root = sign_plain("registry", but(fleet.REGISTRY), "root")
    yield case("signed-by-root", "Signed by the root, which signs bundles alone.", by_root, "unknown-signer")
    foreign = sign_plain("registry", but(fleet.REGISTRY, fleet="other"), "orders")
    yield case("other-fleet", "Of another fleet.", foreign, "unknown-signer")
    twice = documents.to_map(fleet.REGISTRY)["keys"]
    twice[1]["key"] = twice[0]["key"]
    both = sign_plain("registry", but(fleet.REGISTRY, keys=twice), "orders")
    yield case("key-twice", "One key of two kiosks.", both, "malformed", "accepts")
    spelt = documents.to_map(fleet.REGISTRY)["keys"]
    spelt[0]["revoked_at"] = None
    null = sign_plain("registry", but(fleet.REGISTRY, keys=spelt), "orders")
    yield case("default-spelt-out", "'Not revoked', spelt out as null.", null, "not-canonical")


def _receipts() -> Iterator[Case]:
    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", **needs: Any
    ) -> Case:
        return Case(f"receipt-{name}", about, "receipt", data, expect, needs, schema)

    def receipt(*entries: dict[str, Any], by: str = "receipts", **changes: Any) -> bytes:
        return sign_plain("receipt", but(fleet.RECEIPT, **({"entries": list(entries)} | changes)), by)

    one = documents.to_map(fleet.STORED)
    for outcome, does, reason in (
        ("stored", "lets go", None),
        ("duplicate", "lets go", None),
        ("quarantined", "keeps it", "unknown-signer"),
        ("erased", "lets go", "withdrawn"),
        ("not-held", "lets go", "withdrawn"),
    ):
        entry = but(fleet.STORED, outcome=outcome, reason=reason)
        yield case(outcome, f"{outcome.capitalize()}: the kiosk {does}.", receipt(entry), lets_go=[does == "lets go"])
    yield case("expired", "Erased at its end.", receipt(one | {"outcome": "erased", "reason": "expired"}))
    many = [one | {"record_id": fleet.seed(f"record {n}")[:16]} for n in range(64)]
    many[7] |= {"outcome": "quarantined", "reason": "bad-signature"}
    lets_go = [n != 7 for n in range(64)]
    yield case("many", "As many records as a receipt holds, one of them quarantined.", receipt(*many), lets_go=lets_go)
    right = receipts.sign(fleet.RECEIPT, fleet.SIGNERS["receipts"])
    yield case("altered", "One bit of the record's hash was changed.", _flip_payload(right), "bad-signature")
    yield case("signed-by-orders", "Signed by the key for orders.", receipt(one, by="orders"), "unknown-signer")
    yield case("signed-by-kiosk", "Signed by the kiosk itself.", receipt(one, by="station-1"), "unknown-signer")
    orders_type = sign_plain("receipt", but(fleet.RECEIPT), "receipts", typ="orders")
    yield case("type-of-orders", "Under the type of orders.", orders_type, "unknown-version")
    yield case("no-entry", "About no record.", receipt(), "malformed")
    yield case("too-many", "One record more than 64.", receipt(*many, one), "malformed")
    for name, about, changes in (
        ("unknown-outcome", "An outcome that there is not.", {"outcome": "lost"}),
        ("short-hash", "A hash of 31 bytes.", {"sha256": bytes(31)}),
        ("empty-reason", "A reason of no characters.", {"reason": ""}),
        ("reason-in-words", "A reason that is no code.", {"reason": "somebody said so"}),
        ("unknown-field", "A field that an entry does not have.", {"kept": True}),
    ):
        yield case(name, about, receipt(one | changes), "malformed")
    for name, about, at in (
        ("time-past-bounds", "A second past the last that is allowed.", (1 << 40) + 1),
        ("time-float", "A time with a fraction.", 1.5),
        ("time-whole-float", "A whole time, but as a float.", float(fleet.NOON)),
    ):
        yield case(name, about, receipt(one, at=at), "malformed")
    null = receipt(one | {"reason": None})
    yield case("default-spelt-out", "'No reason', spelt out as null.", null, "not-canonical", "refuses")
    long = receipt(one | {"reason": "x" * receipts.Receipt.MAX_BYTES})
    yield case("too-large", "More than 16,384 bytes.", long, "too-large")


def _withdrawals() -> Iterator[Case]:
    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", **needs: Any
    ) -> Case:
        told = {"arrived_on": fleet.KIOSK.topic(Channel.RECORDS)} | needs
        return Case(f"withdrawal-{name}", about, "withdrawal", data, expect, told, schema)

    def of(by: str = "station-1", typ: str = "withdrawal", **changes: Any) -> bytes:
        return sign_plain("withdrawal", but(fleet.WITHDRAWAL, **changes), by, typ)

    right = withdrawal.sign(fleet.WITHDRAWAL, fleet.SIGNERS["station-1"])
    yield case("right", "The third record of an epoch takes the first one back.", right)
    yield case("clock-never-set", "By a kiosk whose clock was never set.", of(issued_at=0))
    withdrawn_hash = fleet.WITHDRAWAL.withdraws.sha256
    altered = flip(right, right.index(withdrawn_hash))
    yield case("altered", "One bit of the withdrawn record's hash was changed.", altered, "bad-signature")
    again = of(by="station-2")
    yield case("signed-again", "Another kiosk signed station-1's withdrawal anew.", again, "wrong-signer")
    yield case("stranger", "Signed by a key of nobody.", of(by="stranger"), "unknown-signer")
    at_desk = of(by="mei")
    yield case("signed-at-the-desk", "A caseworker's key, which has a type of its own.", at_desk, "unknown-signer")
    stolen = of(by="stolen", kiosk="stolen")
    its_own = Address(fleet.FLEET, "stolen").topic(Channel.RECORDS)
    yield case("revoked", "By a kiosk that was taken out of service.", stolen, "revoked", arrived_on=its_own)
    second = Address(fleet.FLEET, "station-2").topic(Channel.RECORDS)
    yield case("topic-of-another-kiosk", "Came by another kiosk's topic.", right, "wrong-topic", arrived_on=second)
    other = Address("other", "station-1").topic(Channel.RECORDS)
    foreign = of(fleet="other")
    yield case("other-fleet", "Made for another fleet.", foreign, "wrong-topic", arrived_on=other)
    yield case("type-of-record", "Under a record's type.", of(typ="record"), "unknown-version")
    yield case("type-of-desk", "Under a caseworker's type.", of(typ="desk-withdrawal"), "unknown-version")
    yield case("version-2", "Version 2.", right.replace(b"withdrawal.v1", b"withdrawal.v2"), "unknown-version")
    withdrawn = documents.to_map(fleet.WITHDRAWAL)["withdraws"]
    for name, about, changes in (
        ("of-nothing", "Takes nothing back.", {"withdraws": None}),
        ("of-short-id", "Names an id of 15 bytes.", {"withdraws": withdrawn | {"record_id": bytes(15)}}),
        ("of-no-hash", "Names no hash.", {"withdraws": {k: v for k, v in withdrawn.items() if k != "sha256"}}),
        ("of-place-0", "Names sequence number 0.", {"withdraws": withdrawn | {"seq": 0}}),
        ("place-0", "Has sequence number 0 itself.", {"seq": 0}),
        ("with-a-reason", "Says why: nobody has to.", {"reason": "fear"}),
        ("short-epoch", "An epoch of 15 bytes.", {"epoch": bytes(15)}),
    ):
        yield case(name, about, of(**changes), "malformed")


def _desk_withdrawals() -> Iterator[Case]:
    def case(name: str, about: str, data: bytes, expect: str = "ok") -> Case:
        return Case(f"desk-withdrawal-{name}", about, "desk-withdrawal", data, expect)

    def of(by: str = "mei", typ: str = "desk-withdrawal", **changes: Any) -> bytes:
        return sign_plain("desk-withdrawal", but(fleet.DESK_WITHDRAWAL, **changes), by, typ)

    right = withdrawal.sign_at_desk(fleet.DESK_WITHDRAWAL, fleet.SIGNERS["mei"])
    yield case("right", "A caseworker takes a record back.", right)
    yield case("second-caseworker", "Another caseworker does.", of(by="amadou"))
    altered = flip(right, right.index(fleet.DESK_WITHDRAWAL.withdraws.record_id))
    yield case("altered", "It names another record than was signed.", altered, "bad-signature")
    for by, about in (
        ("station-1", "Signed by the kiosk, which has a type of its own."),
        ("orders", "Signed by the key for orders."),
        ("receipts", "Signed by the intake itself."),
        ("stranger", "Signed by a key of nobody."),
    ):
        yield case(f"signed-by-{by}", about, of(by=by), "unknown-signer")
    yield case("other-fleet", "For another fleet.", of(fleet="other"), "unknown-signer")
    yield case("type-of-kiosk", "Under a kiosk's type.", of(typ="withdrawal"), "unknown-version")
    yield case("no-time", "Without a time.", of(issued_at=None), "malformed")
    chained = of(record_id=bytes(fields.ID_BYTES))
    yield case("in-a-chain", "With an id of its own, as a kiosk's has.", chained, "malformed")


def _flip_payload(signed: bytes) -> bytes:
    return flip(signed, signed.index(fleet.STORED.sha256))


def notice(**changes: Any) -> dict[str, Any]:
    """Give orders with a notice that is changed so; None leaves a sentence out."""
    words = {key: text for key, text in (NOTICE | changes).items() if text is not None}
    return {"notice": {"id": "coast-2", "words": {"en": words}}}


def _orders() -> Iterator[Case]:
    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", **needs: Any
    ) -> Case:
        return Case(f"orders-{name}", about, "orders", data, expect, ORDERS_NEEDS | needs, schema)

    right = orders.sign(fleet.ORDERS, fleet.SIGNERS["orders"])
    yield case("right", "Four settings, one of each type.", right)
    renewed = msgspec.structs.replace(fleet.ORDERS, settings={}, bundle=fleet.SIGNED_BUNDLE)
    yield case("bundle", "A newer bundle.", orders.sign(renewed, fleet.SIGNERS["orders"]))
    two = [fleet.seed(name) * 16 for name in ("the newer CA", "the older CA")]
    trusting = but(fleet.ORDERS, authorities=two)
    yield case("authorities", "Two CAs to trust, the newer one certifies.", sign_plain("orders", trusting, "orders"))
    ordered = {"id": "coast-2", "words": {"en": NOTICE, "zh-Hant": NOTICE}}
    yield case(
        "notice", "Other words in two languages.", sign_plain("orders", but(fleet.ORDERS, notice=ordered), "orders")
    )
    yield case("rolled-back", "An older version.", right, "rolled-back", newer_than=8)
    yield case("same-version", "The version that is in force.", right, "rolled-back", newer_than=7)
    yield case("other-kiosk", "For another kiosk.", right, "unknown-signer", kiosk="station-2")
    yield case("other-fleet", "For another fleet.", right, "unknown-signer", fleet="other")
    by_root = sign_plain("orders", but(fleet.ORDERS), "root")
    yield case("signed-by-root", "Signed by the root, which signs bundles alone.", by_root, "unknown-signer")
    for name, about, changes in (
        ("setting-bytes", "A setting that is bytes.", {"settings": {"a": b"x"}}),
        ("setting-list", "A setting that is a list.", {"settings": {"a": [1]}}),
        ("setting-past-2-53", "A setting of 2^53.", {"settings": {"a": 1 << 53}}),
        ("unknown-mode", "A mode that there is not.", {"mode": "dance"}),
        ("no-authority", "A list of no CA.", {"authorities": []}),
        ("three-authorities", "Three CAs.", {"authorities": [*two, fleet.seed("a third CA")]}),
        ("empty-authority", "A CA of no bytes.", {"authorities": [b""]}),
        ("notice-in-no-language", "A notice in no language.", {"notice": ordered | {"words": {}}}),
        ("notice-without-id", "A notice without an id.", {"notice": {"words": {"en": NOTICE}}}),
        ("notice-lacks-sentence", "A notice that doesn't say what for.", notice(what_for=None)),
        ("notice-unknown-sentence", "A sixth sentence.", notice(more="And more.")),
        ("notice-empty-sentence", "A sentence of no words.", notice(free="")),
    ):
        yield case(name, about, sign_plain("orders", but(fleet.ORDERS, **changes), "orders"), "malformed")
    for name, about, changes in (
        ("notice-in-klingon", "A language's code that is none.", {"notice": ordered | {"words": {"klingon": NOTICE}}}),
        ("notice-lacks-who", "It doesn't name the organisation.", notice(who_sees="Somebody sees it.")),
        ("notice-lacks-days", "It doesn't say how long.", notice(how_long="They keep it for long.")),
        ("notice-lacks-telephone", "It doesn't say whom to call.", notice(take_back="Ask somebody.")),
        ("notice-unknown-place", "A place that nobody fills in.", notice(free="Say no to {god}.")),
        ("notice-open-brace", "A brace that is no place.", notice(free="Say no {.")),
        ("notice-two-lines", "A line break in a sentence.", notice(free="Say\nno.")),
        ("notice-space-first", "A sentence that begins with a space.", notice(free=" Say no.")),
        ("notice-401-characters", "A sentence of 401 characters.", notice(free="a" * 401)),
    ):  # the schema can't say these
        data = sign_plain("orders", but(fleet.ORDERS, **changes), "orders")
        yield case(name, about, data, "malformed", None)
    empty = sign_plain("orders", but(fleet.ORDERS, settings={}), "orders")
    yield case("empty-settings", "No settings, spelt out.", empty, "not-canonical")


def _health() -> Iterator[Case]:
    def case(name: str, about: str, data: bytes, expect: str = "ok") -> Case:
        return Case(f"health-{name}", about, "health", data, expect)

    yield case("right", "Can't take reports: the outbox is full.", sign_plain("health", but(fleet.HEALTH), "station-1"))
    other = sign_plain("health", but(fleet.HEALTH), "station-2")
    yield case("other-kiosk", "Station-1's health, signed by station-2.", other, "wrong-signer")
    stranger = sign_plain("health", but(fleet.HEALTH), "stranger")
    yield case("stranger", "Signed by a key of nobody.", stranger, "unknown-signer")
    negative = sign_plain("health", but(fleet.HEALTH, uptime_ms=-1), "station-1")
    large = sign_plain("health", but(fleet.HEALTH, uptime_ms=1 << 53), "station-1")
    yield case("past-2-53", "An uptime of 2^53.", large, "malformed")
    yield case("negative", "An uptime below zero.", negative, "malformed")


def _status() -> Iterator[Case]:
    def case(
        name: str, about: str, plain: dict[str, Any] | bytes, expect: str = "ok", schema: str | None = "by-outcome"
    ) -> Case:
        data = plain if isinstance(plain, bytes) else cbor.encode(plain)
        return Case(f"status-{name}", about, "status", data, expect, {}, schema)

    yield case("right", "A kiosk with a backlog of two.", but(fleet.STATUS))
    will = status.Status(kiosk="station-1", online=False, version="0.1.0")
    yield case("will", "The will: gone, and nothing more.", but(will))
    other = status.sign_health(fleet.HEALTH, fleet.SIGNERS["station-2"])
    yield case(
        "health-of-other",
        "The health inside is signed by another kiosk.",
        but(fleet.STATUS, health=other),
        "wrong-signer",
    )
    certified = fleet.seed("the newer CA")[:8]
    yield case("certified", "It says which CA certified it.", but(will, certified_by=certified))
    yield case("certified-short", "Seven bytes of a CA's key.", but(will, certified_by=certified[:7]), "malformed")
    yield case("zero-backlog", "A backlog of 0, spelt out.", but(will, backlog=0), "not-canonical")
    yield case("temperature-integer", "A temperature that is no float.", but(will, temperature_c=51), "not-canonical")
    yield case("hot", "Hotter than is allowed.", but(will, temperature_c=200.5), "malformed")
