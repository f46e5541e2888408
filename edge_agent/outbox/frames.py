"""The frames that an outbox file is made of: bytes to values and back, each proving itself. Pure.

    block 0      block 1                              block n
    | HEAD ....  | RECORD | label | sealed bytes .... | NOTES | what became of which records | ....

A frame begins on a block of 4 KiB and is filled up to the next: so what is on the disk is never written again with what
comes after it, and after damage the next frame is found by looking at each block. A header says which file it belongs
to and the how-manieth frame of it it is, so neither an old file's blocks nor a missing frame can go unnoticed; CRC-32
(ISO 3309) proves the header, the label's SHA-256 what follows it.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from edge_agent.outbox.records import Entry, Fate, Link, Salvage, Span, State
from edge_agent.wire import cbor
from edge_agent.wire.fields import FIRST_IN_CHAIN, HASH_BYTES, ID_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCK: Final = 4096
MAGIC: Final = b"HMW\x01"  # a file of ours, in its first layout
FILE_ID_BYTES: Final = 8

_LABEL: Final = struct.Struct(f">q{ID_BYTES}sq{ID_BYTES}s{HASH_BYTES}sI")
_HEADER: Final = struct.Struct(f">4sB3x{FILE_ID_BYTES}sQ{_LABEL.size}s{HASH_BYTES}sI")
_CRC: Final = struct.Struct(">I")
HEADER_BYTES: Final = _HEADER.size + _CRC.size
BEGINNING_BYTES: Final = BLOCK - HEADER_BYTES  # of what follows a header: as much as stands in the same block
_NOTE: Final = struct.Struct(f">B{_LABEL.size}s")
_MARK: Final = struct.Struct(f">4s{FILE_ID_BYTES}sQ{ID_BYTES}sq")
MARK_BYTES: Final = _MARK.size + _CRC.size
_NOBODY: Final = bytes(ID_BYTES)
_NUMBER_OF: Final = {State.QUEUED: 0, State.SENT: 1, State.RECEIPTED: 2, State.TAKEN_BACK: 3}
_STATE_OF: Final = {number: state for state, number in _NUMBER_OF.items()}


class Kind(IntEnum):
    """What a frame is."""

    HEAD = 1  # the first one: where the chain stood when the file was begun
    RECORD = 2  # a sealed record
    NOTES = 3  # what became of records: sent, receipted, taken back
    REPORT = 4  # what a salvage saved and lost


class Label(NamedTuple):
    """What stands on a record, and on a note about it."""

    place: int  # in the order of all that ever came; goes on through all epochs of a kiosk
    epoch: bytes
    seq: int
    record_id: bytes
    sha256: bytes
    size: int

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read a label off the bytes that `write` gave."""
        return cls(*_LABEL.unpack(data))

    def write(self) -> bytes:
        """Give the label's bytes."""
        return _LABEL.pack(*self)

    def entry(self, state: State) -> Entry:
        """Give what the outside sees of it."""
        return Entry(self.record_id, self.epoch, self.seq, self.sha256, self.size, state)


class Frame(NamedTuple):
    """A frame's header. `number` counts the file's frames from 0; `previous` is the hash before, as in the link.

    `check` is the CRC-32 of what follows: a third of the hash's work, and enough each time that it is read to be sent.
    """

    kind: Kind
    file_id: bytes
    number: int
    label: Label
    previous: bytes
    check: int = 0  # of nothing

    @property
    def extent(self) -> int:
        """How many bytes of the file it takes: whole blocks."""
        return extent(self.label.size)

    def proves(self, payload: bytes) -> bool:
        """Say whether these are the bytes that were written behind this header."""
        return len(payload) == self.label.size and hashlib.sha256(payload).digest() == self.label.sha256


class Note(NamedTuple):
    """What became of a record."""

    state: State
    label: Label


class Mark(NamedTuple):
    """How far a file is sure to be on the disk: so many frames, and the last sequence number among them."""

    file_id: bytes
    frames: int
    epoch: bytes
    seq: int


