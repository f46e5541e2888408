"""The vectors of enrolment: what a new kiosk asks, what one in service asks, what the office answers."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from edge_agent.enrolment.certificates import make_request
from edge_agent.wire import cbor, documents, enrolment
from provisioning.certificates import Authority, certificate_der
from tests.vectors import fleet
from tests.vectors.case import Case
from tests.vectors.forge import but, flip, sign_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET: Final = fleet.seed("the card's secret")
_SIGNING: Final = fleet.SIGNERS["station-1"].private_key
_TLS: Final = fleet.signer("station-1's courier").private_key

REQUEST: Final = enrolment.Request(
    fleet=fleet.FLEET,
    kiosk="station-1",
    name="claim-1",
    signing=make_request(_SIGNING, "station-1"),
    tls=make_request(_TLS, "station-1"),
)
RENEWAL: Final = enrolment.Request(**(documents.to_map(REQUEST) | {"name": "station-1"}))


def cases() -> Iterator[Case]:
    yield from _applications()
    yield from _renewals()
    yield from _replies()


def _applications() -> Iterator[Case]:
    def case(
        name: str, about: str, data: bytes, expect: str = "ok", schema: str | None = "by-outcome", **needs: Any
    ) -> Case:
        told = {"secret": SECRET.hex(), "words": enrolment.words(data)} | needs
        return Case(f"application-{name}", about, "application", data, expect, told, schema)

    def of(inner: bytes, **changes: Any) -> bytes:
        """An application with a right HMAC, whatever is inside."""
        mac = enrolment._mac(inner, SECRET)
        return cbor.encode({"request": inner, "mac": mac} | changes)

    right = enrolment.apply(REQUEST, SECRET)
    inner = documents.to_cbor(REQUEST)
    yield case("right", "A new kiosk asks for its certificates.", right)
    other = enrolment.apply(REQUEST, fleet.seed("another card's secret"))
    yield case("other-secret", "Made with another card's secret.", other, "bad-signature")
    bare = of(inner, mac=hashlib.sha256(inner).digest())
    yield case("bare-hash", "A hash of the request, and no HMAC.", bare, "bad-signature")
    unlabelled = of(inner, mac=hmac.digest(SECRET, inner, "sha256"))
    yield case("unlabelled", "The HMAC of the request alone, without its label.", unlabelled, "bad-signature")
    altered = right.replace(b"station-1", b"station-2")
    yield case("altered", "It asks for another kiosk than was vouched for.", altered, "bad-signature")
    for name, about, changes in (
        ("unknown-field", "A field that a request does not have.", {"note": "x"}),
        ("missing-tls", "Asks for one certificate only.", {"tls": None}),
        ("kiosk-id", "A kiosk's id that no broker carries.", {"kiosk": "station/1"}),
        ("empty-signing", "A signing request of no bytes.", {"signing": b""}),
        ("long-tls", "A signing request of 2,049 bytes.", {"tls": bytes(2049)}),
    ):
        yield case(name, about, of(cbor.encode(but(REQUEST, **changes))), "malformed")
    trailing = of(inner + b"\0")
    yield case("trailing-byte-inside", "A byte after the request.", trailing, "not-canonical")
    yield case("trailing-byte", "A byte after the application.", right + b"\0", "not-canonical")
    yield case("short-mac", "An HMAC of 31 bytes.", of(inner, mac=bytes(31)), "malformed")
    outside = of(inner, note="x")
    yield case("unknown-field-outside", "A field beside the request and its HMAC.", outside, "malformed")
    yield case("too-large", "More than 8,192 bytes.", right + bytes(8192), "too-large")


def _renewals() -> Iterator[Case]:
    def case(name: str, about: str, data: bytes, expect: str = "ok") -> Case:
        return Case(f"renewal-{name}", about, "renewal", data, expect)

    def of(by: str = "station-1", typ: str = "renewal", **changes: Any) -> bytes:
        return sign_plain("renewal", but(RENEWAL, **changes), by, typ)

    right = enrolment.sign_renewal(RENEWAL, fleet.SIGNERS["station-1"])
    yield case("right", "A kiosk in service asks for new certificates.", right)
    altered = flip(right, right.index(RENEWAL.tls) + 40)
    yield case("altered", "One bit of a signing request was changed.", altered, "bad-signature")
    yield case("stranger", "Signed by a key of nobody.", of(by="stranger"), "unknown-signer")
    yield case("signed-by-orders", "Signed by the key for orders.", of(by="orders"), "unknown-signer")
    yield case("other-kiosk", "Station-2 asks for station-1.", of(by="station-2"), "unknown-signer")
    yield case("other-name", "Its name is a claim's.", of(name="claim-1"), "unknown-signer")
    yield case("other-fleet", "For another fleet.", of(fleet="other"), "unknown-signer")
    stolen = of(by="stolen", kiosk="stolen", name="stolen")
    yield case("revoked", "By a kiosk that was taken out of service.", stolen, "revoked")
    yield case("type-of-enrolment", "Under the type of an answer.", of(typ="enrolment"), "unknown-version")
    yield case("unknown-field", "A field that a request does not have.", of(note="x"), "malformed")
    trailing = sign_plain("renewal", documents.to_cbor(RENEWAL) + b"\0", "station-1")
    yield case("trailing-byte", "A byte after the content.", trailing, "not-canonical")


def _replies() -> Iterator[Case]:
    request = enrolment.apply(REQUEST, SECRET)
    now = dt.datetime.fromtimestamp(fleet.NOON, dt.UTC)
    authority = Authority.create(fleet.FLEET, now)
    yes = enrolment.Reply(
        fleet=fleet.FLEET,
        kiosk="station-1",
        request=hashlib.sha256(request).digest(),
        at=fleet.NOON,
        bundle=fleet.SIGNED_BUNDLE,
        signing=certificate_der(authority.certify_signing("station-1", _SIGNING.public_key(), now)),
        tls=certificate_der(authority.certify("station-1", _TLS.public_key(), now)),
    )

    def case(
        name: str,
        about: str,
        data: bytes,
        expect: str = "ok",
        schema: str | None = "by-outcome",
        *,
        refused: str | None = None,
        asked: bytes = request,
    ) -> Case:
        needs = {"request": asked.hex(), "refused": refused}
        return Case(f"enrolment-{name}", about, "enrolment", data, expect, needs, schema)

    def of(by: str = "orders", typ: str = "enrolment", **changes: Any) -> bytes:
        return sign_plain("enrolment", but(yes, **changes), by, typ)

    right = enrolment.sign_reply(yes, fleet.SIGNERS["orders"])
    yield case("right", "Both certificates.", right)
    for code, about in (
        ("refused-by-staff", "No: the words were others."),
        ("claim-expired", "No: the card has expired."),
        ("claim-used", "No: another kiosk was enrolled with this card."),
        ("another-kiosk", "No: the card is another kiosk's."),
        ("revoked", "No: the kiosk was taken out of service."),
    ):
        yield case(code, about, of(signing=None, tls=None, refused=code), refused=code)
    others = enrolment.apply(enrolment.Request(**(documents.to_map(REQUEST) | {"kiosk": "station-2"})), SECRET)
    yield case("other-kiosk", "The answer to another kiosk's request.", right, "unknown-signer", asked=others)
    yield case("other-fleet", "In another fleet's name.", of(fleet="other"), "unknown-signer")
    of_others = sign_plain("bundle", but(fleet.BUNDLE), "other-root")
    yield case("other-root", "With a bundle by another fleet's root.", of(bundle=of_others), "unknown-signer")
    altered = right.replace(b"Lighthouse", b"lighthouse")
    yield case("altered-bundle", "The bundle inside was changed.", altered, "bad-signature")
    certificate = yes.tls or b""
    changed = flip(right, right.index(certificate) + len(certificate) - 1)
    yield case("altered", "One bit of a certificate was changed.", changed, "bad-signature")
    yield case("signed-by-root", "Signed by the root, which signs bundles alone.", of(by="root"), "unknown-signer")
    yield case("signed-by-receipts", "Signed by the key for receipts.", of(by="receipts"), "unknown-signer")
    yield case("signed-by-kiosk", "Signed by the kiosk itself.", of(by="station-1"), "unknown-signer")
    yield case("type-of-renewal", "Under a renewal's type.", of(typ="renewal"), "unknown-version")
    for name, about, changes in (
        ("yes-and-no", "Certificates, and a refusal.", {"refused": "claim-used"}),
        ("neither", "No certificates, and no refusal.", {"signing": None, "tls": None}),
        ("one-certificate", "One certificate of two.", {"tls": None}),
        ("short-hash", "A request's hash of 31 bytes.", {"request": bytes(31)}),
        ("unknown-field", "A field that an answer does not have.", {"note": "x"}),
    ):
        yield case(name, about, of(**changes), "malformed")
    trailing = sign_plain("enrolment", documents.to_cbor(yes) + b"\0", "orders")
    yield case("trailing-byte", "A byte after the content.", trailing, "not-canonical")
