"""A new file in the old one's place: at the very beginning, when most of the old one is dead, after damage.

It is written under another name and renamed when all of it is on the disk. So, cut off at any point, the old file is
still whole, and it can be done again.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from edge_agent.outbox import faults, frames
from edge_agent.outbox.frame_file import sync_folder
from edge_agent.outbox.frames import FILE_ID_BYTES, Kind, Note
from edge_agent.outbox.gate import GROUP_MODE
from edge_agent.outbox.records import Link, State
from edge_agent.wire.fields import FIRST_IN_CHAIN, ID_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from edge_agent.outbox.frame_file import FrameFile
    from edge_agent.outbox.frames import Frame, Label
    from edge_agent.outbox.records import Salvage


def beside(path: Path, ending: str) -> Path:
    """Name a file that belongs to the outbox at `path`."""
    return path.with_name(path.stem + ending)


def new_epoch() -> Link:
    """Give the first link of a new life."""
    return Link(secrets.token_bytes(ID_BYTES), 1, FIRST_IN_CHAIN)


def found_if_missing(path: Path) -> None:
    """Make a new outbox at `path` if there is none. To be called behind the gate."""
    with faults.told(path):
        if not path.exists():
            with Draft(path, 0, new_epoch()):
                pass


def renew(file: FrameFile, path: Path) -> None:
    """Write what still matters of a file into a new one. Raises OutboxDamagedError when a record has rotted."""
    ledger = file.ledger
    with faults.told(path), Draft(path, ledger.place, ledger.next_link) as draft:
        draft.report(ledger.reports)
        draft.note(Note(State.RECEIPTED, label) for label in ledger.receipted.values())
        draft.note(Note(State.TAKEN_BACK, held.label) for held in ledger.taken_back.values())
        for held in ledger.waiting.values():
            frame, sealed = file.record(held)
            draft.record(held.label, frame.previous, sealed)
        draft.note(Note(State.SENT, held.label) for held in ledger.waiting.values() if held.state is State.SENT)


class Draft:
    """A file that is being written beside `path`, and takes its place at the end of the `with`.

    Its chain goes on with `link`, behind `place`. When anything is raised inside, nothing has changed.
    """

    def __init__(self, path: Path, place: int, link: Link) -> None:
        self._path = path
        self._new = beside(path, ".new")
        self._file_id = secrets.token_bytes(FILE_ID_BYTES)
        self._frames = 0
        self._new.unlink(missing_ok=True)
        self._file = os.fdopen(os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
        os.fchmod(self._file.fileno(), GROUP_MODE)  # whatever the umask is
        self._add(frames.head(self._file_id, place, link), b"")

    def report(self, reports: Iterable[Salvage]) -> None:
        """Add the reports of salvages."""
        for report in reports:
            self._say(Kind.REPORT, frames.write_report(report))

    def note(self, notes: Iterable[Note]) -> None:
        """Add notes, if there are any."""
        if payload := frames.write_notes(notes):
            self._say(Kind.NOTES, payload)

    def record(self, label: Label, previous: bytes, sealed: bytes) -> None:
        """Add a record."""
        check = frames.check_of(sealed)
        self._add(frames.Frame(Kind.RECORD, self._file_id, self._frames, label, previous, check), sealed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self._put_in_place()
        else:
            with suppress(OSError):
                self._file.close()
            self._new.unlink(missing_ok=True)

    def _put_in_place(self) -> None:
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._new.rename(self._path)
        sync_folder(self._path)

    def _say(self, kind: Kind, payload: bytes) -> None:
        self._add(frames.about(kind, self._file_id, self._frames, payload), payload)

    def _add(self, frame: Frame, payload: bytes) -> None:
        self._file.write(frames.write(frame, payload))
        self._frames += 1
