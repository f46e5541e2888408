"""What the outbox promises to the kiosk and the courier."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import OutboxError
from edge_agent.outbox import Backlog, Link, Outbox, Settlement, State
from edge_agent.wire.fields import MAX_RECORD_BYTES
from tests.unit.outbox.world import ROOMY, an_id, fill, must_not_seal, opened, receipt, sealed_with, sealing

if TYPE_CHECKING:
    from pathlib import Path


# -- Queueing ----------------------------------------------------------------------------------------------------------


def test_a_new_outbox_is_empty_and_has_an_epoch_of_its_own(outbox: Outbox, tmp_path: Path) -> None:
    epoch, seq = outbox.highest()
    assert (len(epoch), seq, outbox.backlog(), outbox.waiting(10)) == (16, 0, Backlog(0, 0), [])
    with opened(tmp_path / "another.db") as another:
        assert another.highest()[0] != epoch


def test_each_record_is_sealed_with_its_number_and_the_hash_of_the_one_before(outbox: Outbox) -> None:
    links: list[Link] = []

    def seal(link: Link) -> bytes:
        links.append(link)
        return sealed_with(link, link.seq)

    entries = [outbox.append(an_id(number), seal) for number in range(3)]
    epoch = outbox.highest()[0]
    assert links == [
        Link(epoch, 1, bytes(32)),
        Link(epoch, 2, hashlib.sha256(sealed_with(links[0], 1)).digest()),
        Link(epoch, 3, hashlib.sha256(sealed_with(links[1], 2)).digest()),
    ]
    assert [(entry.epoch, entry.seq, entry.state) for entry in entries] == [
        (epoch, seq, State.QUEUED) for seq in (1, 2, 3)
    ]


def test_the_chain_goes_on_after_reopening_and_after_every_record_was_let_go(path: Path) -> None:
    with opened(path) as outbox:
        entries = fill(outbox, range(2))
        receipt(outbox, *entries)
        epoch = outbox.highest()[0]
    with opened(path) as outbox:
        assert outbox.highest() == (epoch, 2)
        links: list[Link] = []
        outbox.append(an_id(9), lambda link: links.append(link) or b"sealed")
        assert links == [Link(epoch, 3, entries[-1].sha256)]


@pytest.mark.red_line(7)
def test_what_was_sealed_comes_back_byte_for_byte_and_stands_on_the_disk_as_it_was_sealed(
    outbox: Outbox, path: Path
) -> None:
    sealed = os.urandom(900)
    outbox.append(an_id(1), lambda _: sealed)
    assert outbox.read(an_id(1)) == sealed
    assert sealed in path.read_bytes()  # sealed bytes, and no other rendering of them


def test_a_seal_that_fails_leaves_everything_as_it_was(outbox: Outbox) -> None:
    fill(outbox, range(1))
    before = outbox.highest(), outbox.waiting(10)

    def seal(_: Link) -> bytes:
        raise OSError("the key holder does not answer")

    with pytest.raises(OSError, match="the key holder does not answer"):
        outbox.append(an_id(2), seal)
    assert (outbox.highest(), outbox.waiting(10)) == before
    assert outbox.append(an_id(2), sealing(2)).seq == 2


def test_a_record_is_not_queued_twice_however_often_it_is_appended(outbox: Outbox) -> None:
    (entry,) = fill(outbox, range(1))
    assert outbox.append(entry.record_id, must_not_seal) == entry
    receipt(outbox, entry)
    assert outbox.append(entry.record_id, must_not_seal).state is State.RECEIPTED
    assert outbox.backlog() == Backlog(0, 0)


@pytest.mark.parametrize("size", [0, MAX_RECORD_BYTES + 1])
def test_a_record_of_a_size_that_cannot_be_is_refused(outbox: Outbox, size: int) -> None:
    with pytest.raises(OutboxError, match=f"not {size}"):
        outbox.append(an_id(1), lambda _: bytes(size))
    assert outbox.highest()[1] == 0


def test_a_record_id_of_another_length_is_refused(outbox: Outbox) -> None:
    with pytest.raises(OutboxError, match="16 bytes, not 15"):
        outbox.append(bytes(15), must_not_seal)


# -- Sending and receipts ----------------------------------------------------------------------------------------------


def test_the_oldest_wait_first(outbox: Outbox) -> None:
    entries = fill(outbox, range(5))
    receipt(outbox, entries[1])
    assert outbox.waiting(3) == [entries[0], entries[2], entries[3]]
    assert outbox.backlog() == Backlog(4, 4 * 3000)


@pytest.mark.red_line(14)
def test_sent_means_that_it_may_need_sending_again(path: Path) -> None:
    with opened(path) as outbox:
        entries = fill(outbox, range(3))
        outbox.mark_sent([entries[0].record_id])
        assert [entry.state for entry in outbox.waiting(10)] == [State.SENT, State.QUEUED, State.QUEUED]
    with opened(path) as outbox:
        assert [entry.state for entry in outbox.waiting(10)] == [State.SENT, State.QUEUED, State.QUEUED]
        assert outbox.backlog().records == 3


def test_a_mark_of_sent_is_written_down_at_the_end_and_costs_the_card_nothing_before(path: Path) -> None:
    with opened(path) as kiosk:
        with opened(path) as courier:
            entries = fill(kiosk, range(2))
            size = path.stat().st_size
            courier.mark_sent([entry.record_id for entry in entries])
            assert path.stat().st_size == size
            receipt(courier, entries[0])
            assert [entry.state for entry in kiosk.waiting(10)] == [State.QUEUED]
        assert [entry.state for entry in kiosk.waiting(10)] == [State.SENT]


def test_a_receipt_lets_the_bytes_go_and_nothing_else_does(outbox: Outbox) -> None:
    first, second = fill(outbox, range(2))
    outbox.mark_sent([first.record_id])
    assert outbox.mark_receipted({first.record_id: first.sha256}) == {first.record_id: Settlement.SETTLED}
    assert [entry.record_id for entry in outbox.waiting(10)] == [second.record_id]
    with pytest.raises(OutboxError, match="waits"):
        outbox.read(first.record_id)


def test_what_waits_can_be_listed_and_asked_for_by_its_id(outbox: Outbox) -> None:
    entries = fill(outbox, range(3))
    receipt(outbox, entries[1])
    assert outbox.waiting_ids(9) == [entries[0].record_id, entries[2].record_id]
    assert outbox.waiting_ids(1) == [entries[0].record_id]
    assert [outbox.holds(entry.record_id) for entry in entries] == [True, False, True]


@pytest.mark.red_line(14)
def test_a_receipt_that_is_not_for_our_bytes_changes_nothing_and_says_so(outbox: Outbox) -> None:
    (entry,) = fill(outbox, range(1))
    receipts = {entry.record_id: bytes(32), an_id(77): entry.sha256}
    assert outbox.mark_receipted(receipts) == {
        entry.record_id: Settlement.OTHER_BYTES,
        an_id(77): Settlement.UNKNOWN,
    }
    assert outbox.read(entry.record_id)


def test_a_second_receipt_is_told_as_such(outbox: Outbox) -> None:
    (entry,) = fill(outbox, range(1))
    receipt(outbox, entry)
    assert outbox.mark_receipted({entry.record_id: entry.sha256}) == {entry.record_id: Settlement.ALREADY}


def test_tombstones_are_forgotten_in_the_end_and_waiting_records_never(path: Path) -> None:
    with opened(path) as outbox:
        (waiting,) = fill(outbox, range(1), size=100)
        for start in range(1, 1281, 40):
            receipt(outbox, *fill(outbox, range(start, start + 40), size=100))
        assert outbox.mark_receipted({an_id(1): bytes(32)}) == {an_id(1): Settlement.UNKNOWN}
        assert outbox.mark_receipted({an_id(1279): bytes(32)}) == {an_id(1279): Settlement.OTHER_BYTES}
        assert outbox.waiting(10) == [waiting]
        assert len(outbox._file.ledger.receipted) <= 1024 + 40
    with opened(path) as outbox:
        assert (outbox.highest()[1], outbox.salvages()) == (1281, ())
        assert outbox.waiting(10) == [waiting]


# -- Two at once -------------------------------------------------------------------------------------------------------


def test_what_the_kiosk_appends_the_courier_sees_at_once(path: Path) -> None:
    with opened(path) as kiosk, opened(path) as courier:
        (entry,) = fill(kiosk, range(1))
        assert courier.waiting(10) == [entry]
        receipt(courier, entry)
        assert kiosk.backlog() == Backlog(0, 0)


def test_the_files_belong_to_user_and_group_whatever_the_umask(path: Path) -> None:
    before = os.umask(0o077)
    try:
        with opened(path) as outbox:
            fill(outbox, range(1))
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"outbox.db": 0o660, "outbox.lock": 0o660}


def test_a_stranger_who_locks_the_outbox_is_told_as_that(outbox: Outbox, path: Path) -> None:
    with path.with_name("outbox.lock").open() as stranger:
        fcntl.flock(stranger, fcntl.LOCK_EX)
        with pytest.raises(OutboxError, match="locked by another program") as caught:
            outbox.append(an_id(1), sealing(1))
        assert "Close" in caught.value.next_step
    assert outbox.append(an_id(1), sealing(1)).seq == 1


# -- Faults ------------------------------------------------------------------------------------------------------------


def test_a_missing_folder_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="No such file") as caught:
        Outbox.open(tmp_path / "gone" / "outbox.db", ROOMY)
    assert "is mounted" in caught.value.next_step


def test_whoever_can_go_on_without_it_opens_it_by_the_first_use_that_can(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "later" / "outbox.db", ROOMY)) as outbox:
        for _ in range(2):
            with pytest.raises(OutboxError, match="No such file"):
                outbox.room()
        (tmp_path / "later").mkdir()
        assert len(fill(outbox, range(1))) == 1


@pytest.mark.red_line(14)
def test_an_outbox_that_vanishes_is_not_quietly_begun_anew(outbox: Outbox, path: Path) -> None:
    fill(outbox, range(1))
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(OutboxError, match="can't be opened"):
        outbox.append(an_id(2), sealing(2))
    path.with_name("elsewhere").rename(path)
    assert outbox.backlog().records == 1


def test_a_database_of_sqlite_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE ledger (place INTEGER)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(OutboxError, match="left alone") as caught:
        Outbox.open(path, ROOMY)
    assert "reports may wait in it" in caught.value.next_step
    assert path.read_bytes() == before
    assert not path.with_name("outbox.damaged-1").exists()


def test_a_file_of_another_layout_is_left_alone(path: Path) -> None:
    path.write_bytes(b"HMW\x02" + bytes(5000))
    with pytest.raises(OutboxError, match="newer version"):
        Outbox.open(path, ROOMY)
    assert not path.with_name("outbox.damaged-1").exists()


def test_closing_lets_go_even_when_the_marks_cannot_be_written(path: Path) -> None:
    outbox = Outbox.open(path, ROOMY, patience=0.01)
    (entry,) = fill(outbox, range(1))
    outbox.mark_sent([entry.record_id])
    with path.with_name("outbox.lock").open() as stranger:
        fcntl.flock(stranger, fcntl.LOCK_EX)
        with pytest.raises(OutboxError, match="locked"):
            outbox.close()
    with opened(path) as outbox:
        assert outbox.waiting(1) == [entry]
