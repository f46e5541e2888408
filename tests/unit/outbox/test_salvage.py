"""A damaged outbox: what can be proved is saved, what can't is told, and the damaged file is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import NotWaitingError, OutboxDamagedError
from edge_agent.outbox import Fate, Limits, Link, Outbox, Salvage, Span, State
from edge_agent.outbox import frames as layout
from edge_agent.outbox.frames import BLOCK, HEADER_BYTES, Frame, Kind, Note
from tests.unit.outbox.world import ROOMY, an_id, damage, fill, opened, receipt, sealing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_agent.outbox import Entry

HEAD, FIRST, LAST, NOTES = 0, 1, 8, 9  # the frames of the file below


@pytest.fixture
def entries(path: Path) -> list[Entry]:
    """Eight records; 1 and 2 receipted and 3 sent, the rest waiting. Frame n is record n, frame 9 the receipts."""
    with opened(path) as outbox:
        entries = fill(outbox, range(8), size=5000)
        outbox.mark_sent([entries[2].record_id])
        receipt(outbox, *entries[:2])
    return entries


def frames_of(path: Path) -> list[tuple[int, Frame, bytes]]:
    """Read a sound file: where each frame begins, its header, what stands behind it."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        frame = layout.read(data[at : at + BLOCK])
        assert frame
        found.append((at, frame, data[at + HEADER_BYTES :][: frame.label.size]))
        at += frame.extent
    return found


def rewrite(path: Path, change: Callable[[list[tuple[Frame, bytes]]], None]) -> None:
    """Write the file again with other frames, each as sound as the change leaves it."""
    pieces = [(frame, payload) for _, frame, payload in frames_of(path)]
    change(pieces)
    path.write_bytes(b"".join(layout.write(frame, payload) for frame, payload in pieces))


def fates(report: Salvage, epoch: bytes) -> dict[int, Fate]:
    return {seq: span.fate for span in report.spans if span.epoch == epoch for seq in range(span.first, span.last + 1)}


@pytest.mark.red_line(14)
def test_a_record_whose_bytes_rot_is_told_as_lost_when_it_is_read_and_the_others_go_on(
    path: Path, entries: list[Entry]
) -> None:
    epoch = entries[0].epoch
    damage(path, frames_of(path)[5][0] + 2000, b"rot")
    with opened(path) as outbox:
        assert outbox.salvages() == ()  # a block that nobody has read yet
        with pytest.raises(NotWaitingError, match="waits in the outbox") as caught:
            outbox.read(entries[4].record_id)
        assert "reports of salvages" in caught.value.next_step
        assert [entry.seq for entry in outbox.waiting(10)] == [3, 4, 6, 7, 8]
        assert outbox.salvages() == (
            Salvage(
                "outbox.damaged-1",
                (
                    Span(epoch, 1, 2, Fate.RECEIPTED),
                    Span(epoch, 3, 4, Fate.SAVED),
                    Span(epoch, 5, 5, Fate.LOST),
                    Span(epoch, 6, 8, Fate.SAVED),
                ),
            ),
        )
        assert outbox.salvages()[0].count(Fate.SAVED) == 5
    assert path.with_name("outbox.damaged-1").exists()


@pytest.mark.red_line(14)
def test_a_broken_head_costs_no_record_and_no_memory_of_receipts(path: Path, entries: list[Entry]) -> None:
    damage(path, 0, bytes(BLOCK))
    with opened(path) as outbox:
        assert [(entry.seq, entry.state) for entry in outbox.waiting(10)] == [
            (3, State.SENT),
            *((seq, State.QUEUED) for seq in range(4, 9)),
        ]
        assert outbox.append(entries[0].record_id, sealing(0)).state is State.RECEIPTED


def test_what_was_let_go_does_not_come_back_when_its_notes_are_lost_and_what_waits_may_have_been_sent(
    path: Path, entries: list[Entry]
) -> None:
    damage(path, frames_of(path)[NOTES][0], bytes(BLOCK))
    with opened(path) as outbox:
        assert [(entry.seq, entry.state) for entry in outbox.waiting(10)] == [(seq, State.SENT) for seq in range(3, 9)]
        assert Span(entries[0].epoch, 1, 2, Fate.UNKNOWN) in outbox.salvages()[0].spans


@pytest.mark.red_line(14)
def test_the_newest_record_is_missed_when_it_rots(path: Path, entries: list[Entry]) -> None:
    with opened(path) as outbox:
        newest = outbox.append(an_id(20), sealing(20))
    at = path.stat().st_size - BLOCK
    damage(path, at, bytes(BLOCK))
    with opened(path) as outbox:
        assert fates(outbox.salvages()[0], newest.epoch)[9] is Fate.UNKNOWN
        assert outbox.backlog().records == 6


