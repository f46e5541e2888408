"""Where a ledger's bytes are when they are not beside its rows: what such a place does, and how it names them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

from edge_agent.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime


class BlobsError(StoreError):
    """The place is away, or refuses us. Trying again may help."""

    code = "blobs"


@dataclass(frozen=True, slots=True)
class Name:
    """What bytes are named by: the day on which they end, in UTC, and their SHA-256."""

    day: date
    sha256: bytes

    @property
    def key(self) -> str:
        """As text, in the order of days."""
        return f"{self.day.isoformat()}/{self.sha256.hex()}"

    @classmethod
    def of(cls, key: str) -> Name:
        """Read it back. Raises ValueError for a key that is not ours."""
        day, _, digest = key.partition("/")
        return cls(date.fromisoformat(day), bytes.fromhex(digest))


class Blobs(Protocol):
    """All raise BlobsError."""

    def check(self) -> None:
        """Find out whether the place is there for us."""
        ...

    def put(self, contents: Sequence[tuple[Name, bytes]]) -> None:
        """Write; return once all are kept. What is there already is the same, and stays."""
        ...

    def get(self, name: Name) -> bytes | None:
        """Read, None when nothing is there. Raises BlobsError for what is not what its name says."""
        ...

    def delete(self, names: Sequence[Name]) -> None:
        """Delete; what is not there is fine."""
        ...

    def delete_before(self, day: date) -> None:
        """Delete all that ended before a day."""
        ...

    def names(self) -> Iterator[tuple[Name, datetime]]:
        """Go through all, in the order of days, each with when it was written."""
        ...
