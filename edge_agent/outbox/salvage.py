"""Exchange a damaged outbox for a sound one that holds every record that can still be proved.

Killed or cut off at any point, it can be run again: the damaged file stays under its own name, linked under a second
one, until a finished file takes its place in one rename.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from edge_agent.outbox import database, faults
from edge_agent.outbox.database import Label
from edge_agent.outbox.pages import Pages
from edge_agent.outbox.records import Fate, Salvage, Span, State
from edge_agent.wire.sealing import ID_BYTES, MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.outbox.database import Database
    from edge_agent.outbox.pages import Row

_LONGEST_ROW: Final = MAX_RECORD_BYTES + 256


def found_if_missing(path: Path, patience: float) -> None:
    """Make a new outbox at `path` if there is none. To be called alone, behind the gate."""
    with faults.told(path):
        if not path.exists():
            with closing(_fresh(path, patience)):
                pass
            _put_in_place(path, _damaged_name(path))


def salvage(path: Path, patience: float) -> None:
    """Set the damaged file at `path` aside and put a sound one in its place. To be called alone, behind the gate."""
    with faults.told(path):
        _roll_back_what_was_begun(path)
        aside = _damaged_name(path)
        if not aside.exists():
            aside.hardlink_to(path)
        _sync_folder(path)
        with closing(_fresh(path, patience)) as fresh, aside.open("rb") as damaged:
            _save(fresh, damaged.fileno(), aside.name)
        _put_in_place(path, aside)


def salvages(source: Database) -> tuple[Salvage, ...]:
    """Give the reports of all salvages of an outbox, oldest first."""
    rows = source.execute("SELECT place, set_aside, epoch, first, last, fate FROM salvage ORDER BY place")
    reports = [_report(list(row)) for row in rows]
    if None in reports:
        raise faults.damaged(source.path, "the report of an earlier salvage is unreadable")
    by_name = groupby((report for report in reports if report), key=itemgetter(0))
    return tuple(Salvage(name, tuple(span for _, span in spans)) for name, spans in by_name)


# -- Files -------------------------------------------------------------------------------------------------------------


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.stem + ending)


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-journal")


def _damaged_name(path: Path) -> Path:
    """Choose the name to set aside under: the one that a cut-off run has given already, or the next free one."""
    for number in count(1):
        aside = _beside(path, f".damaged-{number}")
        if not aside.exists():
            return aside
        if path.exists() and aside.samefile(path):
            return aside
    raise AssertionError  # pragma: no cover  # count() does not end


def _roll_back_what_was_begun(path: Path) -> None:
    """Let SQLite undo a transaction that was cut off, if it still can, before the pages are read without it."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_schema")


def _fresh(path: Path, patience: float) -> Database:
    """Found a new outbox, a new epoch, under the name that nobody reads."""
    new = _beside(path, ".new")
    for leftover in (new, _journal(new)):
        leftover.unlink(missing_ok=True)
    return database.found(new, patience, secrets.token_bytes(ID_BYTES))


def _put_in_place(path: Path, aside: Path) -> None:
    """Give the finished file its name; a journal that belongs to another file must not be rolled back into it."""
    new = _beside(path, ".new")
    _journal(new).unlink(missing_ok=True)
    journal = _journal(path)
    if journal.exists() and journal.stat().st_size:
        journal.rename(_journal(aside))
        _sync_folder(path)
    new.rename(path)
    _sync_folder(path)


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# -- Records -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    """What the damaged file still tells, by place: the ledger, whole records (without their bytes), past reports."""

    ledger: dict[int, tuple[Label, State]] = field(default_factory=dict)
    whole: dict[int, Label] = field(default_factory=dict)
    adrift: set[int] = field(default_factory=set)  # places whose bytes hung in no tree
    reports: dict[int, tuple[str, Span]] = field(default_factory=dict)

    def take_in(self, row: Row) -> None:
        """Note what a row is, by what it can prove. Of two for one place the first counts: it hung in a tree."""
        report, label, entry = _report(row.values), _whole(row.values), _ledger_row(row.values)
        if report:
            self.reports.setdefault(row.values[0], report)
        elif label and label.place not in self.whole:
            self.whole[label.place] = label
            if not row.in_tree:
                self.adrift.add(label.place)
        elif entry:
            self.ledger.setdefault(entry[0].place, entry)

    def settle(self) -> None:
        """Drop bytes that the ledger knows better: another label was committed there, or they were let go."""
        for place in self.whole.keys() & self.ledger.keys():
            label, state = self.ledger[place]
            let_go = state is State.RECEIPTED and place in self.adrift
            if let_go or self.whole[place] != label:
                del self.whole[place]

    def fates(self) -> dict[int, tuple[Label, Fate]]:
        """Say of each place what became of its record."""
        noted = {place: (label, _FATE_WITHOUT_BYTES[state]) for place, (label, state) in self.ledger.items()}
        return noted | {place: (label, Fate.SAVED) for place, label in self.whole.items()}

    def state(self, label: Label) -> State:
        """Say how far a whole record had come. When in doubt it was sent, and may need sending again."""
        _, state = self.ledger.get(label.place, (label, State.SENT))
        return State.QUEUED if state is State.QUEUED else State.SENT


