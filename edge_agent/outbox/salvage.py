"""Exchange a damaged outbox for a sound one that holds every record that can still be proved.

Killed or cut off at any point, it can be run again: the damaged file stays under its own name, linked under a second
one, until a finished file takes its place in one rename.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from itertools import count, groupby
from typing import TYPE_CHECKING, NamedTuple

from edge_agent.outbox import exchange, faults, frames
from edge_agent.outbox.exchange import Draft
from edge_agent.outbox.frame_file import erase, sync_folder
from edge_agent.outbox.frames import BLOCK, HEADER_BYTES, Kind, Note
from edge_agent.outbox.records import Fate, Salvage, Span, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.outbox.frames import Frame, Label, Mark


def salvage(path: Path, mark: Mark | None) -> None:
    """Set the damaged file at `path` aside and put a sound one in its place. To be called behind the gate.

    `mark` is what the file was known to hold.
    """
    with faults.told(path):
        aside = _damaged_name(path)
        if not aside.exists():
            aside.hardlink_to(path)
        sync_folder(path)
        damaged = os.open(aside, os.O_RDWR | os.O_CLOEXEC)
        try:
            _save(path, damaged, aside.name, mark)
        finally:
            os.close(damaged)


def erase_in_damaged(path: Path, label: Label) -> None:
    """Take the bytes of a record out of the files that were set aside, too. To be called behind the gate."""
    with faults.told(path):
        for aside in _damaged_files(path):
            damaged = os.open(aside, os.O_RDWR | os.O_CLOEXEC)
            try:
                for piece in _pieces(damaged):
                    if piece.frame.label == label:
                        erase(damaged, piece.at, label.size)
                os.fsync(damaged)
            finally:
                os.close(damaged)


# -- Files -------------------------------------------------------------------------------------------------------------


def _damaged_files(path: Path) -> Iterator[Path]:
    for number in count(1):
        aside = exchange.beside(path, f".damaged-{number}")
        if not aside.exists():
            return
        yield aside


def _damaged_name(path: Path) -> Path:
    """Choose the name to set aside under: the one that a cut-off run has given already, or the next free one."""
    number = 1
    for aside in _damaged_files(path):
        if aside.samefile(path):
            return aside
        number += 1
    return exchange.beside(path, f".damaged-{number}")


# -- Records -----------------------------------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """A frame that was found somewhere in a file, and what stands behind its header."""

    at: int
    frame: Frame
    payload: bytes

    @property
    def whole(self) -> bool:
        return self.frame.proves(self.payload)


def _pieces(damaged: int) -> Iterator[_Piece]:
    """Look for frames on every block of a file, but for those that a whole frame takes."""
    at, size = 0, os.fstat(damaged).st_size
    while at < size:
        frame = frames.read(os.pread(damaged, BLOCK, at))
        if frame is None:
            at += BLOCK
            continue
        piece = _Piece(at, frame, os.pread(damaged, frame.label.size, at + HEADER_BYTES))
        yield piece
        at += frame.extent if piece.whole else BLOCK


@dataclass(slots=True)
class _Found:
    """What the damaged file still tells: records by place (whole ones apart), notes and reports.

    It had so many `frames` at least.
    """

    file_id: bytes
    frames: int
    labels: dict[int, Label] = field(default_factory=dict)
    whole: set[int] = field(default_factory=set)
    erased: set[int] = field(default_factory=set)
    states: dict[int, State] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)
    reports: list[Salvage] = field(default_factory=list)

    def take_in(self, piece: _Piece) -> None:
        """Note what a piece is, by what it can prove."""
        frame = piece.frame
        if frame.file_id != self.file_id:
            return  # the blocks of a file that is long gone
        if piece.whole or frame.kind is Kind.RECORD:
            self.numbers.add(frame.number)
        match frame.kind:
            case Kind.RECORD:
                self._take_in_record(piece)
            case Kind.NOTES if piece.whole:
                for state, label in frames.read_notes(piece.payload):
                    self.labels[label.place] = label
                    self.states[label.place] = state
            case Kind.REPORT if piece.whole:
                self.reports.append(frames.read_report(piece.payload))

    def _take_in_record(self, piece: _Piece) -> None:
        label = piece.frame.label
        self.labels[label.place] = label
        if piece.whole:
            self.whole.add(label.place)
        elif not any(piece.payload[: frames.BEGINNING_BYTES]):
            self.erased.add(label.place)

    def were_sent(self) -> list[Note]:
        """Give notes on those that wait and were sent: all of them, when notes are missing that may say so."""
        some_missing = len(self.numbers - {0}) < max(self.frames - 1, *self.numbers, 0)  # number 0 is the head
        waiting = (place for place in sorted(self.whole) if self.waits(place))
        sent = (place for place in waiting if some_missing or place in self.states)
        return [Note(State.SENT, self.labels[place]) for place in sent]

    def waits(self, place: int) -> bool:
        """Say whether a record is whole and nothing is known to have ended its wait."""
        return place in self.whole and self.states.get(place) in {None, State.SENT}

    def was_taken_back(self, frame: Frame) -> bool:
        """Say whether a frame is a record whose person took it back."""
        ours = frame.kind is Kind.RECORD and frame.file_id == self.file_id
        return ours and self.states.get(frame.label.place) is State.TAKEN_BACK

    def tombstones(self) -> list[Note]:
        """Give the notes on records that are gone on purpose, oldest first."""
        gone = {place: state for place, state in sorted(self.states.items()) if state is not State.SENT}
        return [Note(state, self.labels[place]) for place, state in gone.items()]

    def fate(self, place: int) -> Fate:
        """Say what became of a record. One whose bytes were erased, and whose note is lost, is not said to be lost."""
        match self.states.get(place):
            case State.RECEIPTED:
                return Fate.RECEIPTED
            case State.TAKEN_BACK:
                return Fate.TAKEN_BACK
            case _ if place in self.whole:
                return Fate.SAVED
            case _ if place in self.erased:
                return Fate.UNKNOWN
            case _:
                return Fate.LOST


def _save(path: Path, damaged: int, name: str, mark: Mark | None) -> None:
    """Write a new file with what can be proved, and a report of all the rest."""
    ids = Counter(piece.frame.file_id for piece in _pieces(damaged))
    file_id = ids.most_common(1)[0][0] if ids else b""
    found = _Found(file_id, mark.frames if mark and mark.file_id == file_id else 0)
    for piece in _pieces(damaged):
        found.take_in(piece)
    _finish_erasing(damaged, found)
    report = Salvage(name, tuple(_spans(found, mark)))
    with Draft(path, max(found.labels, default=0), exchange.new_epoch()) as draft:
        draft.report([*found.reports, report])
        draft.note(found.tombstones())
        for piece in _pieces(damaged):  # once more, so that no more than one record is in memory at a time
            label = piece.frame.label
            ours = piece.frame.kind is Kind.RECORD and piece.frame.file_id == found.file_id
            if ours and piece.whole and found.waits(label.place):
                draft.record(label, piece.frame.previous, piece.payload)
        draft.note(found.were_sent())


def _finish_erasing(damaged: int, found: _Found) -> None:
    """Erase what was taken back when the power went in between: the file that is set aside keeps all else."""
    left = [piece for piece in _pieces(damaged) if piece.whole and found.was_taken_back(piece.frame)]
    for piece in left:
        erase(damaged, piece.at, piece.frame.label.size)
    if left:
        os.fsync(damaged)


def _spans(found: _Found, mark: Mark | None) -> Iterator[Span]:
    """Account for every number of every epoch, from 1 to the highest that left a trace, in the file or in the mark."""
    by_epoch: dict[bytes, dict[int, Fate]] = {}
    for place, label in sorted(found.labels.items()):
        by_epoch.setdefault(label.epoch, {})[label.seq] = found.fate(place)
    if mark and mark.seq:
        by_epoch.setdefault(mark.epoch, {}).setdefault(mark.seq, Fate.UNKNOWN)
    for epoch, known in by_epoch.items():
        for fate, run in groupby(range(1, max(known) + 1), key=lambda seq: known.get(seq, Fate.UNKNOWN)):
            first, *_, last = (*run,) * 2
            yield Span(epoch, first, last, fate)
