from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from edge_agent.errors import ConsentMismatchError, MalformedError
from edge_agent.wire import documents, fields, report
from edge_agent.wire.consent import Purpose, Role, Status
from tests.vectors import fleet
from tests.vectors.fleet import answer


def but(of: report.Report, **changes: object) -> report.Report:
    return msgspec.structs.replace(of, **changes)


def test_a_report_comes_with_the_consent_it_was_bound_to() -> None:
    assert report.read(documents.to_cbor(fleet.REPORT), fleet.CLAIMS) == fleet.REPORT
    with pytest.raises(ConsentMismatchError):
        report.read(documents.to_cbor(fleet.REPORT), replace(fleet.CLAIMS, consent_hash=bytes(32)))


@pytest.mark.red_line(12)
def test_a_report_whose_notice_was_exchanged_is_not_the_one_that_was_bound() -> None:
    words = msgspec.structs.replace(fleet.CONSENT.notice, sha256=fleet.seed("kinder words"))
    exchanged = but(fleet.REPORT, consent=msgspec.structs.replace(fleet.CONSENT, notice=words))
    with pytest.raises(ConsentMismatchError):
        report.read(documents.to_cbor(exchanged), fleet.CLAIMS)


REFUSED = msgspec.structs.replace(
    fleet.CONSENT,
    answers=[answer(Purpose.TRACING), answer(Purpose.TRACING, by=Role.STAFF, given=Status.REFUSED)],
)


def test_a_report_has_a_face() -> None:
    with pytest.raises(MalformedError, match="length >= 1"):
        documents.to_cbor(but(fleet.REPORT, faces=[]))


@pytest.mark.red_line(11)
@pytest.mark.parametrize(
    "claims",
    [{"expires_at": fleet.CLAIMS.expires_at + 1}, {"issued_at": fleet.NOON - 1}, {"issued_at": 0}],
    ids=["longer", "sealed earlier", "by a clock that was never set"],
)
def test_a_record_can_not_claim_another_end_than_was_consented_to(claims: dict[str, int]) -> None:
    with pytest.raises(ConsentMismatchError, match="another end"):
        report.read(documents.to_cbor(fleet.REPORT), replace(fleet.CLAIMS, **claims))


@pytest.mark.red_line(2)
def test_a_report_without_everybodys_consent_is_neither_written_nor_read() -> None:
    with pytest.raises(ValueError, match="consent to tracing by all"):
        but(fleet.REPORT, consent=REFUSED)
    with pytest.raises(MalformedError, match="consent to tracing by all"):
        documents.from_map(documents.to_map(fleet.REPORT) | {"consent": documents.to_map(REFUSED)}, report.Report)


@pytest.mark.red_line(11)
def test_every_report_has_an_end() -> None:
    assert fleet.REPORT.expires_at == fleet.NOON + 180 * 86_400
    captured = msgspec.structs.replace(fleet.REPORT.captured, quality=fields.ClockQuality.UNSET, utc=4711)
    never_set = but(fleet.REPORT, captured=captured)
    assert (never_set.issued_at, never_set.expires_at) == (0, 180 * 86_400)
