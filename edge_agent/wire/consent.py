"""The consent record: ISO/IEC TS 27560 by the terms of W3C's Data Privacy Vocabulary (DPV 2.3).

Every question that was asked stands here with its answer, by whom, when and how; an adult who stands beside a child is
written down in the role they named, never assumed. What DPV has no term for carries the prefix `homeward:`.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from edge_agent.wire import cbor
from edge_agent.wire.documents import Document, to_map
from edge_agent.wire.fields import Controller, Language, Seconds, Sha256, Text

CONFORMS_TO: Final = "https://w3id.org/dpv/guides/consent-27560"
PERSONAL_DATA: Final = ("pd:FacialImage", "pd:Location", "pd:Language")
SALT_BYTES: Final = 16


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


class Answer(Document, frozen=True, kw_only=True, array_like=True):
    """One question, put to one person, and the answer.

    `at` is in seconds since 1970 by the kiosk's clock, `held_ms` how long the button was held. On the wire it is an
    array in this order, each place with the meaning of its term: a child's report holds six, and names would cost more
    than all the rest of its consent.
    """

    TERMS: ClassVar[tuple[str, ...]] = (
        "dpv:hasPurpose",
        "dpv:isIndicatedBy",
        "dpv:isIndicatedAtTime",
        "dpv:hasConsentStatus",
        "dpv:hasIndicationMethod",
        "homeward:heldMilliseconds",
    )

    purpose: Purpose
    by: Role
    at: Seconds
    status: Status
    method: Text
    held_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)]


class Storage(
    Document, frozen=True, kw_only=True, rename={"location": "dpv:hasLocation", "duration": "dpv:hasDuration"}
):
    """Where it is kept, and for how long (an ISO 8601 duration in days, `P180D`)."""

    location: Text
    duration: Annotated[str, msgspec.Meta(pattern=r"^P[1-9][0-9]{0,4}D\Z")]

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
        "answers": "homeward:asked",
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
    identifier: Annotated[str, msgspec.Meta(pattern=r"^urn:uuid:[0-9a-f-]{36}\Z")]
    language: Language
    subject: Subject
    notice: Notice
    answers: Annotated[list[Answer], msgspec.Meta(min_length=1, max_length=8)]
    personal_data: list[Text]
    controller: Controller
    recipients: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=16)]
    storage: Storage
    jurisdiction: Text
    control: Text

    def __post_init__(self) -> None:
        """Refuse a record that does not say what red line 3 asks for."""
        asked = [(answer.purpose, answer.by) for answer in self.answers]
        if len(set(asked)) != len(asked) or asked[0] != (Purpose.TRACING, Role.DATA_SUBJECT):
            raise ValueError("each question is put once to each, tracing to the person themselves first")
        if len(self.parties) != (2 if self.subject is Subject.CHILD else 1):
            raise ValueError("a child is asked together with one adult, an adult alone")

    @property
    def parties(self) -> set[Role]:
        """Everybody who was asked."""
        return {answer.by for answer in self.answers}

    def allows(self, purpose: Purpose) -> bool:
        """Whether everybody who was asked agreed to this purpose. No answer is a no."""
        agreed = {a.by for a in self.answers if a.purpose is purpose and a.status is Status.GIVEN}
        return agreed == self.parties


def consent_hash(consent: ConsentRecord, salt: bytes) -> bytes:
    """Bind a consent record: SHA-256 of the salt and its deterministic CBOR. The salt keeps it from being guessed."""
    return hashlib.sha256(salt + cbor.encode(to_map(consent))).digest()
