"""The report inside a sealed record: what, where, when, by whose consent, and the chosen face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from edge_agent.errors import ConsentMismatchError
from edge_agent.wire.consent import ConsentRecord, Purpose, consent_hash
from edge_agent.wire.documents import Count, Document, from_cbor
from edge_agent.wire.fields import ClockQuality, Seconds, Sha256, Text

if TYPE_CHECKING:
    from edge_agent.wire.sealing import Claims

Pixels = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Offset = Annotated[int, msgspec.Meta(ge=-100_000, le=100_000)]
Point = tuple[
    Annotated[float, msgspec.Meta(ge=-100_000, le=100_000)], Annotated[float, msgspec.Meta(ge=-100_000, le=100_000)]
]


class Site(Document, frozen=True, kw_only=True):
    """Where the kiosk stands: the person's last known place."""

    id: Text
    name: Text
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    accuracy_m: Annotated[int, msgspec.Meta(ge=0, le=100_000)]
    area: Text


class Captured(Document, frozen=True, kw_only=True):
    """When, and how far that can be believed.

    `utc` is in seconds since 1970, `error_ms` its worst-case error (absent when unknown), `uptime_ms` counts from the
    start of the boot that `boot_id` names: two reports of one boot can be ordered even when the clock was never set.
    """

    utc: Seconds
    quality: ClockQuality
    error_ms: Count | None = None
    boot_id: Text
    uptime_ms: Count


class Measures(Document, frozen=True, kw_only=True):
    """Advice about the picture. It never decides anything.

    `sharpness` is the variance of the Laplacian of the luma, `exposure` the mean luma (0 to 255), `eye_distance` in
    pixels of the image, `yaw` in degrees, positive when the person turns to their left. Those that need landmarks are
    absent when no face was found.
    """

    sharpness: float
    exposure: float
    eye_distance: float | None = None
    yaw: float | None = None


class Face(Document, frozen=True, kw_only=True):
    """One chosen person's picture. `box` (x, y, width, height) is in pixels of the frame, `landmarks` of the image."""

    image: Annotated[bytes, msgspec.Meta(min_length=1, max_length=100 * 1024)]
    media_type: Annotated[str, msgspec.Meta(pattern=r"^image/jpeg\Z")]
    width: Pixels
    height: Pixels
    box: tuple[Offset, Offset, Pixels, Pixels]
    landmarks: Annotated[list[Point], msgspec.Meta(max_length=6)]
    measures: Measures
    detector: Text
    models: Annotated[list[Sha256], msgspec.Meta(max_length=4)]


class Report(Document, frozen=True, kw_only=True):
    """What a caseworker reads."""

    site: Site
    captured: Captured
    consent: ConsentRecord
    consent_salt: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    faces: Annotated[list[Face], msgspec.Meta(min_length=1, max_length=4)]
    receipt_code: Annotated[str, msgspec.Meta(min_length=8, max_length=32)]

    def __post_init__(self) -> None:
        """Refuse a report without consent."""
        if not self.consent.allows(Purpose.TRACING):
            raise ValueError("a report has consent to tracing by all who had to agree")

    @property
    def consent_hash(self) -> bytes:
        """What the record's claims must hold."""
        return consent_hash(self.consent, self.consent_salt)

    @property
    def issued_at(self) -> int:
        """What the record's claims must hold: 0 when the kiosk's clock was never set."""
        return 0 if self.captured.quality is ClockQuality.UNSET else self.captured.utc

    @property
    def expires_at(self) -> int:
        """What the record's claims must hold; `sealing.Claims.ends_at` says what it means."""
        return self.issued_at + self.consent.storage.seconds


def read(plain: bytes, claims: Claims) -> Report:
    """Decode an opened report and hold it against its record's claims.

    Raises ConsentMismatchError when the consent inside, or the end that follows from it, is not the one bound outside,
    and what `from_cbor` raises.
    """
    report = from_cbor(plain, Report)
    if report.consent_hash != claims.consent_hash:
        raise ConsentMismatchError("the consent inside is not the one that the record was bound to")
    if (report.issued_at, report.expires_at) != (claims.issued_at, claims.expires_at):
        raise ConsentMismatchError("the record names another end outside than was consented to inside")
    return report
