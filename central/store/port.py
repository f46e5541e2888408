"""What a store of sealed records does, as Protocols. Every store passes the contract tests in tests/contracts/store.

A store never sees the inside of a record. It settles, in one transaction, what only it can know: whether a record is
new, here already, or claims a place that other bytes have; and whether what a withdrawal takes back is here.

Records end: by a person's withdrawal at once, otherwise when what was consented to ends. Their bytes are then erased. A
tombstone stays, for ever, so that nothing is taken in again that was erased, and no number seems to be missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from types import TracebackType

    from edge_agent.wire.roll import TrustPart, What
    from edge_agent.wire.sealing import Claims
    from edge_agent.wire.withdrawal import DeskWithdrawal, Withdrawal


# -- What goes in ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record that was verified: a sealed report or a withdrawal. `sha256` is of `raw`, its bytes."""

    topic: str
    raw: bytes
    sha256: bytes
    claims: Claims | Withdrawal


@dataclass(frozen=True, slots=True)
class Refusal:
    """Bytes that could not be verified, and why: an error's code and its words.

    `claims` is what they say of themselves, where they have the form of a record and somebody looked.
    `duplicate_if_held` is for bytes whose only fault is that their kiosk was revoked: if they came before that, they
    are here. `astray` is what came by no topic of this fleet's records: nobody waits for an answer there.
    """

    topic: str
    raw: bytes
    sha256: bytes
    reason: str
    explanation: str
    claims: Claims | Withdrawal | None = None
    duplicate_if_held: bool = False
    astray: bool = False

    @property
    def record_id(self) -> bytes | None:
        """The id that they name."""
        return None if self.claims is None else self.claims.record_id


