"""A small fleet whose keys come from fixed seeds, and examples of everything it sends."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from edge_agent.wire import (
    bundle,
    consent,
    documents,
    fields,
    keys,
    orders,
    receipts,
    registry,
    report,
    sealing,
    status,
    withdrawal,
)
from edge_agent.wire.topics import Address, Channel

FLEET: Final = "lighthouse"
NOON: Final = 1_790_000_000  # seconds since 1970
KIOSK: Final = Address(FLEET, "station-1")


def seed(name: str) -> bytes:
    """32 bytes that belong to this name alone."""
    return hashlib.sha256(f"homeward test vectors: {name}".encode()).digest()


def signer(name: str) -> keys.SoftwareSigner:
    return keys.SoftwareSigner(ec.derive_private_key(int.from_bytes(seed(name), "big") >> 1, ec.SECP256R1()))


def recipient(name: str) -> keys.RecipientPrivateKey:
    return keys.RecipientPrivateKey(seed(name))


SIGNERS: Final = {
    name: signer(name)
    for name in (
        *("root", "other-root", "orders", "receipts", "station-1", "station-2", "stolen", "stranger"),
        *("mei", "amadou"),  # what they sign withdrawals with
    )
}
RECIPIENTS: Final = {name: recipient(name) for name in ("mei", "amadou", "escrow", "outsider")}
HOLDERS: Final = ("mei", "amadou", "escrow")


def jpeg() -> bytes:
    """A face of nobody: a few hundred bytes of gradient."""
    picture = io.BytesIO()
    Image.linear_gradient("L").resize((24, 32)).convert("RGB").save(picture, "JPEG", quality=30)
    return picture.getvalue()


CONTROLLER: Final = fields.Controller(name="Lighthouse Foundation", contact="+00 000 0000")

BUNDLE: Final = bundle.Bundle(
    fleet=FLEET,
    version=3,
    issued_at=NOON - 86_400,
    expires_at=NOON + 86_400 * 365,
    controller=CONTROLLER,
    jurisdiction="iso3166:KE",
    recipients=[
        bundle.Recipient(
            name=name,
            holder=bundle.Holder.ESCROW if name == "escrow" else bundle.Holder.CASEWORKER,
            key=RECIPIENTS[name].public_key.raw,
            withdrawal_key=SIGNERS[name].public_key if name in SIGNERS else None,
        )
        for name in HOLDERS
    ],
    receipt_keys=[SIGNERS["receipts"].public_key],
    order_keys=[SIGNERS["orders"].public_key],
)

REGISTRY: Final = registry.RegistryContent(
    fleet=FLEET,
    version=5,
    issued_at=NOON - 3600,
    keys=[
        registry.RegisteredKey(kiosk="station-1", key=SIGNERS["station-1"].public_key),
        registry.RegisteredKey(kiosk="station-2", key=SIGNERS["station-2"].public_key),
        registry.RegisteredKey(kiosk="stolen", key=SIGNERS["stolen"].public_key, revoked_at=NOON - 7200),
    ],
)


def answer(
    purpose: consent.Purpose,
    by: consent.Role = consent.Role.DATA_SUBJECT,
    given: consent.Status = consent.Status.GIVEN,
) -> consent.Answer:
    return consent.Answer(purpose=purpose, by=by, at=NOON, status=given, method="homeward:ButtonHold", held_ms=1400)


CONSENT: Final = consent.ConsentRecord(
    identifier="urn:uuid:5b0d6ac5-94f4-4f0e-9e3e-0a3a7f6a1c11",
    language="sw",
    subject=consent.Subject.CHILD,
    notice=consent.Notice(identifier="spoken-sw-2", sha256=seed("the words said")),
    answers=[
        answer(consent.Purpose.TRACING),
        answer(consent.Purpose.TRACING, by=consent.Role.STAFF),
        answer(consent.Purpose.PUBLIC_APPEAL, given=consent.Status.REFUSED),
    ],
    personal_data=list(consent.PERSONAL_DATA),
    controller=CONTROLLER,
    recipients=["Lighthouse Foundation"],
    storage=consent.Storage(location="Lighthouse Foundation, Nairobi", duration="P180D"),
    jurisdiction="iso3166:KE",
    control="call the number on your slip",
)

REPORT: Final = report.Report(
    site=report.Site(
        id="station-1",
        name="Central station, hall B",
        latitude=-1.2902,
        longitude=36.8281,
        accuracy_m=25,
        area="KE-30",
    ),
    captured=report.Captured(
        utc=NOON, quality=fields.ClockQuality.HOLDOVER, error_ms=400, boot_id="4f1c", uptime_ms=86_000
    ),
    consent=CONSENT,
    consent_salt=seed("salt")[:16],
    faces=[
        report.Face(
            image=jpeg(),
            media_type="image/jpeg",
            width=24,
            height=32,
            box=(-2, 100, 200, 260),
            landmarks=[(8.25, 10.5), (16.0, 10.5), (12.0, 17.25), (12.0, 24.0), (2.5, 12.0), (21.5, 12.0)],
            measures=report.Measures(sharpness=212.5, exposure=121.0, eye_distance=7.75, yaw=-3.5),
            detector="united",
            models=[seed("short-range model"), seed("full-range model")],
        )
    ],
    receipt_code="RIVER-4821",
)

SIGNED_BUNDLE: Final = bundle.sign(BUNDLE, SIGNERS["root"])  # ECDSA takes a random number: another one at each import

CLAIMS: Final = sealing.Claims(
    kiosk=KIOSK.kiosk,
    issued_at=NOON,
    expires_at=NOON + 180 * 86_400,
    record_id=seed("record 1")[:16],
    signer_kid=keys.kid(SIGNERS["station-1"].public_key),
    seq=1,
    epoch=seed("epoch")[:16],
    previous=fields.FIRST_IN_CHAIN,
    consent_hash=REPORT.consent_hash,
    topic=KIOSK.topic(Channel.RECORDS),
    bundle_hash=hashlib.sha256(SIGNED_BUNDLE).digest(),
)

SECOND_CLAIMS: Final = replace(CLAIMS, seq=2, record_id=seed("record 2")[:16])

WITHDRAWAL: Final = withdrawal.Withdrawal(
    fleet=FLEET,
    kiosk=KIOSK.kiosk,
    record_id=seed("record 3")[:16],
    issued_at=NOON + 30,
    epoch=CLAIMS.epoch,
    seq=3,
    previous=seed("the second record's hash"),
    withdraws=withdrawal.Withdrawn(
        record_id=CLAIMS.record_id, sha256=seed("a record's hash"), epoch=CLAIMS.epoch, seq=CLAIMS.seq
    ),
)

DESK_WITHDRAWAL: Final = withdrawal.DeskWithdrawal(
    fleet=FLEET, kiosk=KIOSK.kiosk, issued_at=NOON + 86_400, withdraws=WITHDRAWAL.withdraws
)

STORED: Final = receipts.Entry(
    record_id=CLAIMS.record_id, sha256=seed("a record's hash"), outcome=receipts.Outcome.STORED
)

RECEIPT: Final = receipts.Receipt(kiosk=KIOSK.kiosk, at=NOON + 60, entries=[STORED])

ORDERS: Final = orders.Orders(
    fleet=FLEET,
    kiosk=KIOSK.kiosk,
    version=7,
    issued_at=NOON,
    mode=orders.Mode.SERVE,
    settings={"camera.warm_up_s": 1.5, "screen.on": True, "session.language": "sw", "session.repeats": 3},
)

HEALTH: Final = status.Health(
    kiosk=KIOSK.kiosk,
    version="0.1.0",
    boot_id="4f1c",
    uptime_ms=90_000,
    clock=fields.ClockQuality.HOLDOVER,
    ready=False,
    blocked_by="outbox-full",
    orders_version=7,
    bundle_version=3,
    models=[seed("short-range model"), seed("full-range model")],
    epoch=CLAIMS.epoch,
    highest_seq=2,
)

STATUS: Final = status.Status(
    kiosk=KIOSK.kiosk,
    online=True,
    version="0.1.0",
    health=status.sign_health(HEALTH, SIGNERS["station-1"]),
    backlog=2,
    backlog_bytes=90_112,
    free_bytes=7_000_000_000,
    temperature_c=51.5,
)


def trusted_bundle() -> bundle.TrustedBundle:
    return bundle.trust(SIGNED_BUNDLE, SIGNERS["root"].public_key)


def trusted_registry() -> registry.Registry:
    return registry.trust(registry.sign(REGISTRY, SIGNERS["orders"]), trusted_bundle())


def public_keys(names: tuple[str, ...] = HOLDERS) -> list[keys.RecipientPublicKey]:
    return [RECIPIENTS[name].public_key for name in names]


def sealed(what: report.Report = REPORT, claims: sealing.Claims = CLAIMS, to: tuple[str, ...] = HOLDERS) -> bytes:
    """A record as station-1 makes it."""
    return sealing.seal(documents.to_cbor(what), claims, public_keys(to), SIGNERS["station-1"])
