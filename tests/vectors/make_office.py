"""The vectors of what office and intakes say to one another: the roll of kiosks, and parts of newer documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_agent.wire import cbor, documents, roll, status
from tests.vectors import fleet
from tests.vectors.case import Case
from tests.vectors.forge import but, flip, sign_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_WILL: Final = status.Status(kiosk="station-2", online=False, version="0.1.0")
_HELD: Final = [
    roll.Entry(kiosk="station-1", at=fleet.NOON, status=documents.to_cbor(fleet.STATUS)),
    roll.Entry(kiosk="station-2", at=fleet.NOON - 900, status=documents.to_cbor(_WILL), missing=2),
]
_ROLL: Final = roll.Roll(fleet=fleet.FLEET, at=fleet.NOON + 60, part=1, parts=1, kiosks=_HELD)
_CAS: Final = [fleet.seed(name)[:8] for name in ("the newer CA", "the older CA")]
_TELLER: Final = roll.Teller(intake="intake-1", bundle=3, registry=5, authorities=_CAS, certified_by=_CAS[1])
_PART: Final = roll.TrustPart(
    what=roll.What.BUNDLE, version=fleet.BUNDLE.version, part=1, parts=1, content=fleet.SIGNED_BUNDLE
)


def cases() -> Iterator[Case]:
    yield from _rolls()
    yield from _trust_parts()


def _rolls() -> Iterator[Case]:
    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", **needs: Any
    ) -> Case:
        return Case(f"roll-{name}", about, "roll", data, expect, {"at_least": fleet.NOON} | needs, schema)

    def of(by: str = "receipts", typ: str = "roll", teller: dict[str, Any] | None = None, **changes: Any) -> bytes:
        told = {} if teller is None else {"by": teller}
        return sign_plain("roll", but(_ROLL, **changes) | told, by, typ)

    def first(**changes: Any) -> list[dict[str, Any]]:
        """The kiosks, the first one's entry changed."""
        return [but(_HELD[0], **changes), documents.to_map(_HELD[1])]

    (right,) = roll.sign(fleet.FLEET, _ROLL.at, _HELD, fleet.SIGNERS["receipts"])
    yield case("right", "Two kiosks, one of them gone with two records missing.", right, statuses=["ok", "ok"])
    yield case("empty", "Of a fleet without kiosks.", of(kiosks=[]), statuses=[])
    named = of(teller=documents.to_map(_TELLER))
    yield case("named", "It says which intake tells, what that runs and trusts.", named, statuses=["ok", "ok"])
    yield case("same-time", "Another part, of the time that is in hand.", right, at_least=_ROLL.at)
    yield case("older", "Older than the one in hand.", right, "rolled-back", at_least=_ROLL.at + 1)
    forged = but(fleet.STATUS, health=status.sign_health(fleet.HEALTH, fleet.SIGNERS["station-2"]))
    doubted = of(kiosks=first(status=cbor.encode(forged), doubt="wrong-signer"))
    said = ["wrong-signer", "ok"]
    yield case("doubted", "One kiosk's health is another's: the rest of the roll stands.", doubted, statuses=said)
    altered = flip(right, right.index(_HELD[0].status) + 40)
    yield case("altered", "One bit of a status was changed.", altered, "bad-signature")
    yield case("other-fleet", "Of another fleet.", of(fleet="other"), "unknown-signer")
    for by, about in (
        ("orders", "Signed by the key for orders."),
        ("station-1", "Signed by a kiosk."),
        ("stranger", "Signed by a key of nobody."),
    ):
        yield case(f"signed-by-{by}", about, of(by=by), "unknown-signer")
    yield case("type-of-receipt", "Under a receipt's type.", of(typ="receipt"), "unknown-version")
    for name, about, changes in (
        ("part-0", "Part 0.", {"part": 0}),
        ("no-time", "Without a time.", {"at": None}),
        ("unknown-field", "A field that a roll does not have.", {"note": "x"}),
        ("unknown-field-of-kiosk", "A field that an entry does not have.", {"kiosks": first(name="Mei")}),
        ("kiosk-without-status", "An entry without a status.", {"kiosks": first(status=None)}),
    ):
        yield case(name, about, of(**changes), "malformed")
    yield case(
        "teller-without-authorities",
        "An intake that trusts no CA.",
        of(teller=but(_TELLER, authorities=[])),
        "malformed",
    )
    spelt = of(kiosks=first(missing=0))
    yield case("default-spelt-out", "'None missing', spelt out as 0.", spelt, "not-canonical")
    trailing = sign_plain("roll", documents.to_cbor(_ROLL) + b"\0", "receipts")
    yield case("trailing-byte", "A byte after the content.", trailing, "not-canonical")


def _trust_parts() -> Iterator[Case]:
    def case(name: str, about: str, data: bytes, expect: str = "ok") -> Case:
        return Case(f"trust-part-{name}", about, "trust-part", data, expect)

    yield case("right", "The whole bundle in one part.", documents.to_cbor(_PART))
    for name, about, changes in (
        ("unknown-document", "A part of orders, which go to kiosks alone.", {"what": "orders"}),
        ("empty", "A part of no bytes.", {"content": b""}),
        ("too-long", "A byte more than 98,304.", {"content": bytes(roll.PART_BYTES + 1)}),
        ("part-0", "Part 0.", {"part": 0}),
        ("version-0", "Version 0.", {"version": 0}),
        ("unknown-field", "A field that a part does not have.", {"note": "x"}),
    ):
        yield case(name, about, cbor.encode(but(_PART, **changes)), "malformed")
    yield case("trailing-byte", "A byte after the part.", documents.to_cbor(_PART) + b"\0", "not-canonical")