@pytest.mark.red_line(14)
def test_a_file_that_has_become_shorter_is_damaged_and_says_what_is_missing(path: Path, entries: list[Entry]) -> None:
    with path.open("r+b") as file:
        file.truncate(frames_of(path)[7][0])
    with opened(path) as outbox:
        told = fates(outbox.salvages()[0], entries[0].epoch)
        assert [told[seq] for seq in (6, 7, 8)] == [Fate.SAVED, Fate.UNKNOWN, Fate.UNKNOWN]


def test_a_file_that_becomes_shorter_while_it_is_open_is_damaged_too(path: Path, entries: list[Entry]) -> None:
    with opened(path) as outbox:
        with path.open("r+b") as file:
            file.truncate(frames_of(path)[7][0])
        assert outbox.backlog().records == 4
        assert len(outbox.salvages()) == 1


def test_what_a_cut_off_append_has_left_is_cut_off_and_is_no_damage(path: Path, entries: list[Entry]) -> None:
    sound = path.read_bytes()
    label = frames_of(path)[LAST][1].label
    torn = layout.write(Frame(Kind.RECORD, frames_of(path)[HEAD][1].file_id, 10, label, bytes(32)), bytes(5000))
    for left in (torn[:BLOCK], torn[: BLOCK + 512], bytes(9000), b"x"):
        path.write_bytes(sound + left)
        with opened(path) as outbox:
            assert (outbox.backlog().records, outbox.salvages()) == (6, ())
        assert path.read_bytes() == sound


@pytest.mark.red_line(14)
def test_a_bad_frame_with_others_behind_it_is_never_cut_off(path: Path, entries: list[Entry]) -> None:
    with opened(path) as outbox:
        early = path.with_name("outbox.lock").read_bytes()
        fill(outbox, range(20, 23))
    path.with_name("outbox.lock").write_bytes(early)  # as after a power cut: the mark is behind
    damage(path, frames_of(path)[11][0] + 10, b"rot")
    with opened(path) as outbox:
        (report,) = outbox.salvages()
        assert [fates(report, entries[0].epoch)[seq] for seq in (8, 9, 10, 11)] == [
            Fate.SAVED,
            Fate.UNKNOWN,
            Fate.SAVED,
            Fate.SAVED,
        ]


@pytest.mark.red_line(14)
def test_without_the_mark_a_bad_end_is_set_aside_rather_than_cut_off(path: Path, entries: list[Entry]) -> None:
    path.with_name("outbox.lock").write_bytes(b"")
    damage(path, frames_of(path)[NOTES][0], b"rot")
    with opened(path) as outbox:
        assert len(outbox.salvages()) == 1
    assert path.with_name("outbox.damaged-1").exists()


@pytest.mark.parametrize("mark", [b"", b"HMW\x01 half a mark", bytes(48)])
def test_a_mark_that_is_lost_costs_nothing(path: Path, entries: list[Entry], mark: bytes) -> None:
    path.with_name("outbox.lock").write_bytes(mark)
    with opened(path) as outbox:
        assert (outbox.backlog().records, outbox.salvages()) == (6, ())
    damage(path, path.stat().st_size - BLOCK, bytes(BLOCK))
    with opened(path) as outbox:  # it was written again, and misses what is lost
        assert len(outbox.salvages()) == 1


def test_after_a_salvage_a_new_epoch_begins_and_the_old_records_keep_their_places(
    path: Path, entries: list[Entry]
) -> None:
    damage(path, 0, b"not a head")
    links: list[Link] = []
    with opened(path) as outbox:
        assert outbox.highest()[1] == 0
        outbox.append(an_id(50), lambda link: links.append(link) or b"sealed")
        epoch = outbox.highest()[0]
        assert links == [Link(epoch, 1, bytes(32))]
        assert [(entry.epoch, entry.seq) for entry in outbox.waiting(10)][-2:] == [(entries[0].epoch, 8), (epoch, 1)]
    assert epoch != entries[0].epoch
    with opened(path) as outbox:
        assert (outbox.highest(), len(outbox.salvages())) == ((epoch, 1), 1)


