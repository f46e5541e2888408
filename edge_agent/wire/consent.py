"""The consent record: ISO/IEC TS 27560 by the terms of W3C's Data Privacy Vocabulary (DPV 2.3).

Every question that was asked stands here with its answer, by whom, when and how; an adult who stands beside a child is
written down in the role they named, never assumed. What DPV has no term for carries the prefix `homeward:`.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec

from edge_agent.wire import cbor
from edge_agent.wire.documents import Document, to_map

CONFORMS_TO: Final = "https://w3id.org/dpv/guides/consent-27560"
PERSONAL_DATA: Final = ("pd:FacialImage", "pd:Location", "pd:Language")
SALT_BYTES: Final = 16

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
Sha256 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class Purpose(StrEnum):
    """What the picture may be used for. Each is asked on its own."""

    TRACING = "homeward:TracingByNGO"
    PARTNERS = "homeward:SharingWithPartnerRegistries"
    PUBLIC_APPEAL = "homeward:PublicAppeal"


class Status(StrEnum):
    """What was answered."""

    GIVEN = "dpv:ConsentGiven"
    REFUSED = "dpv:ConsentRefused"
    WITHDRAWN = "dpv:ConsentWithdrawn"


class Role(StrEnum):
    """Who answered, in the role they named themselves."""

    DATA_SUBJECT = "dpv:DataSubject"
    PARENT = "dpv:ParentOfDataSubject"
    GUARDIAN = "dpv:GuardianOfDataSubject"
    STAFF = "homeward:ShelterStaff"


class Subject(StrEnum):
    """Whom the report is about."""

    ADULT = "dpv:Adult"
    CHILD = "dpv:Child"


class Notice(Document, frozen=True, kw_only=True, rename={"identifier": "dct:identifier", "sha256": "homeward:sha256"}):
    """The words that were said: which, and the SHA-256 of exactly those."""

    identifier: Text
    sha256: Sha256


class Indication(
    Document,
    frozen=True,
    kw_only=True,
    rename={
        "by": "dpv:isIndicatedBy",
        "at": "dpv:isIndicatedAtTime",
        "status": "dpv:hasConsentStatus",
        "method": "dpv:hasIndicationMethod",
        "held_ms": "homeward:heldMilliseconds",
    },
):
    """One answer. `at` is in seconds since 1970 by the kiosk's clock, `held_ms` how long the button was held."""

    by: Role
    at: Seconds
    status: Status
    method: Text
    held_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)]


class PurposeAnswer(
    Document, frozen=True, kw_only=True, rename={"purpose": "dpv:hasPurpose", "indication": "homeward:hasIndication"}
):
    """One purpose that was asked, and the answer."""

    purpose: Purpose
    indication: Indication


class Controller(Document, frozen=True, kw_only=True, rename={"name": "dct:title", "contact": "dpv:hasContact"}):
    """The organisation that answers for the data."""

    name: Text
    contact: Text


class Storage(
    Document, frozen=True, kw_only=True, rename={"location": "dpv:hasLocation", "duration": "dpv:hasDuration"}
):
    """Where it is kept, and for how long (an ISO 8601 duration in days, `P180D`)."""

    location: Text
    duration: Annotated[str, msgspec.Meta(pattern=r"^P[1-9][0-9]{0,4}D$")]

    @property
    def seconds(self) -> int:
        """The duration in seconds."""
        return int(self.duration[1:-1]) * 86_400


class ConsentRecord(
    Document,
    frozen=True,
    kw_only=True,
    omit_defaults=False,  # it names the standard it conforms to wherever it goes
    rename={
        "conforms_to": "dct:conformsTo",
        "identifier": "dct:identifier",
        "language": "dct:language",
        "subject": "dpv:hasDataSubject",
        "notice": "dpv:hasNotice",
        "purposes": "homeward:asked",
        "agreements": "homeward:agreements",
        "personal_data": "dpv:hasPersonalData",
        "controller": "dpv:hasDataController",
        "recipients": "dpv:hasRecipient",
        "storage": "dpv:hasStorageCondition",
        "jurisdiction": "dpv:hasJurisdiction",
        "control": "dpv:hasConsentControl",
    },
):
    """Everything that was asked and answered in one session."""

    conforms_to: Literal["https://w3id.org/dpv/guides/consent-27560"] = CONFORMS_TO
    identifier: Annotated[str, msgspec.Meta(pattern=r"^urn:uuid:[0-9a-f-]{36}$")]
    language: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    subject: Subject
    notice: Notice
    purposes: Annotated[list[PurposeAnswer], msgspec.Meta(min_length=1, max_length=8)]
    agreements: Annotated[list[Indication], msgspec.Meta(min_length=1, max_length=4)]
    personal_data: list[Text]
    controller: Controller
    recipients: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=16)]
    storage: Storage
    jurisdiction: Text
    control: Text

    def __post_init__(self) -> None:
        """Refuse a record that does not say what red line 3 asks for."""
        asked = [answer.purpose for answer in self.purposes]
        if len(set(asked)) != len(asked) or asked[0] is not Purpose.TRACING:
            raise ValueError("each purpose is asked once, tracing first")
        roles = [agreement.by for agreement in self.agreements]
        if roles[0] is not Role.DATA_SUBJECT or len(set(roles)) != len(roles):
            raise ValueError("the person's own agreement comes first, and each role answers once")
        adults_beside = len(roles) - 1
        if adults_beside != (1 if self.subject is Subject.CHILD else 0):
            raise ValueError("a child agrees together with one adult, an adult alone")

    def allows(self, purpose: Purpose) -> bool:
        """Whether this purpose was agreed to, by everyone who had to."""
        given = any(a.purpose is purpose and a.indication.status is Status.GIVEN for a in self.purposes)
        return given and all(agreement.status is Status.GIVEN for agreement in self.agreements)


def consent_hash(consent: ConsentRecord, salt: bytes) -> bytes:
    """Bind a consent record: SHA-256 of the salt and its deterministic CBOR. The salt keeps it from being guessed."""
    return hashlib.sha256(salt + cbor.encode(to_map(consent))).digest()
