"""A small fleet in memory: kiosks that seal, a root that signs, and the files that an intake or a desk reads."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from central.trust import TrustFiles
from edge_agent.wire import bundle, consent, documents, fields, registry, report, sealing, status, withdrawal
from edge_agent.wire.bundle import Bundle, Holder, Recipient, TrustedBundle
from edge_agent.wire.keys import RecipientPrivateKey, RecipientPublicKey, SoftwareSigner, kid
from edge_agent.wire.registry import RegisteredKey, Registry, RegistryContent
from edge_agent.wire.topics import Address, Channel

if TYPE_CHECKING:
    from pathlib import Path

FLEET = "coast"
NOW = 1_760_000_000  # seconds since 1970
DAY = 86_400
CONTROLLER = fields.Controller(name="An NGO", contact="+00 000 0000")


@dataclass
class Kiosk:
    """A kiosk that seals reports one after the other, each chained to the one before."""

    name: str
    recipients: list[RecipientPublicKey]
    signer: SoftwareSigner = field(default_factory=SoftwareSigner.generate)
    epoch: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    seq: int = 0
    previous: bytes = fields.FIRST_IN_CHAIN
    last: withdrawal.Withdrawn | None = None  # how a withdrawal would name the last record

    def topic(self, channel: Channel = Channel.RECORDS) -> str:
        return Address(FLEET, self.name).topic(channel)

    def claims(self, *, record_id: bytes | None = None, consent_hash: bytes = bytes(32), **other) -> sealing.Claims:
        given = {
            "kiosk": self.name,
            "issued_at": NOW,
            "expires_at": NOW + 180 * DAY,
            "record_id": record_id or secrets.token_bytes(16),
            "signer_kid": kid(self.signer.public_key),
            "seq": self.seq + 1,
            "epoch": self.epoch,
            "previous": self.previous,
            "consent_hash": consent_hash,
            "topic": self.topic(),
            "bundle_hash": bytes(32),
        }
        return sealing.Claims(**(given | other))

    def seal(self, plain: bytes = b"\xa0", **claims) -> bytes:
        """Seal without moving the chain on."""
        return sealing.seal(plain, self.claims(**claims), self.recipients, self.signer)

    def next(self, plain: bytes = b"\xa0", **claims) -> bytes:
        """Seal the next record of the chain."""
        raw = self.seal(plain, **claims)
        self.seq += 1
        self.previous = hashlib.sha256(raw).digest()
        record_id = sealing.parse_record(raw).claims.record_id
        self.last = withdrawal.Withdrawn(record_id=record_id, sha256=self.previous, epoch=self.epoch, seq=self.seq)
        return raw

    def take_back(self, withdrawn: withdrawal.Withdrawn | None = None, **other) -> bytes:
        """Sign a withdrawal of a record, of the last one unless told, as the next record of the chain."""
        self.seq += 1
        given = {
            "fleet": FLEET,
            "kiosk": self.name,
            "record_id": secrets.token_bytes(16),
            "issued_at": NOW + 60,
            "epoch": self.epoch,
            "seq": self.seq,
            "previous": self.previous,
            "withdraws": withdrawn or self.last,
        }
        raw = withdrawal.sign(withdrawal.Withdrawal(**(given | other)), self.signer)
        self.previous = hashlib.sha256(raw).digest()
        return raw

    def health(self, *, highest_seq: int | None = None, epoch: bytes | None = None) -> bytes:
        return status.sign_health(
            status.Health(
                kiosk=self.name,
                version="1",
                boot_id="boot",
                uptime_ms=1,
                clock=fields.ClockQuality.SYNCHRONISED,
                ready=True,
                orders_version=0,
                bundle_version=1,
                models=[],
                epoch=epoch or self.epoch,
                highest_seq=self.seq if highest_seq is None else highest_seq,
            ),
            self.signer,
        )

    def status(self, *, health: bytes | None = None, online: bool = True, kiosk: str | None = None) -> bytes:
        return documents.to_cbor(status.Status(kiosk=kiosk or self.name, online=online, version="1", health=health))


IMAGE = b"\xff\xd8 the pixels of a face \xff\xd9"


def answer(
    purpose: consent.Purpose = consent.Purpose.TRACING,
    by: consent.Role = consent.Role.DATA_SUBJECT,
    status: consent.Status = consent.Status.GIVEN,
) -> consent.Answer:
    held = 1200 if status is consent.Status.GIVEN else 0
    return consent.Answer(purpose=purpose, by=by, at=NOW, status=status, method="homeward:ButtonHold", held_ms=held)


def a_consent(*answers: consent.Answer, subject: consent.Subject = consent.Subject.ADULT) -> consent.ConsentRecord:
    return consent.ConsentRecord(
        identifier="urn:uuid:00000000-0000-4000-8000-000000000000",
        language="ug",
        subject=subject,
        notice=consent.Notice(identifier="notice-7", sha256=bytes(32)),
        answers=list(answers) or [answer()],
        personal_data=list(consent.PERSONAL_DATA),
        controller=CONTROLLER,
        recipients=["An NGO"],
        storage=consent.Storage(location="at the NGO", duration="P180D"),
        jurisdiction="coast",
        control="call +00 000 0000",
    )


def a_face(image: bytes = IMAGE) -> report.Face:
    return report.Face(
        image=image,
        media_type="image/jpeg",
        width=480,
        height=640,
        box=(1, 2, 3, 4),
        landmarks=[(1.5, 2.5)] * 6,
        measures=report.Measures(sharpness=1.5, exposure=2.5),
        detector="united",
        models=[bytes(32)],
    )


def a_report(**other) -> report.Report:
    given = {
        "site": report.Site(id="s", name="The station", latitude=1.5, longitude=2.5, accuracy_m=10, area="North"),
        "captured": report.Captured(
            utc=NOW, quality=fields.ClockQuality.SYNCHRONISED, error_ms=300, boot_id="boot", uptime_ms=4000
        ),
        "consent": a_consent(),
        "consent_salt": bytes(16),
        "faces": [a_face()],
        "receipt_code": "ABCD-EFGH",
    }
    return report.Report(**(given | other))


def seal_report(kiosk: Kiosk, content: report.Report | None = None, **claims) -> bytes:
    """Seal a report as the next record of a kiosk's chain."""
    content = content or a_report()
    bound = {
        "consent_hash": content.consent_hash,
        "issued_at": content.issued_at,
        "expires_at": content.expires_at,
    }
    return kiosk.next(documents.to_cbor(content), **(bound | claims))