def extent(size: int) -> int:
    """Say how many bytes of the file a frame takes that has so many behind its header."""
    return -(-(HEADER_BYTES + size) // BLOCK) * BLOCK


# -- Frames ------------------------------------------------------------------------------------------------------------


def write(frame: Frame, payload: bytes) -> bytes:
    """Give a frame's bytes, filled up with zeros to whole blocks."""
    header = _HEADER.pack(
        MAGIC, frame.kind, frame.file_id, frame.number, frame.label.write(), frame.previous, frame.check
    )
    filling = bytes(frame.extent - HEADER_BYTES - len(payload))
    return b"".join((header, _CRC.pack(zlib.crc32(header)), payload, filling))


def read(block: bytes) -> Frame | None:
    """Read the header at the beginning of a block; None when none stands there as it was written."""
    if len(block) < HEADER_BYTES or not block.startswith(MAGIC):
        return None
    (crc,) = _CRC.unpack_from(block, _HEADER.size)
    if crc != zlib.crc32(block[: _HEADER.size]):
        return None
    _, kind, file_id, number, label, previous, check = _HEADER.unpack_from(block)
    return Frame(Kind(kind), file_id, number, Label.read(label), previous, check)


def check_of(payload: bytes) -> int:
    """Give the checksum of what follows a header."""
    return zlib.crc32(payload)


def head(file_id: bytes, place: int, link: Link) -> Frame:
    """Make the first frame of a file whose next record gets `link`, and the place after `place`."""
    label = Label(place, link.epoch, link.seq - 1, _NOBODY, hashlib.sha256().digest(), 0)
    return Frame(Kind.HEAD, file_id, 0, label, link.previous)


def begun_at(frame: Frame) -> tuple[int, Link]:
    """Read what `head` has put into a frame: the last place, the next link."""
    return frame.label.place, Link(frame.label.epoch, frame.label.seq + 1, frame.previous)


def read_id(block: bytes) -> bytes | None:
    """Read whose file it is off its first block; None when that is not as it was written."""
    frame = read(block)
    return frame.file_id if frame and frame.kind is Kind.HEAD else None


def about(kind: Kind, file_id: bytes, number: int, payload: bytes) -> Frame:
    """Make the header of notes or a report: it has a hash and a size, and no place in the chain."""
    label = Label(0, _NOBODY, 0, _NOBODY, hashlib.sha256(payload).digest(), len(payload))
    return Frame(kind, file_id, number, label, FIRST_IN_CHAIN, check_of(payload))


# -- What stands in them -----------------------------------------------------------------------------------------------


def write_notes(notes: Iterable[Note]) -> bytes:
    """Give the bytes of notes, each as long as the other."""
    return b"".join(_NOTE.pack(_NUMBER_OF[state], label.write()) for state, label in notes)


def read_notes(payload: bytes) -> list[Note]:
    """Read notes out of bytes that were proved."""
    return [Note(_STATE_OF[number], Label.read(label)) for number, label in _NOTE.iter_unpack(payload)]


def write_report(report: Salvage) -> bytes:
    """Give the bytes of a salvage's report."""
    spans = [[span.epoch, span.first, span.last, str(span.fate)] for span in report.spans]
    return cbor.encode([report.set_aside, spans])


def read_report(payload: bytes) -> Salvage:
    """Read a salvage's report out of bytes that were proved."""
    name, spans = cbor.decode(payload, max_bytes=len(payload))
    return Salvage(name, tuple(Span(epoch, first, last, Fate(fate)) for epoch, first, last, fate in spans))


# -- The mark ----------------------------------------------------------------------------------------------------------


def write_mark(mark: Mark) -> bytes:
    """Give the mark's bytes. They fit into one sector, which a disk writes whole or not at all."""
    data = _MARK.pack(MAGIC, *mark)
    return data + _CRC.pack(zlib.crc32(data))


def read_mark(data: bytes) -> Mark | None:
    """Read a mark; None when there is none, or not as it was written."""
    if len(data) != MARK_BYTES or not data.startswith(MAGIC):
        return None
    body, crc = data[: _MARK.size], data[_MARK.size :]
    if crc != _CRC.pack(zlib.crc32(body)):
        return None
    _, file_id, count, epoch, seq = _MARK.unpack(body)
    return Mark(file_id, count, epoch, seq)
