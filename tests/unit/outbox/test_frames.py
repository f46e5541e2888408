"""Frames, notes, reports and marks read back as they were written, and no changed byte goes unnoticed."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.outbox import Fate, Link, Salvage, Span, State, frames
from edge_agent.outbox.frames import BLOCK, HEADER_BYTES, MARK_BYTES, Frame, Kind, Label, Mark, Note

ids, hashes, numbers = (
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**63 - 1),
)
labels = st.builds(Label, numbers, ids, numbers, ids, hashes, st.integers(0, 2**32 - 1))
payloads = st.binary(max_size=3 * BLOCK)
fates = st.builds(Span, ids, numbers, numbers, st.sampled_from(Fate))


def record(label: Label, payload: bytes, number: int = 7) -> Frame:
    label = label._replace(size=len(payload), sha256=hashlib.sha256(payload).digest())
    return Frame(Kind.RECORD, b"the file", number, label, bytes(32), frames.check_of(payload))


@given(labels, payloads)
def test_a_frame_reads_back_and_fills_its_blocks(label: Label, payload: bytes) -> None:
    frame = record(label, payload)
    data = frames.write(frame, payload)
    assert frames.read(data[:BLOCK]) == frame
    assert len(data) == frame.extent == frames.extent(len(payload))
    assert len(data) % BLOCK == 0
    assert frame.proves(data[HEADER_BYTES:][: len(payload)])


@settings(max_examples=200)
@given(labels, payloads, st.integers(0), st.integers(1, 255))
def test_a_byte_that_changes_in_header_or_payload_is_noticed(
    label: Label, payload: bytes, somewhere: int, change: int
) -> None:
    frame = record(label, payload)
    data = bytearray(frames.write(frame, payload))
    data[somewhere % (HEADER_BYTES + len(payload))] ^= change
    read = frames.read(bytes(data[:BLOCK]))
    assert read is None or not read.proves(bytes(data[HEADER_BYTES:][: len(payload)]))


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_reading_ends_and_raises_nothing(data: bytes) -> None:
    assert frames.read(data) is None
    assert frames.read(frames.MAGIC + data) is None
    assert frames.read_mark(data) is None


@given(numbers, ids, st.integers(1, 2**62), hashes)
def test_a_head_says_where_the_chain_goes_on(place: int, epoch: bytes, seq: int, previous: bytes) -> None:
    head = frames.head(b"the file", place, Link(epoch, seq, previous))
    data = frames.write(head, b"")
    assert frames.read_id(data) == b"the file"
    assert frames.begun_at(head) == (place, Link(epoch, seq, previous))
    assert frames.read_id(frames.write(record(head.label, b""), b"")) is None


@given(st.lists(st.builds(Note, st.sampled_from(State), labels), max_size=20))
def test_notes_read_back(notes: list[Note]) -> None:
    assert frames.read_notes(frames.write_notes(notes)) == notes


@given(st.builds(Salvage, st.text(max_size=30), st.lists(fates, max_size=9).map(tuple)))
def test_a_report_reads_back(report: Salvage) -> None:
    assert frames.read_report(frames.write_report(report)) == report


@given(numbers, ids, numbers, st.integers(0, MARK_BYTES - 1), st.integers(1, 255))
def test_a_mark_reads_back_and_fits_into_a_sector(count: int, epoch: bytes, seq: int, at: int, change: int) -> None:
    mark = Mark(b"the file", count, epoch, seq)
    data = bytearray(frames.write_mark(mark))
    assert frames.read_mark(bytes(data)) == mark
    assert len(data) <= 512
    data[at] ^= change
    assert frames.read_mark(bytes(data)) is None
