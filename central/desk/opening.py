"""Opening a record: every check that the intake made is made again, then those that need the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.errors import LocalError, RevokedError
from edge_agent.wire import records, sealing
from edge_agent.wire import report as reports
from edge_agent.wire.withdrawal import SignedWithdrawal

if TYPE_CHECKING:
    from edge_agent.wire.keys import RecipientPrivateKey
    from edge_agent.wire.registry import Registry
    from edge_agent.wire.report import Report
    from edge_agent.wire.sealing import Claims


@dataclass(frozen=True, slots=True)
class Opened:
    """A report that holds in every respect.

    `revoked` says that its kiosk was taken out of service later on. `ends_at` is when what was consented to ends, in
    seconds since 1970: None when the kiosk did not know the time and nobody knows when the record arrived.
    """

    claims: Claims
    sha256: bytes
    report: Report
    revoked: bool
    ends_at: int | None

    @property
    def record_id(self) -> str:
        """The record's id in hexadecimal."""
        return self.claims.record_id.hex()


def open_sealed(raw: bytes, registry: Registry, key: RecipientPrivateKey, *, arrived_at: int | None) -> Opened:
    """Open a record and hold the report inside against everything outside.

    Raises a WireError for whatever does not hold: form, signer, signature, topic, key, padding, the consent's hash, or
    a report without consent to tracing (the report's own form excludes that); a LocalError for a withdrawal, in which
    nothing is sealed.

    `arrived_at` is when an intake took it in, in seconds since 1970; None for one that comes as a file. A revoked
    kiosk's record opens only when one did: one that comes as a file may be the thief's.
    """
    record = records.parse(raw)
    if isinstance(record, SignedWithdrawal):
        raise LocalError(
            f"this is a withdrawal: it takes back record {record.claims.withdraws.record_id.hex()}",
            next_step="There is nothing in it to open. Erase what you have of that record.",
        )
    revoked = False
    try:
        registry.verify(record)
    except RevokedError as fault:
        if arrived_at is None:
            raise RevokedError(
                f"{fault.what}; nothing shows that this record is older",
                next_step="Open it by its id from the intake's store, if it came in before.",
            ) from fault
        revoked = True
    report = reports.read(sealing.open_record(record, key), record.claims)
    known = arrived_at is not None or record.claims.issued_at
    ends_at = record.claims.ends_at(arrived_at or 0) if known else None
    return Opened(record.claims, record.sha256, report, revoked, ends_at)