@dataclass(frozen=True, slots=True)
class Recall:
    """A caseworker's withdrawal that was verified; `raw` is its signed bytes. It has no place in a chain."""

    raw: bytes
    content: DeskWithdrawal


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a kiosk's chain has come, by its own signed word."""

    epoch: bytes
    highest_seq: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A status message. `reach` is there when its health was verified, `doubt` (an error's code) when it failed."""

    kiosk: str
    online: bool
    message: bytes
    reach: Reach | None = None
    doubt: str | None = None


Entry = Sealed | Refusal | Heard | Recall


class Fate(StrEnum):
    """What became of an entry."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # exactly these bytes were here
    REPLAYED = "replayed"  # its record id or its place in the chain is taken by other bytes: into quarantine
    REFUSED = "refused"  # into quarantine
    HEARD = "heard"
    # A record that is not kept:
    WITHDRAWN = "withdrawn"  # it was taken back
    EXPIRED = "expired"  # what was consented to has ended
    # A withdrawal:
    ERASED = "erased"  # what it takes back was here, and is no more
    NOT_HELD = "not-held"  # what it takes back was never here, and will not be kept if it comes
    ERASED_AGAIN = "erased-again"  # the same withdrawal was here before
    NOT_HELD_AGAIN = "not-held-again"
    FOREIGN = "foreign"  # what it takes back is another kiosk's: into quarantine, nothing erased


# -- What comes out ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """A record in the store, without its bytes. Times are in seconds since 1970.

    A withdrawal is one too: `withdraws` names what it takes back. It says nothing of a person, and has no end.
    """

    record_id: bytes
    kiosk: str
    issued_at: int  # by the kiosk's clock
    arrived_at: int  # by the intake's clock
    sha256: bytes
    size: int  # in bytes
    ends_at: int | None  # when its bytes must go
    withdraws: bytes | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What stays of a record whose bytes were erased: PFIF's four fields, and why. Times are in seconds since 1970.

    PFIF calls them person_record_id, source_date, entry_date and expiry_date. The three times are None of a record that
    was taken back and never came. `withdrawal` is the signed word of the caseworker who took it back, if one did; a
    kiosk's is a record of its own.
    """

    record_id: bytes
    kiosk: str
    issued_at: int | None
    arrived_at: int | None
    ends_at: int | None
    erased_at: int
    because: str  # receipts.WITHDRAWN or receipts.EXPIRED
    withdrawal: bytes | None


@dataclass(frozen=True, slots=True)
class Link:
    """A record's place in its kiosk's chain, also of one that was erased.

    `previous` is None of one that was taken back and never came.
    """

    epoch: bytes
    seq: int
    previous: bytes | None
    sha256: bytes
    arrived_at: int | None = field(default=None, compare=False)  # in seconds since 1970 by the intake's clock


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Bytes in quarantine, without the bytes. Times are in seconds since 1970 by the intake's clock."""

    number: int
    topic: str
    sha256: bytes
    reason: str
    explanation: str
    first_at: int
    last_at: int
    arrivals: int
    size: int  # in bytes
    ends_at: int  # when its bytes must go


@dataclass(frozen=True, slots=True)
class LatestStatus:
    """The last status message of a kiosk, and when it came, in seconds since 1970 by the intake's clock."""

    kiosk: str
    online: bool
    message: bytes
    at: int
    doubt: str | None


@dataclass(frozen=True, slots=True)
class Erasure:
    """How much was erased at its end."""

    records: int
    quarantined: int


class Reader(Protocol):
    """Reads a store. All raise StoreError when it can't be read."""

    def records(self) -> Iterator[Kept]:
        """Go through all records that are not erased, in the order of their arrival."""
        ...

    def tombstones(self) -> Iterator[Tombstone]:
        """Go through what stays of erased records, in the order of the records' arrival."""
        ...

    def ended(self, at: int) -> Iterator[Kept]:
        """Go through the records whose end has come at `at`: those that `Keeper.erase_ended` would erase."""
        ...

    def find(self, record_id: bytes) -> Kept | Tombstone | None:
        """Find a record, or what stays of it; None when it was never here."""
        ...

    def sealed(self, record_id: bytes) -> bytes | None:
        """Give a record's bytes, None when there are none."""
        ...

    def kiosks(self) -> list[str]:
        """Name every kiosk of which there is a record or a verified health, in order."""
        ...

    def chain(self, kiosk: str) -> list[Link]:
        """Give the places of a kiosk's records, in the order of their arrival."""
        ...

    def epochs(self, kiosk: str) -> list[bytes]:
        """Name the epochs of a kiosk's chain. What that costs does not grow with the records in them."""
        ...

    def numbers(self, kiosk: str, epoch: bytes, first: int, last: int | None = None) -> list[int]:
        """Give the sequence numbers of a kiosk's records in an epoch, from `first` to `last`, in order.

        Also of those that were erased, or taken back before they came.
        """
        ...

    def reach(self, kiosk: str) -> Mapping[bytes, int]:
        """Give the highest sequence number that the kiosk has vouched for, by epoch."""
        ...

    def quarantined(self) -> Iterator[Quarantined]:
        """Go through the quarantine, in the order of first arrival."""
        ...

    def quarantined_bytes(self, number: int) -> bytes | None:
        """Give the bytes of one entry of the quarantine, None when there is no such entry."""
        ...

    def statuses(self) -> list[LatestStatus]:
        """Give the latest status of every kiosk, in the order of their names."""
        ...

    def shared(self, what: What, above: int) -> bytes | None:
        """Give the newest signed document, None when none has a version above that. Nothing of it is believed."""
        ...

    def close(self) -> None:
        """Let go. Calling it twice is fine."""
        ...

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...


class Store(Reader, Protocol):
    """Reads and writes. Any number may, in several programs: nobody's transaction gets between another's."""

    def commit(self, entries: Sequence[Entry], at: int) -> Future[list[Fate]]:
        """Begin to keep all entries, or none; the result says what became of each, in order.

        `at` is the time in seconds since 1970. Once there is a result, a power cut loses nothing of it: nobody is told
        anything before. One commit follows the other, and the caller can use the time that the disk takes. Raises
        StoreError, here or as the result, when nothing was kept.

        - A record is stored once; its id, and its kiosk's epoch and sequence number, belong to its bytes for ever, also
          when those are erased. What comes again is then answered by why it was erased, and not kept.
        - A withdrawal erases what it names, in the store and in the quarantine, before anybody is told so. It must name
          it exactly, and as of its own kiosk (edge_agent/wire/withdrawal.py has the rules).
        - The quarantine holds one entry for the same bytes by the same topic, however often they come; it ends when
          they are stored after all. What was erased is not in it, nor what was taken back, nor other bytes that say
          that they are such a record; each kiosk speaks for its own records alone.
        """
        ...

    def gather(self, part: TrustPart) -> bytes | None:
        """Keep one part of a signed document; give the whole once all of that version are here. Raises StoreError.

        Nothing of it is believed: any of those who share the store may have brought a part.
        """
        ...

    def share(self, what: What, version: int, whole: bytes) -> None:
        """Keep a signed document for all who share the store, in the place of an older one. Raises StoreError."""
        ...

    def floor(self, document: str) -> int:
        """Give the lowest version of a signed document that is still taken: 1 when none was ever raised."""
        ...

    def raise_floor(self, document: str, version: int) -> None:
        """Take no older version of a signed document from now on. A floor never sinks. Raises StoreError."""
        ...


class Keeper(Protocol):
    """Erases what has ended."""

    def erase_ended(self, at: int) -> Erasure:
        """Erase the bytes of every record and every entry of the quarantine whose end has come at `at`.

        `at` is in seconds since 1970. A store may take whole days together, and erase at the end of the last one.
        Raises StoreError.
        """
        ...

    def sweep(self, before: int) -> int:
        """Delete the bytes that were written before a time, and of which nothing speaks; return how many that were.

        `before` is in seconds since 1970. A crash leaves such where bytes are kept apart from the rest. Leave a day: an
        intake that waits for its database speaks of them later. Raises StoreError.
        """
        ...

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...
