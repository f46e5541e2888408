"""How entries become rows in PostgreSQL, many at once. `postgres_writer` decides which, and in what order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from central.store.postgres import day_of
from central.store.rules import end_of, end_of_refused, report_of
from edge_agent.wire.withdrawal import Withdrawal

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    import psycopg

    from central.store.port import Heard, Refusal, Sealed
    from central.store.reading import Row

Key = tuple[bytes, bytes]  # a record's id and its SHA-256

_INSERT_RECORDS: Final = """
INSERT INTO records (record_id, kiosk, epoch, seq, previous, sha256, issued_at, arrived_at, ends_at, day, size,
                     withdraws, withdrawal, erased_at, because)
SELECT * FROM unnest(%b::bytea[], %b::text[], %b::bytea[], %b::bigint[], %b::bytea[], %b::bytea[], %b::bigint[],
                     %b::bigint[], %b::bigint[], %b::date[], %b::integer[],
                     %b::bytea[], %b::bytea[], %b::bigint[], %b::text[])
ON CONFLICT DO NOTHING RETURNING record_id, sha256, because
"""  # in the order of the entries: the first to claim a place has it
_COPY_SEALED: Final = "COPY sealed (day, record_id, bytes) FROM STDIN (FORMAT BINARY)"
_QUARANTINE: Final = """
INSERT INTO quarantine AS q (sha256, topic, reason, explanation, first_at, last_at, arrivals, ends_at, bytes,
                             kiosk, record_id)
VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)
ON CONFLICT (sha256, topic) DO UPDATE SET
    reason = excluded.reason, explanation = excluded.explanation,
    last_at = excluded.last_at, arrivals = q.arrivals + excluded.arrivals, ends_at = excluded.ends_at,
    kiosk = coalesce(excluded.kiosk, q.kiosk), record_id = coalesce(excluded.record_id, q.record_id)
"""
_RELEASE: Final = """
DELETE FROM quarantine USING unnest(%b::bytea[], %b::text[]) AS stored (sha256, topic)
WHERE quarantine.sha256 = stored.sha256 AND quarantine.topic = stored.topic
"""
_HEAR: Final = """
INSERT INTO statuses (kiosk, online, at, doubt, message) VALUES (%b, %b, %b, %b, %b)
ON CONFLICT (kiosk) DO UPDATE SET
    online = excluded.online, at = excluded.at, doubt = excluded.doubt, message = excluded.message
WHERE excluded.at >= statuses.at
"""
_REACH: Final = """
INSERT INTO reaches AS r (kiosk, epoch, highest_seq) VALUES (%b, %b, %b)
ON CONFLICT (kiosk, epoch) DO UPDATE SET highest_seq = greatest(r.highest_seq, excluded.highest_seq)
"""


def insert_records(
    connection: psycopg.Connection, records: Sequence[Sealed], because: Sequence[str | None], at: int
) -> list[tuple[Key, str | None]]:
    """Write records into the ledger, without their bytes; return those that were new, each with why it isn't kept."""
    rows = [_row(entry, why, at) for entry, why in zip(records, because, strict=True)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    new = connection.execute(_INSERT_RECORDS, columns, binary=True).fetchall()
    return [((record_id, sha256), why) for record_id, sha256, why in new]


def copy_sealed(connection: psycopg.Connection, reports: Sequence[Sealed], at: int) -> None:
    """Write the sealed bytes of reports."""
    if not reports:
        return
    with connection.cursor() as cursor, cursor.copy(_COPY_SEALED) as copy:
        copy.set_types(("date", "bytea", "bytea"))
        for entry in reports:
            copy.write_row((last_day(entry, at), entry.claims.record_id, entry.raw))


def release(connection: psycopg.Connection, stored: Collection[Sealed]) -> None:
    """Take out of the quarantine what is stored now."""
    connection.execute(_RELEASE, ([entry.sha256 for entry in stored], [entry.topic for entry in stored]))


def refuse(connection: psycopg.Connection, refusals: Sequence[Refusal], at: int) -> None:
    """Write bytes into the quarantine; those that are there already came once more."""
    times = Counter((refusal.sha256, refusal.topic) for refusal in refusals)
    latest = {(refusal.sha256, refusal.topic): refusal for refusal in refusals}
    rows = [
        (
            *(r.sha256, r.topic, r.reason, r.explanation, at, at, times[key], end_of_refused(r, at), r.raw),
            *(report_of(r) or (None, None)),
        )
        for key, r in latest.items()
    ]
    _each(connection, _QUARANTINE, rows)


def hear(connection: psycopg.Connection, heard: Sequence[Heard], at: int) -> None:
    """Write what kiosks last said of themselves, and how far their chains reach."""
    latest = {entry.kiosk: entry for entry in heard}
    _each(connection, _HEAR, sorted((e.kiosk, e.online, at, e.doubt, e.message) for e in latest.values()))
    reaches: dict[tuple[str, bytes], int] = {}
    for entry in heard:
        if entry.reach is not None:
            place = (entry.kiosk, entry.reach.epoch)
            reaches[place] = max(reaches.get(place, 0), entry.reach.highest_seq)
    _each(connection, _REACH, [(*place, highest) for place, highest in reaches.items()])


def key_of(entry: Sealed) -> Key:
    """Give what tells a record's bytes from all others."""
    return entry.claims.record_id, entry.sha256


def last_day(entry: Sealed, at: int) -> date | None:
    """Give the day, in UTC, on which a record ends, and in whose partition its bytes are; None for a withdrawal."""
    ends_at = end_of(entry.claims, at)
    return None if ends_at is None else day_of(ends_at)


def _row(entry: Sealed, because: str | None, at: int) -> Row:
    claims = entry.claims
    withdrawal = (claims.withdraws.record_id, entry.raw) if isinstance(claims, Withdrawal) else (None, None)
    return (
        *(claims.record_id, claims.kiosk, claims.epoch, claims.seq, claims.previous, entry.sha256),
        *(claims.issued_at, at, end_of(claims, at), last_day(entry, at), len(entry.raw)),
        *withdrawal,
        *(at if because else None, because),
    )


def _each(connection: psycopg.Connection, query: str, rows: Sequence[Row]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(query, rows)
