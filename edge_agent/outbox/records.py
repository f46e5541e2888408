"""What the outbox takes and gives, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Link:
    """A record's place in the chain, to be sealed into it: what lets the central side prove that nothing is missing.

    `epoch` is 16 random bytes, one life of the outbox's file; `seq` counts its records from 1; `previous` is the
    SHA-256 of the sealed record before, zeros for the first of an epoch.
    """

    epoch: bytes
    seq: int
    previous: bytes


class State(StrEnum):
    """How far a record has come."""

    QUEUED = "queued"
    SENT = "sent"  # handed to a broker at least once: it may have arrived, and may need sending again
    RECEIPTED = "receipted"  # the intake keeps it; the bytes are gone from here
    TAKEN_BACK = "taken-back"  # whoever it is of took it back; the bytes are destroyed, the withdrawal is under way


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, without its bytes. `size` is in bytes, `sha256` is that of the sealed record."""

    record_id: bytes
    epoch: bytes
    seq: int
    sha256: bytes
    size: int
    state: State


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait here.

    `max_bytes` and `max_records` bound the records without a receipt; `keep_free_bytes` of the file system are left
    to others, and are what lets a consented report in even when others have filled the disk meanwhile.
    """

    max_bytes: int
    max_records: int
    keep_free_bytes: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for a receipt."""

    records: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Room:
    """What may still come: so many records, so many bytes, whichever ends first."""

    records: int
    bytes: int


class Settlement(StrEnum):
    """What a receipt did."""

    SETTLED = "settled"  # the record is let go
    ALREADY = "already"  # it was let go before
    UNKNOWN = "unknown"  # no such record here, or forgotten long ago; nothing changed
    OTHER_BYTES = "other-bytes"  # the receipt is for other bytes than ours; nothing changed
    TAKEN_BACK = "taken-back"  # its bytes were destroyed before; nothing changed, the withdrawal still has to arrive


class Fate(StrEnum):
    """What became of a record when a damaged outbox was salvaged."""

    SAVED = "saved"  # whole, and waiting again
    RECEIPTED = "receipted"  # the intake has it
    TAKEN_BACK = "taken-back"  # destroyed on purpose, before a receipt
    LOST = "lost"  # it was waiting, and its bytes can't be read any more
    UNKNOWN = "unknown"  # no trace: receipted and forgotten long ago, or lost


@dataclass(frozen=True, slots=True)
class Span:
    """Records `first` to `last` of an epoch, both included, shared one fate."""

    epoch: bytes
    first: int
    last: int
    fate: Fate


@dataclass(frozen=True, slots=True)
class Salvage:
    """One damage: the name of the file that was set aside, and what became of each record that left a trace.

    The spans cover every sequence number from 1 to the highest that can still be seen. Past that, the central side
    knows better: it sees the new epoch and has the highest number from the kiosk's last status.
    """

    set_aside: str
    spans: tuple[Span, ...]

    def count(self, fate: Fate) -> int:
        """Count the records of one fate."""
        return sum(span.last - span.first + 1 for span in self.spans if span.fate is fate)
