"""What the frames of one file add up to: what waits, what is gone, where the chain goes on. Pure: it is told frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from edge_agent.outbox import frames
from edge_agent.outbox.frames import Kind, Mark, Note
from edge_agent.outbox.records import Link, State

if TYPE_CHECKING:
    from edge_agent.outbox.frames import Frame, Label
    from edge_agent.outbox.records import Salvage

TOMBSTONES: Final = 1024  # so many of the newest records are remembered after their receipts


@dataclass(frozen=True, slots=True)
class Held:
    """A record: its label, where its frame begins (None when that was in an earlier file), how far it has come."""

    label: Label
    at: int | None
    state: State
    check: int = 0  # of its bytes, as in the frame


@dataclass(slots=True)
class Ledger:
    """The state of a file, frame by frame. `end` is where the next frame goes."""

    file_id: bytes = b""
    frames: int = 0
    end: int = 0
    place: int = 0  # of the newest record
    next_link: Link = field(default_factory=lambda: Link(b"", 1, b""))
    waiting: dict[bytes, Held] = field(default_factory=dict)  # by record id, oldest first
    waiting_bytes: int = 0
    taken_back: dict[bytes, Held] = field(default_factory=dict)
    receipted: dict[bytes, Label] = field(default_factory=dict)  # the newest of them, oldest receipt first
    let_go: list[Held] = field(default_factory=list)  # their blocks may not be the disk's again yet
    reports: list[Salvage] = field(default_factory=list)

    @property
    def mark(self) -> Mark:
        """What is to be known about the file once all of its frames are on the disk."""
        return Mark(self.file_id, self.frames, self.next_link.epoch, self.next_link.seq - 1)

    @property
    def dead_bytes(self) -> int:
        """How much of the file nobody needs any more."""
        return self.end - sum(frames.extent(held.label.size) for held in self.waiting.values())

    @property
    def bytes_let_go(self) -> int:
        """How much of the file may be given back to the disk."""
        return sum(frames.extent(held.label.size) for held in self.let_go)

    def state_of(self, record_id: bytes) -> tuple[Label, State] | None:
        """Say what is known of a record; None for one that never came or is forgotten."""
        if held := self.waiting.get(record_id) or self.taken_back.get(record_id):
            return held.label, held.state
        label = self.receipted.get(record_id)
        return (label, State.RECEIPTED) if label else None

    def goes_on_with(self, frame: Frame) -> bool:
        """Say whether a frame is the next one: of this file, with its number, and in its chain."""
        if frame.number != self.frames or (frame.kind is Kind.HEAD) != (self.frames == 0):
            return False
        if self.frames and frame.file_id != self.file_id:
            return False
        label = frame.label
        if frame.kind is not Kind.RECORD or label.place <= self.place:  # an older one, carried over from another file
            return True
        return (label.place, Link(label.epoch, label.seq, frame.previous)) == (self.place + 1, self.next_link)

    def take_in(self, frame: Frame, payload: bytes) -> None:
        """Go on by one frame. Of a record the payload isn't looked at."""
        match frame.kind:
            case Kind.HEAD:
                self.file_id = frame.file_id
                self.place, self.next_link = frames.begun_at(frame)
            case Kind.RECORD:
                self._queue(frame)
            case Kind.NOTES:
                for note in frames.read_notes(payload):
                    self._note(note)
                self._forget()
            case Kind.REPORT:
                self.reports.append(frames.read_report(payload))
        self.frames += 1
        self.end += frame.extent

    def _queue(self, frame: Frame) -> None:
        label = frame.label
        if label.place > self.place:
            self.place = label.place
            self.next_link = Link(label.epoch, label.seq + 1, label.sha256)
        self.waiting[label.record_id] = Held(label, self.end, State.QUEUED, frame.check)
        self.waiting_bytes += label.size

    def _note(self, note: Note) -> None:
        record_id = note.label.record_id
        held = self.waiting.get(record_id)
        if note.state is State.SENT:
            if held:
                self.waiting[record_id] = Held(held.label, held.at, State.SENT, held.check)
            return
        if held:
            del self.waiting[record_id]
            self.waiting_bytes -= held.label.size
        if note.state is State.TAKEN_BACK:
            self.receipted.pop(record_id, None)
            held = held or next((one for one in self.let_go if one.label.record_id == record_id), None)
            self.taken_back[record_id] = Held(note.label, held.at if held else None, State.TAKEN_BACK)
        else:
            self.taken_back.pop(record_id, None)
            self.receipted[record_id] = note.label
            if held:
                self.let_go.append(held)

    def _forget(self) -> None:
        """Drop the oldest tombstones."""
        horizon = self.place - TOMBSTONES
        for record_id in [*takewhile(lambda key: self.receipted[key].place <= horizon, self.receipted)]:
            del self.receipted[record_id]
