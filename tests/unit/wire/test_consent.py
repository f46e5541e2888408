from __future__ import annotations

import hashlib

import msgspec
import pytest

from edge_agent.errors import MalformedError
from edge_agent.wire import cbor, consent, documents
from edge_agent.wire.consent import Purpose, Role, Status, Subject
from tests.vectors import fleet
from tests.vectors.fleet import answer

ADULT = msgspec.structs.replace(fleet.CONSENT, subject=Subject.ADULT, answers=[answer(Purpose.TRACING)])


def asked(subject: Subject, *answers: consent.Answer) -> consent.ConsentRecord:
    return msgspec.structs.replace(fleet.CONSENT, subject=subject, answers=list(answers))


@pytest.mark.parametrize(
    ("subject", "answers"),
    [
        (Subject.ADULT, [answer(Purpose.PUBLIC_APPEAL), answer(Purpose.TRACING)]),
        (Subject.ADULT, [answer(Purpose.TRACING), answer(Purpose.TRACING)]),
        (Subject.ADULT, [answer(Purpose.TRACING, by=Role.PARENT)]),
        (Subject.ADULT, [answer(Purpose.TRACING), answer(Purpose.TRACING, by=Role.STAFF)]),
    ],
    ids=["tracing not first", "asked twice", "not the person", "an adult with somebody beside"],
)
def test_a_consent_that_was_not_asked_as_it_must_be_is_refused(subject: Subject, answers: list[consent.Answer]) -> None:
    with pytest.raises(ValueError, match=r"asked|put once"):
        asked(subject, *answers)


@pytest.mark.red_line(3)
@pytest.mark.parametrize("beside", [[], [Role.PARENT, Role.STAFF]], ids=["alone", "with two"])
def test_a_childs_consent_without_exactly_one_adult_beside_is_refused(beside: list[Role]) -> None:
    answers = [answer(Purpose.TRACING), *(answer(Purpose.TRACING, by=role) for role in beside)]
    with pytest.raises(ValueError, match="together with one adult"):
        asked(Subject.CHILD, *answers)


@pytest.mark.red_line(3)
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.DATA_SUBJECT])
def test_a_childs_consent_says_in_which_role_the_adult_answered(role: Role) -> None:
    record = asked(Subject.CHILD, answer(Purpose.TRACING), answer(Purpose.TRACING, by=role))
    read = documents.from_cbor(documents.to_cbor(record), consent.ConsentRecord)
    assert read.parties == {Role.DATA_SUBJECT, role}
    assert read.allows(Purpose.TRACING)


@pytest.mark.red_line(3)
@pytest.mark.parametrize("by", [Role.DATA_SUBJECT, Role.GUARDIAN])
@pytest.mark.parametrize("said", [Status.REFUSED, Status.WITHDRAWN])
def test_one_no_of_the_two_is_a_no(by: Role, said: Status) -> None:
    answers = [
        answer(Purpose.TRACING, by=role, given=said if role is by else Status.GIVEN)
        for role in (Role.DATA_SUBJECT, Role.GUARDIAN)
    ]
    assert not asked(Subject.CHILD, *answers).allows(Purpose.TRACING)


def test_a_purpose_that_was_not_asked_is_not_allowed() -> None:
    assert ADULT.allows(Purpose.TRACING)
    assert not ADULT.allows(Purpose.PARTNERS)


def test_storage_is_counted_in_days() -> None:
    assert ADULT.storage.seconds == 180 * 86_400


def test_the_consent_names_the_standard_it_conforms_to_on_the_wire_too() -> None:
    plain = cbor.decode(documents.to_cbor(ADULT), max_bytes=10_000)
    assert plain["dct:conformsTo"] == consent.CONFORMS_TO
    with pytest.raises(MalformedError):
        documents.from_map(plain | {"dct:conformsTo": "https://example.org/other"}, consent.ConsentRecord)


def test_the_hash_is_of_the_salt_and_the_record() -> None:
    salt = bytes(16)
    assert consent.consent_hash(ADULT, salt) == hashlib.sha256(salt + documents.to_cbor(ADULT)).digest()
    assert consent.consent_hash(ADULT, salt) != consent.consent_hash(ADULT, b"\1" * 16)


@pytest.mark.red_line(12)
def test_the_words_that_were_said_are_bound_into_the_record() -> None:
    other_words = msgspec.structs.replace(ADULT.notice, sha256=fleet.seed("other words"))
    other = msgspec.structs.replace(ADULT, notice=other_words)
    assert consent.consent_hash(other, bytes(16)) != consent.consent_hash(ADULT, bytes(16))
