"""From a person's answers and one picture to a sealed record in the outbox.

The report exists in memory, for as long as sealing takes. What goes to the disk is sealed to the recipients of the
fleet's bundle, none of whose private keys is here.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.errors import NotWaitingError, SettingsError
from edge_agent.outbox import Link, State
from edge_agent.session import notice
from edge_agent.session.consent import Party, Purpose, Who
from edge_agent.wire import consent as record
from edge_agent.wire import receipt_code, report, sealing, withdrawal
from edge_agent.wire.documents import to_cbor
from edge_agent.wire.fields import HASH_BYTES, ID_BYTES, ClockQuality
from edge_agent.wire.keys import kid
from edge_agent.wire.topics import Channel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_agent.config import KioskSettings
    from edge_agent.outbox import Entry, Outbox
    from edge_agent.ports import Clock, Now
    from edge_agent.session.consent import Answer, Consent
    from edge_agent.session.notice import Notice
    from edge_agent.trust import TrustFile
    from edge_agent.vision.crop import Portrait
    from edge_agent.vision.finder import Detector
    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.keys import Signer
    from edge_agent.wire.orders import OrderedNotice

_PURPOSE: Final = {
    Purpose.TRACING: record.Purpose.TRACING,
    Purpose.PARTNERS: record.Purpose.PARTNERS,
    Purpose.PUBLIC_APPEAL: record.Purpose.PUBLIC_APPEAL,
}
_ROLE: Final = {
    Party.SUBJECT: record.Role.DATA_SUBJECT,
    Party.PARENT: record.Role.PARENT,
    Party.GUARDIAN: record.Role.GUARDIAN,
    Party.STAFF: record.Role.STAFF,
}
_BUTTON_HOLD: Final = "homeward:ButtonHold"
_WITHDRAWAL_OF: Final = b"homeward/v1 withdrawal of "
_MEDIA_TYPE: Final = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Queued:
    """A report that is sealed and on the disk. Times in milliseconds."""

    entry: Entry
    receipt_code: str
    crop_bytes: int
    sealed_bytes: int
    seal_ms: float
    store_ms: float


class Reporter:
    """Seals reports for one kiosk."""

    def __init__(
        self,
        settings: KioskSettings,
        clock: Clock,
        signer: Signer,
        trust: TrustFile,
        outbox: Outbox,
        ordered: OrderedNotice | None = None,
    ) -> None:
        self._settings = settings
        self._ordered = ordered
        self._clock = clock
        self._signer = signer
        self._trust = trust
        self._outbox = outbox
        self._bundle = trust.current()
        self._rehearsed = b""
        self._notices = self._load_notices()

    @property
    def bundle(self) -> TrustedBundle:
        """The recipients to whom the next report will be sealed."""
        return self._bundle

    def check(self) -> None:
        """Take up what is in force now, between two sessions, and make sure that a report could be sealed and queued.

        Raises OutboxFullError, ExpiredError, WireError, and what reading the bundle raises.
        """
        bundle = self._trust.current()
        if bundle.sha256 != self._bundle.sha256:
            self._bundle = bundle
            self._notices = self._load_notices()
        now = self._clock.now()
        if now.quality is not ClockQuality.UNSET:  # a clock that was never set can't say that anything has expired
            bundle.check_alive(now.utc)
        self._rehearse()
        self._outbox.room()

    @property
    def notices(self) -> Mapping[str, Notice]:
        """The words in force, by language, in the order in which the languages are offered."""
        return self._notices

    def queue(self, consent: Consent, portrait: Portrait, detector: Detector) -> Queued:
        """Seal one report and put it into the outbox; when this returns, it is on the disk.

        Raises OutboxError and WireError; nothing is kept then.
        """
        began = self._clock.monotonic()
        now = self._clock.now()
        code = receipt_code.encode(secrets.token_bytes(receipt_code.ENTROPY_BYTES))
        content = report.Report(
            site=self._site(),
            captured=report.Captured(
                utc=now.utc,
                quality=now.quality,
                error_ms=now.error_ms,
                boot_id=now.boot_id,
                uptime_ms=now.uptime_ms,
            ),
            consent=self._consent(consent, now, began),
            consent_salt=secrets.token_bytes(record.SALT_BYTES),
            faces=[_face(portrait, detector)],
            receipt_code=code,
        )
        plain = to_cbor(content)
        record_id = secrets.token_bytes(ID_BYTES)
        seal_s = 0.0

        def seal(link: Link) -> bytes:
            nonlocal seal_s
            start = self._clock.monotonic()
            claims = self._claims(record_id, link, content.issued_at, content.expires_at, content.consent_hash)
            sealed = sealing.seal(plain, claims, self._bundle.recipients, self._signer)
            seal_s = self._clock.monotonic() - start
            return sealed

        start = self._clock.monotonic()
        entry = self._outbox.append(record_id, seal)
        store_s = self._clock.monotonic() - start - seal_s
        return Queued(entry, code, len(portrait.jpeg), entry.size, seal_s * 1000, store_s * 1000)

    def take_back(self, queued: Queued) -> None:
        """Take a report back: destroy what waits of it in the outbox, and put its withdrawal there.

        Whatever was sent meanwhile, and even has its receipt, is erased by whoever gets the withdrawal. Raises
        OutboxError; a withdrawal that found no place is put there by the next `withdraw` that finds one.
        """
        if not self._outbox.take_back(queued.entry.record_id):
            raise NotWaitingError(
                "The report is not in the outbox any more: its bytes were damaged after it was put there.",
                next_step="Withdraw it at a desk, by its receipt code: it may have been sent before.",
            )
        self.withdraw()

    def withdraw(self) -> None:
        """Put a withdrawal into the outbox for each report that was taken back, unless there is one already.

        To be called between two sessions: a power cut may have come in between. Raises OutboxError.
        """
        for entry in self._outbox.taken_back():
            # One withdrawal for one report, however often somebody tries: its id follows from the report's.
            record_id = hashlib.sha256(_WITHDRAWAL_OF + entry.record_id).digest()[:ID_BYTES]
            said = self._outbox.append(record_id, functools.partial(self._sign_withdrawal, entry, record_id))
            if said.state is State.RECEIPTED:  # and the power went before the courier could note what follows from it
                self._outbox.withdrawn([entry.record_id])

    def _sign_withdrawal(self, entry: Entry, record_id: bytes, link: Link) -> bytes:
        now = self._clock.now()
        said = withdrawal.Withdrawal(
            fleet=self._settings.fleet,
            kiosk=self._settings.kiosk,
            record_id=record_id,
            issued_at=0 if now.quality is ClockQuality.UNSET else now.utc,
            epoch=link.epoch,
            seq=link.seq,
            previous=link.previous,
            withdraws=withdrawal.Withdrawn(
                record_id=entry.record_id, sha256=entry.sha256, epoch=entry.epoch, seq=entry.seq
            ),
        )
        return withdrawal.sign(said, self._signer)

    def _rehearse(self) -> None:
        """Seal nothing at all, once for each bundle, and let go of it: nobody may agree to what can't be done then."""
        if self._rehearsed == self._bundle.sha256:
            return
        link = Link(epoch=bytes(ID_BYTES), seq=1, previous=bytes(HASH_BYTES))
        claims = self._claims(link.epoch, link, 0, 1, bytes(HASH_BYTES))
        sealing.seal(b"", claims, self._bundle.recipients, self._signer)
        self._rehearsed = self._bundle.sha256

    def _claims(
        self, record_id: bytes, link: Link, issued_at: int, expires_at: int, consent_hash: bytes
    ) -> sealing.Claims:
        return sealing.Claims(
            kiosk=self._settings.kiosk,
            issued_at=issued_at,
            expires_at=expires_at,
            record_id=record_id,
            signer_kid=kid(self._signer.public_key),
            seq=link.seq,
            epoch=link.epoch,
            previous=link.previous,
            consent_hash=consent_hash,
            topic=self._settings.address.topic(Channel.RECORDS),
            bundle_hash=self._bundle.sha256,
        )

    # -- The report's parts --------------------------------------------------------------------------------------------

    def _site(self) -> report.Site:
        site = self._settings.site
        return report.Site(
            id=site.id,
            name=site.name,
            latitude=site.latitude,
            longitude=site.longitude,
            accuracy_m=site.accuracy_m,
            area=site.area,
        )

    def _consent(self, consent: Consent, now: Now, monotonic: float) -> record.ConsentRecord:
        controller = self._bundle.content.controller

        def answer(given: Answer) -> record.Answer:
            return record.Answer(
                purpose=_PURPOSE[given.question.purpose],
                by=_ROLE[given.question.party],
                at=max(0, round(now.utc - (monotonic - given.at))),
                status=record.Status.GIVEN if given.agreed else record.Status.REFUSED,
                method=_BUTTON_HOLD,
                held_ms=given.held_ms,
            )

        return record.ConsentRecord(
            identifier=uuid.uuid4().urn,
            language=consent.language,
            subject=record.Subject.ADULT if consent.who is Who.SELF_ADULT else record.Subject.CHILD,
            notice=self._informed_by(consent.language),
            answers=[answer(given) for given in consent.answers],
            personal_data=list(record.PERSONAL_DATA),
            controller=controller,
            recipients=[controller.name],
            storage=record.Storage(
                location=self._settings.consent.kept_where, duration=f"P{self._settings.consent.days_kept}D"
            ),
            jurisdiction=self._bundle.content.jurisdiction,
            control=f"by telephone with the receipt code: {controller.contact}",
        )

    def _informed_by(self, language: str) -> record.Notice:
        """Name the words by which the person knew what they agreed to."""
        printed = self._settings.printed_notice
        if printed is not None and not self._settings.explains_itself:
            return record.Notice(identifier=printed.id, sha256=bytes.fromhex(printed.sha256))
        words = self._notices[language]
        return record.Notice(identifier=words.id, sha256=words.sha256)

    def _load_notices(self) -> dict[str, Notice]:
        return notices(self._settings, self._bundle, self._ordered)


