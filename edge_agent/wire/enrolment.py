"""Enrolment: how a new kiosk asks for its certificates, how it renews them, and what the office answers.

A new kiosk proves with an HMAC that it has its card's secret; six words, made of the request's hash, let two people see
that nobody changed it on the way. A kiosk in service signs with the key that it has. Either way the answer is signed by
an orders key, below the root that the card pins.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import msgspec

from edge_agent.errors import SignatureError, UnknownSignerError
from edge_agent.wire import bundle, cose
from edge_agent.wire.documents import Der, Document, from_cbor, to_cbor
from edge_agent.wire.fields import Seconds, Sha256, Text
from edge_agent.wire.topics import Id

if TYPE_CHECKING:
    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.keys import Signer
    from edge_agent.wire.registry import Registry

RENEWAL_TYPE: Final = cose.media_type("renewal")
REPLY_TYPE: Final = cose.media_type("enrolment")
SECRET_BYTES: Final = 32
WORDS: Final = 6
_BITS: Final = 11  # of each word
_LIST: Final = Path(__file__).with_name("words.txt")  # BIP 39's English words: the first four letters tell each apart


class Request(Document, frozen=True, kw_only=True):
    """What a kiosk asks for: two certificates. `name` is its claim's id, or in a renewal its own.

    `signing` and `tls` are signing requests (PKCS #10, DER), each signed by the key that it is for.
    """

    MAX_BYTES: ClassVar[int] = 8192

    fleet: Id
    kiosk: Id
    name: Id
    signing: Der
    tls: Der


class Application(Document, frozen=True, kw_only=True):
    """A new kiosk's request, with the HMAC-SHA-256 of its bytes under the claim's secret."""

    MAX_BYTES: ClassVar[int] = 8192

    request: Annotated[bytes, msgspec.Meta(min_length=1, max_length=8000)]
    mac: Sha256


class Reply(Document, frozen=True, kw_only=True):
    """The office's answer to the request with this SHA-256: both certificates (X.509, DER), or why not.

    `bundle` is the fleet's, signed by its root: the orders key that signed this answer stands in it.
    """

    MAX_BYTES: ClassVar[int] = 128 * 1024

    fleet: Id
    kiosk: Id
    request: Sha256
    at: Seconds
    bundle: bytes
    signing: Der | None = None
    tls: Der | None = None
    refused: Text | None = None  # a code

    def __post_init__(self) -> None:
        """Refuse an answer that is neither a yes nor a no."""
        if len({self.signing is None, self.tls is None, self.refused is not None}) != 1:
            raise ValueError("neither two certificates nor a refusal")


def apply(request: Request, secret: bytes) -> bytes:
    """Make a new kiosk's request, as it is sent, with the claim's secret of 32 bytes."""
    inner = to_cbor(request)
    return to_cbor(Application(request=inner, mac=_mac(inner, secret)))


def read_application(data: bytes) -> Request:
    """Read what a new kiosk asks for; nothing of it is believed yet. Raises a WireError."""
    return from_cbor(from_cbor(data, Application).request, Request)


def check_application(data: bytes, secret: bytes) -> Request:
    """Read it, and make sure that whoever made it has the claim's secret. Raises SignatureError, any WireError."""
    application = from_cbor(data, Application)
    if not hmac.compare_digest(application.mac, _mac(application.request, secret)):
        raise SignatureError("the request was not made with the claim's secret")
    return from_cbor(application.request, Request)


def sign_renewal(request: Request, signer: Signer) -> bytes:
    """Sign a renewal with the kiosk's current signing key."""
    return cose.sign1(to_cbor(request), signer, RENEWAL_TYPE)


def trust_renewal(data: bytes, registry: Registry) -> Request:
    """Verify a renewal: signed by a key of the kiosk that it names, which is in service. Raises a WireError."""
    parsed = cose.parse_sign1(data, RENEWAL_TYPE, max_bytes=Request.MAX_BYTES)
    owner = registry.in_service(parsed.kid)
    request = from_cbor(parsed.verify(owner.key), Request)
    if (request.fleet, request.kiosk, request.name) != (registry.fleet, owner.kiosk, owner.kiosk):
        raise UnknownSignerError("a renewal of another kiosk than the one that signed it")
    return request


def sign_reply(reply: Reply, orders: Signer) -> bytes:
    """Sign an answer with the fleet's orders key."""
    return cose.sign1(to_cbor(reply), orders, REPLY_TYPE)


def trust_reply(data: bytes, root: bytes, request: bytes) -> tuple[Reply, TrustedBundle]:
    """Verify the answer to a request (its bytes as sent) under the fleet's root, a point of 65 bytes.

    Raises UnknownSignerError for the answer to another request or of another fleet, and any other WireError.
    """
    parsed = cose.parse_sign1(data, REPLY_TYPE, max_bytes=Reply.MAX_BYTES)
    reply = from_cbor(parsed.payload, Reply)
    trusted = bundle.trust(reply.bundle, root)
    parsed.verify(trusted.order_key(parsed.kid))
    if trusted.content.fleet != reply.fleet or reply.request != hashlib.sha256(request).digest():
        raise UnknownSignerError("the answer to another request")
    return reply, trusted


def words(request: bytes) -> str:
    """Make the six words of a request's bytes: the first 66 bits of their SHA-256, eleven a word."""
    number = int.from_bytes(hashlib.sha256(request).digest(), "big") >> (256 - WORDS * _BITS)
    places = [number >> (_BITS * place) & ((1 << _BITS) - 1) for place in reversed(range(WORDS))]
    return " ".join(_word_list()[place] for place in places)


@lru_cache(maxsize=1)
def _word_list() -> list[str]:
    return _LIST.read_text(encoding="ascii").split()


def _mac(inner: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"homeward/v1 enrolment" + inner, "sha256")