_FATE_WITHOUT_BYTES: Final = {
    State.QUEUED: Fate.LOST,
    State.SENT: Fate.LOST,
    State.RECEIPTED: Fate.RECEIPTED,
}


def _save(fresh: Database, damaged: int, name: str) -> None:
    """Write into the fresh outbox what can be proved, and a report of all the rest. One transaction."""
    size = os.fstat(damaged).st_size
    pages = Pages(mmap.mmap(damaged, size, access=mmap.ACCESS_READ) if size else b"", database.PAGE_BYTES)
    found = _Found()
    for row in _rows(pages):
        found.take_in(row)
    found.settle()
    fates = found.fates()
    with fresh.writing():
        for tombstone, fate in fates.values():
            if fate is Fate.RECEIPTED:
                database.enter(fresh, tombstone, State.RECEIPTED, None)
        for row in _rows(pages):  # once more, so that no more than one record is in memory at a time
            label = _whole(row.values)
            if label and found.whole.get(label.place) == label:
                database.enter(fresh, label, found.state(label), row.values[-1])
                del found.whole[label.place]
        reports = [report for _, report in sorted(found.reports.items())]
        for set_aside, span in (*reports, *((name, span) for span in _spans(fates))):
            fresh.execute(
                "INSERT INTO salvage (set_aside, epoch, first, last, fate) VALUES (?, ?, ?, ?, ?)",
                (set_aside, span.epoch, span.first, span.last, span.fate),
            )


def _rows(pages: Pages) -> Iterator[Row]:
    return pages.rows(database.ROOTS, _LONGEST_ROW)


def _ledger_row(row: list[Any]) -> tuple[Label, State] | None:
    label, state = Label.of(row[:-1]), database.STATE_OF.get(row[-1])
    return (label, state) if label and state else None


def _whole(row: list[Any]) -> Label | None:
    """Read a sealed record's label; None unless the bytes are all there and hash to what the label says."""
    label = Label.of(row[:-1])
    sealed = row[-1]
    if label is None or not isinstance(sealed, bytes) or hashlib.sha256(sealed).digest() != label.sha256:
        return None
    return label


def _report(row: list[Any]) -> tuple[str, Span] | None:
    match row:
        case [_, str(name), bytes(epoch), int(first), int(last), str(fate)] if fate in set(Fate):
            return name, Span(epoch, first, last, Fate(fate))
        case _:
            return None


def _spans(fates: dict[int, tuple[Label, Fate]]) -> Iterator[Span]:
    """Account for every number of every epoch, from 1 to the highest that left a trace."""
    by_epoch: dict[bytes, dict[int, Fate]] = {}
    for _, (label, fate) in sorted(fates.items()):
        by_epoch.setdefault(label.epoch, {})[label.seq] = fate
    for epoch, known in by_epoch.items():
        numbers = range(1, max(known) + 1)
        for fate, run in groupby(numbers, key=lambda seq: known.get(seq, Fate.UNKNOWN)):
            first, *_, last = (*run,) * 2
            yield Span(epoch, first, last, fate)
