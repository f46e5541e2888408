"""Reads one vector with our own code: the reference that every other reader is held against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from edge_agent.errors import WireError
from edge_agent.wire import (
    bundle,
    cbor,
    cose,
    documents,
    enrolment,
    fields,
    keys,
    orders,
    receipts,
    records,
    registry,
    report,
    roll,
    sealing,
    status,
    withdrawal,
)
from edge_agent.wire.topics import Address

HERE: Final = Path(__file__).parent
CASES: Final = HERE / "cases"
OK: Final = "ok"
_TYPES: Final = (sealing.TYPE, withdrawal.TYPE, withdrawal.DESK_TYPE)


class Fleet:
    """What fleet.json says, trusted as a reader would."""

    def __init__(self, plain: dict[str, Any]) -> None:
        self._plain = plain
        self.bundle = bundle.trust(bytes.fromhex(plain["bundle"]), self.public("root"))
        self.registry = registry.trust(bytes.fromhex(plain["registry"]), self.bundle)

    @classmethod
    def load(cls) -> Fleet:
        return cls(json.loads((HERE / "fleet.json").read_text()))

    def public(self, signer: str) -> bytes:
        return bytes.fromhex(self._plain["signers"][signer]["public"])

    def recipient(self, name: str) -> keys.RecipientPrivateKey:
        return keys.RecipientPrivateKey(bytes.fromhex(self._plain["recipients"][name]["private"]))


def load_cases() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(CASES.glob("*.json"))]


def outcome(case: dict[str, Any], fleet: Fleet) -> str:
    """Read a case's input as its kind asks; return 'ok' or the error's code."""
    try:
        _READERS[case["kind"]](bytes.fromhex(case.get("input", "")), case, fleet)
    except WireError as fault:
        return fault.code
    return OK


def _record(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    record = sealing.parse_record(data)
    fleet.registry.verify(record, arrived_on=case["arrived_on"])
    for name in case["opened_by"]:
        plain = sealing.open_record(record, fleet.recipient(name))
        read = report.read(plain, record.claims)
        if "plain" in case:
            assert plain.hex() == case["plain"]
            assert documents.to_cbor(read) == plain
            assert {str(label): _plain(claim) for label, claim in record.claims.to_map().items()} == case["claims"]


def _arrivals(_: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    """What an intake does with one message after the other; central/ has the real thing."""
    shelf = Shelf()
    for arrival in case["arrivals"]:
        assert shelf.take(bytes.fromhex(arrival["input"]), fleet) == (arrival["expect"], arrival.get("withdrawn"))


class Shelf:
    """An intake in a few lines: what it has, and what was taken back. Gives an outcome or an error's code, and what
    became of the record that a kiosk's withdrawal took back."""

    def __init__(self) -> None:
        self.known = dict[bytes, tuple[str, bytes]]()  # by record id: whose, and the hash
        self.places = dict[bytes, tuple[bytes, int]]()
        self.gone = set[tuple[str, withdrawal.Withdrawn]]()
        self.came = set[bytes]()

    def take(self, data: bytes, fleet: Fleet) -> tuple[str, str | None]:
        if cose.parse_sign1(data, *_TYPES, max_bytes=fields.MAX_RECORD_BYTES).typ == withdrawal.DESK_TYPE:
            asked = withdrawal.trust_desk(data, fleet.bundle)
            return self._take_back(asked.kiosk, asked.withdraws), None
        record = records.parse(data)
        fleet.registry.verify(record)
        claims, sha256 = record.claims, record.sha256
        named = withdrawal.Withdrawn(record_id=claims.record_id, sha256=sha256, epoch=claims.epoch, seq=claims.seq)
        if (claims.kiosk, named) in self.gone:
            self.came.add(named.record_id)
            return "erased", None
        whose, kept = self.known.get(claims.record_id, (claims.kiosk, sha256))
        if (whose, kept) != (claims.kiosk, sha256):
            return "replay", None
        withdrawn = None
        if isinstance(claims, withdrawal.Withdrawal):
            withdrawn = self._take_back(claims.kiosk, claims.withdraws)
            if withdrawn not in ("erased", "not-held"):
                return withdrawn, None
        found = "duplicate" if claims.record_id in self.known else "stored"
        self.known[claims.record_id] = claims.kiosk, sha256
        self.places[claims.record_id] = claims.epoch, claims.seq
        self.came.add(claims.record_id)
        return found, withdrawn

    def _take_back(self, kiosk: str, named: withdrawal.Withdrawn) -> str:
        if named.record_id in self.known:
            whose, sha256 = self.known[named.record_id]
            if whose != kiosk:
                return "wrong-signer"
            if (sha256, *self.places[named.record_id]) != (named.sha256, named.epoch, named.seq):
                return "replay"
        self.gone.add((kiosk, named))
        return "erased" if named.record_id in self.came else "not-held"


def _plain(claim: Any) -> Any:
    return claim.hex() if isinstance(claim, bytes) else claim


def _bundle(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    bundle.trust(data, fleet.public("root"), at_least=case["at_least"]).check_alive(case["now"])


def _registry(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    registry.trust(data, fleet.bundle, at_least=case["at_least"])


def _receipt(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    lets_go = [entry.lets_go for entry in receipts.trust(data, fleet.bundle).entries]
    assert lets_go == case.get("lets_go", lets_go)


def _withdrawal(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    fleet.registry.verify(withdrawal.parse(data), arrived_on=case["arrived_on"])


def _desk_withdrawal(data: bytes, _: dict[str, Any], fleet: Fleet) -> None:
    withdrawal.trust_desk(data, fleet.bundle)


def _orders(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    orders.trust(data, fleet.bundle, Address(case["fleet"], case["kiosk"]), newer_than=case["newer_than"])


def _health(data: bytes, _: dict[str, Any], fleet: Fleet) -> None:
    status.trust_health(data, fleet.registry)


def _status(data: bytes, _: dict[str, Any], fleet: Fleet) -> None:
    read = status.read(data)
    if read.health is not None:
        status.trust_health(read.health, fleet.registry)


def _application(data: bytes, case: dict[str, Any], _: Fleet) -> None:
    enrolment.check_application(data, bytes.fromhex(case["secret"]))
    assert enrolment.words(data) == case["words"]


def _renewal(data: bytes, _: dict[str, Any], fleet: Fleet) -> None:
    enrolment.trust_renewal(data, fleet.registry)


def _enrolment(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    reply, _ = enrolment.trust_reply(data, fleet.public("root"), bytes.fromhex(case["request"]))
    assert reply.refused == case["refused"]


def _roll(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    kiosks = roll.trust(data, fleet.bundle, at_least=case["at_least"]).kiosks
    found = [outcome({"kind": "status", "input": entry.status.hex()}, fleet) for entry in kiosks]
    assert found == case.get("statuses", found)


def _trust_part(data: bytes, _: dict[str, Any], __: Fleet) -> None:
    documents.from_cbor(data, roll.TrustPart)


def _cbor(data: bytes, case: dict[str, Any], _: Fleet) -> None:
    cbor.decode(data, max_bytes=case["max_bytes"], tags=case["tags"])


_READERS: Final = {
    "record": _record,
    "arrivals": _arrivals,
    "bundle": _bundle,
    "registry": _registry,
    "receipt": _receipt,
    "withdrawal": _withdrawal,
    "desk-withdrawal": _desk_withdrawal,
    "orders": _orders,
    "health": _health,
    "status": _status,
    "application": _application,
    "renewal": _renewal,
    "enrolment": _enrolment,
    "roll": _roll,
    "trust-part": _trust_part,
    "cbor": _cbor,
}
