"""What is fuzzed: each decoder by itself, and the layers of a record one by one, since no mutation finds its way
through a length inside a length. The promise is the same everywhere: a WireError, or a value with this one encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cbor2

from edge_agent.errors import WireError
from edge_agent.wire import (
    bundle,
    cbor,
    consent,
    cose,
    documents,
    enrolment,
    orders,
    padding,
    receipts,
    registry,
    report,
    roll,
    sealing,
    status,
    withdrawal,
)
from edge_agent.wire.keys import kid
from tests.vectors.reader import Fleet, load_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_agent.wire.documents import Document

LIMIT: Final = 131_072
_DOCUMENTS: Final[tuple[type[Document], ...]] = (
    report.Report,
    consent.ConsentRecord,
    bundle.Bundle,
    registry.RegistryContent,
    receipts.Receipt,
    withdrawal.Withdrawal,
    withdrawal.DeskWithdrawal,
    orders.Orders,
    status.Health,
    status.Status,
    enrolment.Request,
    enrolment.Application,
    enrolment.Reply,
    roll.Roll,
    roll.TrustPart,
)
_SIGNED: Final = {
    "bundle": bundle.Bundle,
    "registry": registry.RegistryContent,
    "receipt": receipts.Receipt,
    "withdrawal": withdrawal.Withdrawal,
    "desk-withdrawal": withdrawal.DeskWithdrawal,
    "orders": orders.Orders,
    "health": status.Health,
}
_KID: Final = kid(Fleet.load().public("station-1"))


class BrokenPromiseError(Exception):
    """The fuzzer found bytes that are read, and written otherwise."""


def _same(found: bytes, data: bytes) -> None:
    if found != data:
        raise BrokenPromiseError(found.hex())


def _any_item(data: bytes) -> None:
    _same(cbor.encode(cbor.decode(data, max_bytes=LIMIT, tags=(18, 96))), data)


def _record(data: bytes) -> None:
    record = sealing.parse_record(data)
    _same(record.raw, data)
    _same(cbor.encode(cbor.decode(data, max_bytes=LIMIT, tags=(18,))), data)


def _encrypt(data: bytes) -> None:
    """The COSE_Encrypt, in a right COSE_Sign1."""
    headers = cbor.encode({cose.ALG: cose.ES256, cose.KID: _KID, cose.TYP: sealing.TYPE})
    _record(cbor.encode(cbor2.CBORTag(cose.TAG_SIGN1, [headers, {}, data, bytes(64)])))


def _headers(data: bytes) -> None:
    """The protected headers with the claims, in an otherwise right record."""
    recipient = cbor.encode({cose.ALG: sealing.HPKE_9_KE, cose.KID: _KID})
    layer = [recipient, {cose.EK: bytes(sealing.EK_BYTES)}, bytes(sealing.WRAPPED_BYTES)]
    layers = [data, {cose.IV: bytes(sealing.IV_BYTES)}, bytes(17), [layer]]
    _encrypt(cbor.encode(cbor2.CBORTag(cose.TAG_ENCRYPT, layers)))


def _signed(name: str) -> Callable[[bytes], None]:
    def parse(data: bytes) -> None:
        cose.parse_sign1(data, cose.media_type(name), max_bytes=LIMIT)

    return parse


def _opened(data: bytes) -> None:
    """What the desk does with the bytes that AES-GCM gave it."""
    padding.check_padding(data, cbor.item_length(data))


def _document(kind: type[Document]) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        _same(documents.to_cbor(documents.from_cbor(data, kind)), data)

    return read


_BY_NAME: Final[dict[str, Callable[[bytes], None]]] = {
    "item": _any_item,
    "record": _record,
    "encrypt": _encrypt,
    "headers": _headers,
    "opened": _opened,
    **{f"signed {name}": _signed(name) for name in _SIGNED},
    **{kind.__name__: _document(kind) for kind in _DOCUMENTS},
}
TARGETS: Final = tuple(_BY_NAME.values())


def run(data: bytes) -> None:
    """Read all but the first byte by the decoder that the first byte names."""
    if not data:
        return
    try:
        TARGETS[data[0] % len(TARGETS)](data[1:])
    except WireError:
        return


def seeds() -> Iterator[bytes]:
    """The vectors, each as input of every decoder that it is for; and examples of what has no vectors."""
    for document in _examples():
        yield _for(type(document).__name__, documents.to_cbor(document))
    for case in load_cases():
        if "input" in case:
            data = bytes.fromhex(case["input"])
            yield _for("item", data)
            yield from _of_kind(case["kind"], data)
        if "plain" in case:
            plain = bytes.fromhex(case["plain"])
            yield _for("opened", padding.pad(plain))
            yield _for("Report", plain)
            yield _for("ConsentRecord", cbor.encode(cbor.decode(plain, max_bytes=LIMIT)["consent"]))


def _examples() -> Iterator[Document]:
    """Documents of enrolment, and between office and intakes."""
    request = enrolment.Request(fleet="f", kiosk="k", name="claim-1", signing=b"one", tls=b"other")
    yield request
    yield enrolment.Application(request=documents.to_cbor(request), mac=bytes(32))
    yield enrolment.Reply(fleet="f", kiosk="k", request=bytes(32), at=1, bundle=b"b", signing=b"one", tls=b"other")
    yield enrolment.Reply(fleet="f", kiosk="k", request=bytes(32), at=1, bundle=b"b", refused="claim-used")
    yield roll.Roll(fleet="f", at=1, part=1, parts=1, kiosks=[roll.Entry(kiosk="k", at=1, status=b"s", missing=2)])
    yield roll.TrustPart(what=roll.What.REGISTRY, version=1, part=1, parts=1, content=b"c")


def _of_kind(kind: str, data: bytes) -> Iterator[bytes]:
    if kind == "record":
        yield _for("record", data)
        for payload in _parts(data, 18)[2:3]:
            yield _for("encrypt", payload)
            yield from (_for("headers", headers) for headers in _parts(payload, 96)[:1])
    elif kind == "status":
        yield _for("Status", data)
    elif kind in _SIGNED:
        yield _for(f"signed {kind}", data)
        yield from (_for(_SIGNED[kind].__name__, payload) for payload in _parts(data, 18)[2:3])


def _parts(data: bytes, tag: int) -> list[bytes]:
    try:
        tagged = cbor.decode(data, max_bytes=LIMIT, tags=(tag,))
    except WireError:
        return []
    parts = tagged.value if isinstance(tagged, cbor2.CBORTag) else []
    return [part if isinstance(part, bytes) else b"" for part in parts]


def _for(target: str, data: bytes) -> bytes:
    return bytes([list(_BY_NAME).index(target)]) + data
