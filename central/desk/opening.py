"""Opening a record: every check that the intake made is made again, then those that need the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.errors import RevokedError
from edge_agent.wire import report as reports
from edge_agent.wire import sealing

if TYPE_CHECKING:
    from edge_agent.wire.keys import RecipientPrivateKey
    from edge_agent.wire.registry import Registry
    from edge_agent.wire.report import Report
    from edge_agent.wire.sealing import Claims


@dataclass(frozen=True, slots=True)
class Opened:
    """A report that holds in every respect. `revoked` says that its kiosk was taken out of service later on."""

    claims: Claims
    sha256: bytes
    report: Report
    revoked: bool

    @property
    def record_id(self) -> str:
        """The record's id in hexadecimal."""
        return self.claims.record_id.hex()


def open_sealed(raw: bytes, registry: Registry, key: RecipientPrivateKey, *, from_store: bool) -> Opened:
    """Open a record and hold the report inside against everything outside.

    Raises a WireError for whatever does not hold: form, signer, signature, topic, key, padding, the consent's hash, or
    a report without consent to tracing (the report's own form excludes that). A revoked kiosk's record opens only
    `from_store`: an intake took it in before; one that comes as a file may be the thief's.
    """
    record = sealing.parse_record(raw)
    revoked = False
    try:
        registry.verify(record)
    except RevokedError as fault:
        if not from_store:
            raise RevokedError(
                f"{fault.what}; nothing shows that this record is older",
                next_step="Open it by its id from the intake's store, if it came in before.",
            ) from fault
        revoked = True
    report = reports.read(sealing.open_record(record, key), record.claims)
    return Opened(record.claims, record.sha256, report, revoked)
