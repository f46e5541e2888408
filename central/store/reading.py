"""Reading a store by SQL that SQLite and PostgreSQL read alike. Where a record's bytes are, each says for itself.

Values are marked by `?` in every statement here, whichever the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from central.store import documents
from central.store.port import Kept, LatestStatus, Link, Quarantined, Tombstone
from edge_agent.wire.receipts import WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import ExitStack
    from types import TracebackType

    from edge_agent.wire.roll import What

Row = tuple[Any, ...]

_KEPT: Final = "SELECT record_id, kiosk, issued_at, arrived_at, sha256, {size}, ends_at, withdraws FROM records"
_TOMBSTONE: Final = (
    "SELECT record_id, kiosk, issued_at, arrived_at, ends_at, erased_at, because, withdrawal FROM records"
)
_NEVER_CAME: Final = """
FROM recalled r WHERE NOT EXISTS (SELECT 1 FROM records s WHERE s.record_id = r.record_id AND s.kiosk = r.kiosk)
"""
_QUARANTINED: Final = """
SELECT number, topic, sha256, reason, explanation, first_at, last_at, arrivals, length(bytes), ends_at
FROM quarantine ORDER BY number
"""
# From one epoch to the next by the index over places: it looks at no other record.
_EPOCHS: Final = """
WITH RECURSIVE step (epoch) AS (
    SELECT (SELECT epoch FROM records WHERE kiosk = ? ORDER BY epoch LIMIT 1)
    UNION ALL
    SELECT (SELECT epoch FROM records r WHERE kiosk = ? AND r.epoch > step.epoch ORDER BY r.epoch LIMIT 1)
    FROM step WHERE step.epoch IS NOT NULL
)
SELECT epoch FROM step WHERE epoch IS NOT NULL
UNION SELECT epoch FROM recalled WHERE kiosk = ? UNION SELECT epoch FROM reaches WHERE kiosk = ? ORDER BY 1
"""
_REACH: Final = "SELECT epoch, highest_seq FROM reaches WHERE kiosk = ?"
_LAST: Final = 2**63 - 1


class SqlReader:
    """What both databases answer alike. `resources` is closed with it.

    `rows` gives a few rows; `many` gives them as they come, never all at once, for there may be millions. Both raise
    StoreError.
    """

    _size: ClassVar[str]  # a record's size in bytes, as an expression
    _heard_first: ClassVar[str]  # a column of `reaches` that grows with each row

    def __init__(
        self, resources: ExitStack, rows: Callable[..., list[Row]], many: Callable[..., Iterator[Row]]
    ) -> None:
        self._resources = resources
        self._rows = rows
        self._many = many

    def records(self) -> Iterator[Kept]:
        """Go through all records that are not erased, in the order of their arrival."""
        yield from self._kept("erased_at IS NULL")

    def tombstones(self) -> Iterator[Tombstone]:
        """Go through what stays of erased records, in the order of the records' arrival."""
        never_came = f"SELECT record_id, kiosk, NULL, NULL, NULL, at, ?, withdrawal {_NEVER_CAME}"
        yield from (Tombstone(*row) for row in self._many(f"{_TOMBSTONE} WHERE erased_at IS NOT NULL ORDER BY number"))
        yield from (Tombstone(*row) for row in self._many(never_came, WITHDRAWN))

    def find(self, record_id: bytes) -> Kept | Tombstone | None:
        """Find a record, or what stays of it; None when it was never here."""
        for row in self._rows(f"{self._select} WHERE record_id = ? AND erased_at IS NULL", record_id):
            return Kept(*row)
        for row in self._rows(f"{_TOMBSTONE} WHERE record_id = ? AND erased_at IS NOT NULL", record_id):
            return Tombstone(*row)
        return None

    def kiosks(self) -> list[str]:
        """Name every kiosk of which there is a record or a verified health, in order."""
        query = "SELECT kiosk FROM records UNION SELECT kiosk FROM reaches ORDER BY 1"
        return [kiosk for (kiosk,) in self._rows(query)]

    def chain(self, kiosk: str) -> list[Link]:
        """Give the places of a kiosk's records, in the order of their arrival."""
        came = "SELECT epoch, seq, previous, sha256, arrived_at FROM records WHERE kiosk = ? ORDER BY number"
        never_came = f"SELECT epoch, seq, NULL, sha256, NULL {_NEVER_CAME} AND kiosk = ?"
        return [Link(*row) for query in (came, never_came) for row in self._rows(query, kiosk)]

    def epochs(self, kiosk: str) -> list[bytes]:
        """Name the epochs of a kiosk's chain."""
        return [epoch for (epoch,) in self._rows(_EPOCHS, kiosk, kiosk, kiosk, kiosk)]

    def numbers(self, kiosk: str, epoch: bytes, first: int, last: int | None = None) -> list[int]:
        """Give the sequence numbers of a kiosk's records in an epoch, from `first` to `last`, in order."""
        asked = (kiosk, epoch, first, _LAST if last is None else last)
        came = "SELECT seq FROM records WHERE kiosk = ? AND epoch = ? AND seq BETWEEN ? AND ?"
        never_came = f"SELECT seq {_NEVER_CAME} AND kiosk = ? AND epoch = ? AND seq BETWEEN ? AND ?"
        return sorted({seq for query in (came, never_came) for (seq,) in self._rows(query, *asked)})

    def reach(self, kiosk: str) -> Mapping[bytes, int]:
        """Give the highest sequence number that the kiosk has vouched for, by epoch."""
        return dict(self._rows(f"{_REACH} ORDER BY {self._heard_first}", kiosk))

    def quarantined(self) -> Iterator[Quarantined]:
        """Go through the quarantine, in the order of first arrival."""
        yield from (Quarantined(*row) for row in self._many(_QUARANTINED))

    def quarantined_bytes(self, number: int) -> bytes | None:
        """Give the bytes of one entry of the quarantine, None when there is no such entry."""
        for (found,) in self._rows("SELECT bytes FROM quarantine WHERE number = ?", number):
            content: bytes = found
            return content
        return None

    def statuses(self) -> list[LatestStatus]:
        """Give the latest status of every kiosk, in the order of their names."""
        rows = self._rows("SELECT kiosk, online, message, at, doubt FROM statuses ORDER BY kiosk")
        return [LatestStatus(kiosk, bool(online), message, at, doubt) for kiosk, online, message, at, doubt in rows]

    def shared(self, what: What, above: int) -> bytes | None:
        """Give the newest signed document, None when none has a version above that."""
        return documents.shared(self._rows, what, above)

    def close(self) -> None:
        """Let go, once what was begun is kept. Calling it twice is fine."""
        self._resources.close()

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    @property
    def _select(self) -> str:
        return _KEPT.format(size=self._size)

    def _kept(self, condition: str, *values: Any) -> Iterator[Kept]:
        query = f"{self._select} WHERE {condition} ORDER BY number"
        yield from (Kept(*row) for row in self._many(query, *values))