def notices(settings: KioskSettings, bundle: TrustedBundle, ordered: OrderedNotice | None) -> dict[str, Notice]:
    """Give the words that a kiosk says, by language; `ordered` takes the place of its notice. Raises SettingsError."""
    facts = _facts(settings, bundle)
    return {language: notice.load(language, facts, ordered) for language in settings.consent.languages}


def check_ordered_notice(settings: KioskSettings, bundle: TrustedBundle, ordered: OrderedNotice | None) -> None:
    """Raise SettingsError for an ordered notice that this kiosk can't tell people."""
    if ordered is None:
        return
    if settings.printed_notice is not None and not settings.explains_itself:
        raise SettingsError(
            "Another notice was ordered, and this kiosk's is on paper.",
            next_step="Print the new one, and name it in [printed_notice] on the card.",
        )
    notice.check_ordered(ordered, _facts(settings, bundle))


def _facts(settings: KioskSettings, bundle: TrustedBundle) -> notice.Facts:
    controller = bundle.content.controller
    return notice.Facts(ngo=controller.name, telephone=controller.contact, days=settings.consent.days_kept)


def _face(portrait: Portrait, detector: Detector) -> report.Face:
    measures = portrait.measures
    return report.Face(
        image=portrait.jpeg,
        media_type=_MEDIA_TYPE,
        width=portrait.width,
        height=portrait.height,
        box=portrait.box,
        landmarks=[(_quarter(x), _quarter(y)) for x, y in portrait.landmarks],
        measures=report.Measures(
            sharpness=_quarter(measures.sharpness),
            exposure=_quarter(measures.exposure),
            eye_distance=None if measures.eye_distance is None else _quarter(measures.eye_distance),
            yaw=None if measures.yaw is None else _quarter(measures.yaw),
        ),
        detector=detector.name,
        models=list(detector.models),
    )


def _quarter(value: float) -> float:
    """Round to quarters: finer says nothing here, and short floats are exact in CBOR's small encodings."""
    return round(value * 4) / 4