def test_damage_is_met_in_the_middle_of_work_and_the_work_goes_on(path: Path, entries: list[Entry]) -> None:
    with opened(path) as kiosk, opened(path) as courier:
        damage(path, 0, bytes(BLOCK))
        entry = kiosk.append(an_id(60), sealing(60))
        assert (entry.seq, len(kiosk.salvages())) == (1, 1)
        assert courier.waiting(10)[-1] == entry  # who holds the damaged file open moves on to the new one
        receipt(courier, *entries)
        assert kiosk.waiting(10) == [entry]


def test_of_two_who_meet_the_same_damage_one_salvages(path: Path, entries: list[Entry]) -> None:
    with opened(path) as kiosk, opened(path) as courier:
        damage(path, 0, bytes(BLOCK))
        kiosk.backlog()
        assert len(courier.salvages()) == len(kiosk.salvages()) == 1
        assert courier.waiting(10) == kiosk.waiting(10)


def test_each_damage_is_reported_and_the_earlier_reports_are_kept(path: Path, entries: list[Entry]) -> None:
    for _ in range(2):
        damage(path, 0, bytes(BLOCK))
        with opened(path) as outbox:
            reports = outbox.salvages()
    assert [report.set_aside for report in reports] == ["outbox.damaged-1", "outbox.damaged-2"]
    assert reports[0].spans == reports[1].spans


def test_a_report_that_rots_costs_the_report_alone(path: Path, entries: list[Entry]) -> None:
    damage(path, 0, bytes(BLOCK))
    with opened(path) as outbox:
        assert outbox.backlog().records == 6
    damage(path, frames_of(path)[1][0] + HEADER_BYTES, b"rot")
    with opened(path) as outbox:
        assert [report.set_aside for report in outbox.salvages()] == ["outbox.damaged-2"]
        assert outbox.salvages()[0].count(Fate.RECEIPTED) == 2
        assert outbox.backlog().records == 6


def test_what_was_taken_back_stays_so_through_a_salvage(path: Path, entries: list[Entry]) -> None:
    with opened(path) as outbox:
        outbox.take_back(entries[5].record_id)
    damage(path, 0, bytes(BLOCK))
    with opened(path) as outbox:
        assert [entry.seq for entry in outbox.taken_back()] == [6]
        assert Span(entries[0].epoch, 6, 6, Fate.TAKEN_BACK) in outbox.salvages()[0].spans
        assert [entry.seq for entry in outbox.waiting(10)] == [3, 4, 5, 7, 8]


@pytest.mark.red_line(1)
def test_what_was_taken_back_is_erased_at_the_next_opening_when_that_was_cut_off(
    path: Path, entries: list[Entry]
) -> None:
    at, frame, sealed = frames_of(path)[6]
    with opened(path) as outbox:
        outbox._run(lambda file: file.note([Note(State.TAKEN_BACK, frame.label)]))
        assert path.read_bytes()[at + HEADER_BYTES :].startswith(sealed)
    with opened(path):
        assert path.read_bytes()[at + HEADER_BYTES :].startswith(bytes(5000))


@pytest.mark.red_line(1)
def test_what_was_taken_back_is_erased_in_the_damaged_file_when_that_was_cut_off(
    path: Path, entries: list[Entry]
) -> None:
    at, frame, sealed = frames_of(path)[6]
    with opened(path) as outbox:
        outbox._run(lambda file: file.note([Note(State.TAKEN_BACK, frame.label)]))
    damage(path, 0, bytes(BLOCK))
    with opened(path) as outbox:
        assert frame.label.record_id not in [entry.record_id for entry in outbox.waiting(10)]
        assert [entry.record_id for entry in outbox.taken_back()] == [frame.label.record_id]
        aside = path.with_name(outbox.salvages()[0].set_aside)
    assert aside.read_bytes()[at + HEADER_BYTES :].startswith(bytes(len(sealed)))
    assert sealed[-100:] not in path.read_bytes()


@pytest.mark.red_line(14)
@pytest.mark.parametrize("number", range(10))
def test_a_frame_that_is_missing_is_told_and_no_other_is_lost(path: Path, entries: list[Entry], number: int) -> None:
    def drop(pieces: list[tuple[Frame, bytes]]) -> None:
        del pieces[number]

    rewrite(path, drop)
    with opened(path) as outbox:
        told = fates(outbox.salvages()[0], entries[0].epoch)
        waiting = {entry.seq for entry in outbox.waiting(10)}
        assert waiting == set(range(3, 9)) - {number}
        assert all((told[seq] is Fate.SAVED) == (seq in waiting) for seq in range(1, 9))
        for entry in outbox.waiting(10):
            assert outbox.read(entry.record_id)


