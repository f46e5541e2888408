"""Reads one vector with our own code: the reference that every other reader is held against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from edge_agent.errors import WireError
from edge_agent.wire import bundle, cbor, documents, keys, orders, receipts, registry, report, sealing, status
from edge_agent.wire.topics import Address

HERE: Final = Path(__file__).parent
CASES: Final = HERE / "cases"
OK: Final = "ok"


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
    """What an intake does with one record after the other; central/intake/ has the real thing."""
    known: dict[bytes, bytes] = {}
    for arrival in case["arrivals"]:
        record = sealing.parse_record(bytes.fromhex(arrival["input"]))
        fleet.registry.verify(record)
        kept = known.get(record.claims.record_id)
        known.setdefault(record.claims.record_id, record.sha256)
        found = "stored" if kept is None else "duplicate" if kept == record.sha256 else "replay"
        assert found == arrival["expect"]


def _plain(claim: Any) -> Any:
    return claim.hex() if isinstance(claim, bytes) else claim


def _bundle(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    bundle.trust(data, fleet.public("root"), at_least=case["at_least"]).check_alive(case["now"])


def _registry(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    registry.trust(data, fleet.bundle, at_least=case["at_least"])


def _receipt(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    receipt = receipts.trust(data, fleet.bundle)
    assert receipt.kept == case.get("kept", receipt.kept)


def _orders(data: bytes, case: dict[str, Any], fleet: Fleet) -> None:
    orders.trust(data, fleet.bundle, Address(case["fleet"], case["kiosk"]), newer_than=case["newer_than"])


def _health(data: bytes, _: dict[str, Any], fleet: Fleet) -> None:
    status.trust_health(data, fleet.registry)


def _status(data: bytes, _: dict[str, Any], fleet: Fleet) -> None:
    read = status.read(data)
    if read.health is not None:
        status.trust_health(read.health, fleet.registry)


def _cbor(data: bytes, case: dict[str, Any], _: Fleet) -> None:
    cbor.decode(data, max_bytes=case["max_bytes"], tags=case["tags"])


_READERS: Final = {
    "record": _record,
    "arrivals": _arrivals,
    "bundle": _bundle,
    "registry": _registry,
    "receipt": _receipt,
    "orders": _orders,
    "health": _health,
    "status": _status,
    "cbor": _cbor,
}