@dataclass
class Fleet:
    """A fleet whose trust can be signed anew."""

    caseworker: RecipientPrivateKey = field(default_factory=RecipientPrivateKey.generate)
    root: SoftwareSigner = field(default_factory=SoftwareSigner.generate)
    orders: SoftwareSigner = field(default_factory=SoftwareSigner.generate)
    receipts: SoftwareSigner = field(default_factory=SoftwareSigner.generate)
    desk: SoftwareSigner = field(default_factory=SoftwareSigner.generate)  # a caseworker's, for withdrawals
    kiosks: dict[str, Kiosk] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    version: int = 0

    def add(self, name: str) -> Kiosk:
        self.kiosks[name] = Kiosk(name, [self.caseworker.public_key])
        return self.kiosks[name]

    def signed_bundle(self, version: int = 1) -> bytes:
        return bundle.sign(
            Bundle(
                fleet=FLEET,
                version=version,
                issued_at=NOW,
                expires_at=NOW + 365 * DAY,
                controller=CONTROLLER,
                jurisdiction="coast",
                recipients=[
                    Recipient(
                        name="escrow",
                        holder=Holder.ESCROW,
                        key=self.caseworker.public_key.raw,
                        withdrawal_key=self.desk.public_key,
                    )
                ],
                receipt_keys=[self.receipts.public_key],
                order_keys=[self.orders.public_key],
            ),
            self.root,
        )

    def trusted_bundle(self) -> TrustedBundle:
        return bundle.trust(self.signed_bundle(), self.root.public_key)

    def signed_registry(self, version: int | None = None) -> bytes:
        if version is None:
            self.version += 1
            version = self.version
        keys = [
            RegisteredKey(kiosk=k.name, key=k.signer.public_key, revoked_at=NOW if k.name in self.revoked else None)
            for k in self.kiosks.values()
        ]
        return registry.sign(
            RegistryContent(fleet=FLEET, version=version, issued_at=NOW, keys=keys),
            self.orders,
        )

    def registry(self) -> Registry:
        return registry.trust(self.signed_registry(), self.trusted_bundle())

    def write_trust(self, folder: Path) -> TrustFiles:
        """Write root, bundle and registry as they are now."""
        folder.mkdir(parents=True, exist_ok=True)
        files = TrustFiles.in_folder(folder)
        files.root.write_text(self.root.public_key.hex() + "\n")
        files.bundle.write_bytes(self.signed_bundle())
        self.write_registry(files)
        return files

    def write_registry(self, files: TrustFiles, version: int | None = None) -> None:
        """Write the registry as it is now, in a new file in the old one's place."""
        beside = files.registry.with_suffix(".new")
        beside.write_bytes(self.signed_registry(version))
        beside.replace(files.registry)