@pytest.mark.red_line(14)
@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame._replace(number=7),
        lambda frame: frame._replace(kind=Kind.HEAD),
        lambda frame: frame._replace(label=frame.label._replace(place=50)),
        lambda frame: frame._replace(label=frame.label._replace(seq=50)),
        lambda frame: frame._replace(label=frame.label._replace(epoch=bytes(16))),
        lambda frame: frame._replace(previous=bytes(32)),
        lambda frame: frame._replace(file_id=bytes(8)),
    ],
)
def test_a_frame_that_contradicts_the_others_is_damage_and_no_other_is_lost(
    path: Path, entries: list[Entry], change: Callable[[Frame], Frame]
) -> None:
    def contradict(pieces: list[tuple[Frame, bytes]]) -> None:
        pieces[5] = change(pieces[5][0]), pieces[5][1]

    rewrite(path, contradict)
    with opened(path) as outbox:
        assert len(outbox.salvages()) == 1
        assert {entry.record_id for entry in outbox.waiting(10)} >= {
            entry.record_id for entry in entries[2:] if entry.seq != 5
        }
        for entry in outbox.waiting(10):
            assert outbox.read(entry.record_id)


def test_blocks_of_a_file_that_is_long_gone_are_not_taken_for_ours(path: Path, entries: list[Entry]) -> None:
    with opened(path.with_name("other.db")) as other:
        fill(other, range(30, 33))
    old = path.with_name("other.db").read_bytes()
    path.write_bytes(path.read_bytes() + old)
    with opened(path) as outbox:
        assert [entry.seq for entry in outbox.waiting(10)] == [3, 4, 5, 6, 7, 8]
    damage(path, 0, b"rot")
    path.write_bytes(path.read_bytes() + old)
    with opened(path) as outbox:
        assert [entry.seq for entry in outbox.waiting(10)] == [3, 4, 5, 6, 7, 8]
        assert {span.epoch for span in outbox.salvages()[0].spans} == {entries[0].epoch}


@pytest.mark.parametrize("left", [b"", b"not an outbox at all", bytes(5000)])
def test_a_file_with_nothing_left_in_it_is_set_aside_and_work_goes_on(path: Path, left: bytes) -> None:
    path.write_bytes(left)
    with opened(path) as outbox:
        assert outbox.append(an_id(1), sealing(1)).seq == 1
    assert path.with_name("outbox.damaged-1").read_bytes() == left


@pytest.mark.red_line(14)
def test_of_a_file_with_nothing_left_in_it_the_mark_says_what_is_missing(path: Path, entries: list[Entry]) -> None:
    path.write_bytes(bytes(5000))
    with opened(path) as outbox:
        assert outbox.salvages()[0].spans == (Span(entries[0].epoch, 1, 8, Fate.UNKNOWN),)


def test_a_salvage_that_was_cut_off_is_done_again_under_the_same_name(path: Path, entries: list[Entry]) -> None:
    damage(path, 0, bytes(BLOCK))
    path.with_name("outbox.damaged-1").write_bytes(b"an earlier damage")
    path.with_name("outbox.damaged-2").hardlink_to(path)
    path.with_name("outbox.new").write_bytes(b"half a file")
    with opened(path) as outbox:
        assert outbox.salvages()[0].set_aside == "outbox.damaged-2"
        assert outbox.backlog().records == 6
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "outbox.damaged-1",
        "outbox.damaged-2",
        "outbox.db",
        "outbox.lock",
    ]


def test_what_is_waiting_counts_as_room_taken_after_a_salvage(path: Path, entries: list[Entry]) -> None:
    damage(path, 0, bytes(BLOCK))
    with opened(path, Limits(max_bytes=1 << 20, max_records=7, keep_free_bytes=0)) as outbox:
        assert outbox.room().records == 1


def test_a_record_that_rotted_is_found_when_a_new_file_is_written(path: Path, entries: list[Entry]) -> None:
    damage(path, frames_of(path)[8][0] + 2000, b"rot")
    with opened(path, renew_after=50_000) as outbox:
        receipt(outbox, *entries[2:7])
        outbox.tidy()
        (report,) = outbox.salvages()
        assert fates(report, entries[0].epoch)[8] is Fate.LOST
        assert outbox.backlog().records == 0


def test_a_disk_that_damages_what_was_just_salvaged_is_not_tried_for_ever(path: Path, entries: list[Entry]) -> None:
    outbox = Outbox.open(path, ROOMY)

    def work(_: object) -> None:
        raise OutboxDamagedError("again")

    with pytest.raises(OutboxDamagedError, match="again"):
        outbox._run(work)
    assert len(outbox.salvages()) == 1
    outbox.close()
