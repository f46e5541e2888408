"""A damaged outbox: what can be proved is saved, what can't is told, and the damaged file is kept."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import OutboxDamagedError, OutboxError
from edge_agent.outbox import Fate, Limits, Link, Outbox, Salvage, Span, State
from edge_agent.outbox.database import PAGE_BYTES
from tests.unit.outbox.world import ROOMY, an_id, damage, fill, opened, receipt, sealing

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.outbox import Entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def entries(path: Path) -> list[Entry]:
    """Eight records; 1 and 2 receipted, the rest waiting."""
    with opened(path) as outbox:
        entries = fill(outbox, range(8), size=2500)  # each on a leaf of its own
        receipt(outbox, *entries[:2])
        outbox.mark_sent([entries[2].record_id])
    return entries


def page_of(path: Path, some_bytes: bytes) -> int:
    at = path.read_bytes().index(some_bytes)
    return at - at % PAGE_BYTES


def bytes_of(path: Path, entry: Entry) -> bytes:
    with opened(path) as outbox:
        return outbox.read(entry.record_id)


@pytest.mark.red_line(14)
def test_a_record_whose_bytes_rot_is_told_as_lost_when_it_is_read_and_the_others_go_on(
    path: Path, entries: list[Entry]
) -> None:
    epoch = entries[0].epoch
    sealed = bytes_of(path, entries[4])
    damage(path, path.read_bytes().index(sealed[2000:2020]), b"rot")
    with opened(path) as outbox:
        assert outbox.salvages() == ()  # a block that nobody has read yet
        with pytest.raises(OutboxError, match="waits in the outbox") as caught:
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
def test_a_broken_header_costs_no_record_and_no_memory_of_receipts(path: Path, entries: list[Entry]) -> None:
    damage(path, 0, bytes(PAGE_BYTES))
    with opened(path) as outbox:
        assert [(entry.seq, entry.state) for entry in outbox.waiting(10)] == [
            (3, State.SENT),
            *((seq, State.QUEUED) for seq in range(4, 9)),
        ]
        assert outbox.append(entries[0].record_id, sealing(0)).state is State.RECEIPTED


@pytest.mark.red_line(14)
def test_records_whose_tree_has_lost_its_root_are_found_adrift(path: Path, entries: list[Entry]) -> None:
    damage(path, 2 * PAGE_BYTES, bytes(PAGE_BYTES))  # page 3, the root of the sealed records
    with opened(path) as outbox:
        assert [entry.seq for entry in outbox.waiting(10)] == [3, 4, 5, 6, 7, 8]


def test_what_was_let_go_does_not_come_back_when_all_trees_are_broken(path: Path, entries: list[Entry]) -> None:
    damage(path, 0, bytes(PAGE_BYTES))
    damage(path, 2 * PAGE_BYTES, bytes(PAGE_BYTES))
    with opened(path) as outbox:
        assert [entry.seq for entry in outbox.waiting(10)] == [3, 4, 5, 6, 7, 8]
        assert outbox.salvages()[0].count(Fate.RECEIPTED) == 2


def test_pages_that_contradict_each_other_are_damage(path: Path, entries: list[Entry]) -> None:
    damage(path, 36, (999).to_bytes(4))  # the header's count of free pages
    with opened(path) as outbox:
        assert outbox.salvages()[0].count(Fate.SAVED) == 6


@pytest.mark.parametrize("letter", [b"j", b"\xff"])
def test_a_table_whose_definition_has_changed_by_itself_is_damage(
    path: Path, entries: list[Entry], letter: bytes
) -> None:
    damage(path, path.read_bytes().index(b"epoch BLOB"), letter)
    with opened(path) as outbox:
        assert outbox.salvages()[0].count(Fate.SAVED) == 6


def test_after_a_salvage_a_new_epoch_begins_and_the_old_records_keep_their_places(
    path: Path, entries: list[Entry]
) -> None:
    damage(path, 0, b"not SQLite")
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
        damage(path, 0, bytes(PAGE_BYTES))
        entry = kiosk.append(an_id(60), sealing(60))
        assert (entry.seq, len(kiosk.salvages())) == (1, 1)
        assert courier.waiting(10)[-1] == entry  # who holds the damaged file open moves on to the new one
        receipt(courier, *entries)
        assert kiosk.waiting(10) == [entry]


def test_of_two_who_meet_the_same_damage_one_salvages(path: Path, entries: list[Entry]) -> None:
    with opened(path) as kiosk, opened(path) as courier:
        damage(path, 0, bytes(PAGE_BYTES))
        with pytest.raises(OutboxDamagedError):
            courier._attempt(lambda db: db.execute("SELECT * FROM ledger"))
        kiosk.backlog()
        courier._salvage()  # as it would, had it not been overtaken
        assert len(courier.salvages()) == len(kiosk.salvages()) == 1
        assert courier.waiting(10) == kiosk.waiting(10)


def test_each_damage_is_reported_and_the_earlier_reports_are_kept(path: Path, entries: list[Entry]) -> None:
    for _ in range(2):
        damage(path, 0, bytes(PAGE_BYTES))
        with opened(path) as outbox:
            reports = outbox.salvages()
    assert [report.set_aside for report in reports] == ["outbox.damaged-1", "outbox.damaged-2"]
    assert reports[0].spans == reports[1].spans


def test_a_report_that_rots_costs_the_report_alone(path: Path, entries: list[Entry]) -> None:
    damage(path, 0, bytes(PAGE_BYTES))
    with opened(path) as outbox:
        assert outbox.backlog().records == 6
    damage(path, path.read_bytes().index(b"receipted"), b"deceipted")
    with opened(path) as outbox:
        assert [report.set_aside for report in outbox.salvages()] == ["outbox.damaged-1", "outbox.damaged-2"]
        assert outbox.salvages()[0].count(Fate.RECEIPTED) == 0
        assert outbox.salvages()[1].count(Fate.RECEIPTED) == 2
        assert outbox.backlog().records == 6


def test_a_record_that_left_no_trace_is_told_as_unknown(path: Path, entries: list[Entry]) -> None:
    with sqlite3.connect(path) as surgeon:
        surgeon.execute("DELETE FROM ledger WHERE seq = 4")
        surgeon.execute("DELETE FROM sealed WHERE seq = 4")
    surgeon.close()
    with opened(path) as outbox:
        assert Span(entries[0].epoch, 4, 4, Fate.UNKNOWN) in outbox.salvages()[0].spans


@pytest.mark.red_line(14)
@pytest.mark.parametrize(
    "surgery",
    [
        "UPDATE ledger SET state = 2 WHERE seq = 5",
        "UPDATE ledger SET state = 7 WHERE seq = 5",
        "UPDATE ledger SET state = x'00' WHERE seq = 5",
        "UPDATE ledger SET seq = 50 WHERE seq = 5",
        "UPDATE ledger SET epoch = 'text' WHERE seq = 5",
        "UPDATE ledger SET size = -1 WHERE seq = 5",
        "DELETE FROM ledger WHERE seq = 5",
        "DELETE FROM ledger WHERE seq = 2",
        "UPDATE sealed SET record_id = zeroblob(16) WHERE seq = 3",
        "INSERT INTO sealed SELECT 99, epoch, seq, record_id, sha256, size, crc, bytes FROM sealed WHERE seq = 3",
        "UPDATE life SET epoch = x'00'",
        "UPDATE life SET epoch = 'sixteen letters!'",
        "DELETE FROM life",
        "PRAGMA application_id = 7",
    ],
)
def test_rows_that_contradict_each_other_are_damage_and_no_bytes_are_lost(
    path: Path, entries: list[Entry], surgery: str
) -> None:
    with sqlite3.connect(path) as surgeon:
        surgeon.execute(surgery)
    surgeon.close()
    with opened(path) as outbox:
        (report,) = outbox.salvages()
        told = {
            seq: span.fate
            for span in report.spans
            for seq in range(span.first, span.last + 1)
            if span.epoch == entries[0].epoch
        }
        waiting = {entry.seq: entry for entry in outbox.waiting(10)}
        for entry in entries[2:]:
            if told[entry.seq] is Fate.SAVED:
                assert outbox.read(waiting[entry.seq].record_id)
            else:
                assert (told[entry.seq], surgery[:13]) == (Fate.LOST, "UPDATE sealed")
        assert waiting.keys() | {1, 2} | ({3} if "sealed SET" in surgery else set()) == set(range(1, 9))


def test_bytes_that_the_ledger_knows_under_another_label_were_never_committed(path: Path, entries: list[Entry]) -> None:
    with opened(path.with_name("other.db")) as other:
        fill(other, range(30, 35))
    with sqlite3.connect(path) as surgeon:
        surgeon.execute("ATTACH ? AS other", (str(path.with_name("other.db")),))
        surgeon.execute("DELETE FROM sealed WHERE place = 5")
        surgeon.execute("INSERT INTO sealed SELECT * FROM other.sealed WHERE place = 5")
    surgeon.close()
    with opened(path) as outbox:
        assert [entry.seq for entry in outbox.waiting(10)] == [3, 4, 6, 7, 8]
        assert Span(entries[0].epoch, 5, 5, Fate.LOST) in outbox.salvages()[0].spans


@pytest.mark.parametrize("left", [b"", b"not a database at all", bytes(5000)])
def test_a_file_with_nothing_left_in_it_is_set_aside_and_work_goes_on(path: Path, left: bytes) -> None:
    path.write_bytes(left)
    with opened(path) as outbox:
        assert outbox.append(an_id(1), sealing(1)).seq == 1
    assert path.with_name("outbox.damaged-1").read_bytes() == left


def test_a_file_that_says_that_nobody_may_write_it_is_damaged(path: Path, entries: list[Entry]) -> None:
    damage(path, 18, b"\x03")  # the format's write version: later than any that this SQLite may write
    with opened(path) as outbox:
        outbox.append(an_id(70), sealing(70))
        assert outbox.backlog().records == 7


def test_a_salvage_that_was_cut_off_is_done_again_under_the_same_name(path: Path, entries: list[Entry]) -> None:
    damage(path, 0, bytes(PAGE_BYTES))
    path.with_name("outbox.damaged-1").write_bytes(b"an earlier damage")
    path.with_name("outbox.damaged-2").hardlink_to(path)
    path.with_name("outbox.new").write_bytes(b"half a file")
    path.with_name("outbox.new-journal").write_bytes(b"half a journal")
    with opened(path) as outbox:
        assert outbox.salvages()[0].set_aside == "outbox.damaged-2"
        assert outbox.backlog().records == 6
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "outbox.damaged-1",
        "outbox.damaged-2",
        "outbox.db",
        "outbox.db-journal",
        "outbox.lock",
    ]


def test_what_is_waiting_counts_as_room_taken_after_a_salvage(path: Path, entries: list[Entry]) -> None:
    damage(path, 0, bytes(PAGE_BYTES))
    with opened(path, Limits(max_bytes=1 << 20, max_records=7, keep_free_bytes=0)) as outbox:
        assert outbox.room().records == 1


def test_a_disk_that_damages_what_was_just_salvaged_is_not_tried_for_ever(path: Path, entries: list[Entry]) -> None:
    outbox = Outbox.open(path, ROOMY)

    def work(_: object) -> None:
        raise OutboxDamagedError("again")

    with pytest.raises(OutboxDamagedError, match="again"):
        outbox._run(work)
    assert len(outbox.salvages()) == 1
    outbox.close()
