"""A report's consent and clock, in words for a caseworker."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from central.times import moment
from edge_agent.wire.consent import Purpose, Role, Status, Subject
from edge_agent.wire.fields import ClockQuality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.wire.consent import Answer, ConsentRecord
    from edge_agent.wire.report import Captured, Report


def in_words(report: Report, ends_at: int | None, now: int) -> Iterator[str]:
    """Say, line by line, what was agreed to and how far the times can be believed.

    `ends_at` is when the record must be erased, None when nobody can say; it and `now` are in seconds since 1970, by
    this computer's clock. Characters that would steer a terminal are made visible.
    """
    for line in _lines(report, ends_at, now):
        yield "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) == "Cc" else c for c in line)


def _lines(report: Report, ends_at: int | None, now: int) -> Iterator[str]:
    yield f"A report, made {moment(report.captured.utc)}"
    yield f"  {_clock(report.captured)}"
    yield from _consent(report.consent)
    days = report.consent.storage.seconds // 86_400
    until = "from the day it was made" if ends_at is None else f"until {moment(ends_at)}"
    yield f"To be kept {days} days, {until}, {report.consent.storage.location}"
    if report.captured.quality is ClockQuality.UNSET:
        counted = "ask the site for the day" if ends_at is None else "counted from its arrival"
        yield f"  (the kiosk's clock was never set: {counted})"
    if is_expired(ends_at, now):
        yield "WARNING: this record has EXPIRED. What was consented to has ended: delete it and its copies."


def is_expired(ends_at: int | None, now: int) -> bool:
    """Whether what was consented to has ended, as far as anybody can say."""
    return ends_at is not None and now > ends_at


def _clock(captured: Captured) -> str:
    match captured.quality:
        case ClockQuality.SYNCHRONISED:
            error = "" if captured.error_ms is None else f", right within {_duration(captured.error_ms)}"
            return f"by a synchronised clock{error}"
        case ClockQuality.HOLDOVER:
            error = (
                "by how much is unknown" if captured.error_ms is None else f"by {_duration(captured.error_ms)} at most"
            )
            return f"by a clock that ran on alone since it was last synchronised: it may be off, {error}"
        case ClockQuality.UNSET:
            return (
                f"by a clock that was NEVER SET: the time is a guess. "
                f"It was {_duration(captured.uptime_ms)} after the kiosk's start {captured.boot_id}"
            )


def _consent(consent: ConsentRecord) -> Iterator[str]:
    match consent.subject:
        case Subject.ADULT:
            yield "About an adult"
        case Subject.CHILD:
            yield "About a child"
    for purpose in dict.fromkeys(answer.purpose for answer in consent.answers):
        verdict = "AGREED" if consent.allows(purpose) else "NOT AGREED"
        yield f"{_purpose(purpose)}: {verdict}"
        yield from (
            f"  {_role(answer.by)}: {_answer(answer)}" for answer in consent.answers if answer.purpose is purpose
        )
    yield (
        f"The words said were notice {consent.notice.identifier} in language {consent.language} "
        f"(SHA-256 {consent.notice.sha256.hex()[:16]}...)"
    )
    yield f"Answerable: {consent.controller.name}, {consent.controller.contact}; law of {consent.jurisdiction}"
    yield f"To take it back: {consent.control}"


def _answer(answer: Answer) -> str:
    held = f" (button held {_duration(answer.held_ms)})" if answer.held_ms else ""
    match answer.status:
        case Status.GIVEN:
            return f"yes, {moment(answer.at)}{held}"
        case Status.REFUSED:
            return f"NO, {moment(answer.at)}"
        case Status.WITHDRAWN:
            return f"WITHDRAWN, {moment(answer.at)}{held}"


def _role(role: Role) -> str:
    match role:
        case Role.DATA_SUBJECT:
            return "the person"
        case Role.PARENT:
            return "somebody who said they are a parent"
        case Role.GUARDIAN:
            return "somebody who said they are the guardian"
        case Role.STAFF:
            return "somebody who said they are shelter staff"


def _purpose(purpose: Purpose) -> str:
    match purpose:
        case Purpose.TRACING:
            return "Tracing by the organisation"
        case Purpose.PARTNERS:
            return "Sharing with partner registries"
        case Purpose.PUBLIC_APPEAL:
            return "A public appeal"


def _duration(milliseconds: int) -> str:
    for unit, size in (("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000)):
        if milliseconds >= 2 * size:
            return f"{milliseconds / size:.1f} {unit}"
    return f"{milliseconds / 1000:.1f} s"
