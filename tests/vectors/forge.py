"""Builds records and documents part by part, so that each part can be wrong on its own while the rest is right."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge_agent.wire import cbor, cose, documents, keys, padding, sealing
from tests.vectors import fleet
from tests.vectors.case import Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.wire.documents import Document
    from edge_agent.wire.keys import SoftwareSigner

CEK = fleet.seed("content key")
IV = fleet.seed("iv")[:12]
COMMITMENT, SEQ = -65602, -65603


def _nothing(_: list[Any]) -> None:
    pass


@dataclass(frozen=True)
class Forge:
    """A right record by default. A header or claim that is set to None is left out."""

    padded: bytes = padding.pad(documents.to_cbor(fleet.REPORT))
    claims: dict[int, Any] = field(default_factory=dict)
    headers: dict[int, Any] = field(default_factory=dict)
    outer: dict[int, Any] = field(default_factory=dict)
    to: tuple[str, ...] = ("mei",)
    by: SoftwareSigner = fleet.SIGNERS["station-1"]
    commits_to: bytes = CEK
    in_encrypt: Callable[[list[Any]], None] = _nothing  # changes the COSE_Encrypt's array before it is signed
    in_sign1: Callable[[list[Any]], None] = _nothing  # changes the COSE_Sign1's array after it was signed
    tags: tuple[int, int] = (cose.TAG_SIGN1, cose.TAG_ENCRYPT)

    def but(self, **changes: Any) -> Forge:
        return replace(self, **changes)

    def record(self) -> bytes:
        inside = cbor2.CBORTag(self.tags[1], self.encrypt())
        payload = cbor.encode(inside)
        protected = cbor.encode(
            _with({cose.ALG: cose.ES256, cose.KID: keys.kid(self.by.public_key), cose.TYP: sealing.TYPE}, self.outer)
        )
        signature = self.by.sign(cbor.encode(["Signature1", protected, b"", payload]))
        outside = [protected, {}, payload, signature]
        self.in_sign1(outside)
        return cbor.encode(cbor2.CBORTag(self.tags[0], outside))

    def encrypt(self) -> list[Any]:
        claims = _with(fleet.SECOND_CLAIMS.to_map() | {-65601: keys.kid(self.by.public_key)}, self.claims)
        headers = {
            cose.ALG: cose.A256GCM,
            cose.CWT_CLAIMS: claims,
            cose.TYP: sealing.TYPE,
            COMMITMENT: sealing._commit(self.commits_to),
        }
        protected = cbor.encode(_with(headers, self.headers))
        ciphertext = AESGCM(CEK).encrypt(IV, self.padded, sealing._aad(protected))
        recipients = [wrap(CEK, name) for name in self.to]
        layers = [protected, {cose.IV: IV}, ciphertext, recipients]
        self.in_encrypt(layers)
        return layers


def wrap(cek: bytes, name: str) -> list[Any]:
    return sealing._wrap(cek, fleet.RECIPIENTS[name].public_key)


def flip(data: bytes, at: int = 0) -> bytes:
    """Change one bit of one byte."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def sign_plain(kind: str, plain: dict[str, Any] | bytes, by: str, typ: str | None = None) -> bytes:
    """Sign what need be no right document, with the key of this name, as `kind` or under another type."""
    payload = plain if isinstance(plain, bytes) else cbor.encode(plain)
    return cose.sign1(payload, fleet.SIGNERS[by], cose.media_type(typ or kind))


def but(document: Document, **changes: Any) -> dict[str, Any]:
    """The document as plain values, with fields changed, added, or (None) left out."""
    plain = documents.to_map(document) | changes
    return {key: value for key, value in plain.items() if value is not None}


def _with(plain: dict[int, Any], changes: dict[int, Any]) -> dict[int, Any]:
    return {label: value for label, value in (plain | changes).items() if value is not None}


def record_case(
    name: str, about: str, data: bytes, expect: str = "ok", *, opened_by: tuple[str, ...] = ("mei",), **needs: Any
) -> Case:
    schema = {"schema": needs.pop("schema")} if "schema" in needs else {}
    needs = {"arrived_on": fleet.CLAIMS.topic, "opened_by": list(opened_by)} | needs
    return Case(f"record-{name}", about, "record", data, expect, needs, **schema)
