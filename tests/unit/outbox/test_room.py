"""How much an outbox takes, that it says so before anyone consents, and when a disk gets its space back."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import OutboxFullError
from edge_agent.outbox import Backlog, Limits, Link, Outbox, Room, State
from edge_agent.wire.fields import MAX_RECORD_BYTES
from tests.unit.outbox.world import an_id, fill, must_not_seal, opened, receipt, sealed_with, sealing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.red_line(14)
def test_room_is_told_before_anyone_consents(path: Path) -> None:
    with opened(path, Limits(max_bytes=3 * MAX_RECORD_BYTES, max_records=3, keep_free_bytes=0)) as outbox:
        assert outbox.room() == Room(3, 3 * MAX_RECORD_BYTES)
        entries = fill(outbox, range(2))
        assert outbox.room() == Room(1, 3 * MAX_RECORD_BYTES - 6000)
        fill(outbox, range(2, 3))
        with pytest.raises(OutboxFullError, match="as many records as it may") as caught:
            outbox.room()
        assert "Let the courier send" in caught.value.next_step
        receipt(outbox, entries[0])
        assert outbox.room().records == 1


@pytest.mark.red_line(14)
def test_full_is_when_a_record_of_the_largest_size_no_longer_fits(path: Path) -> None:
    with opened(path, Limits(max_bytes=MAX_RECORD_BYTES + 2999, max_records=10, keep_free_bytes=0)) as outbox:
        outbox.room()
        fill(outbox, range(1))
        with pytest.raises(OutboxFullError, match="as many bytes as it may"):
            outbox.room()


def test_an_append_past_the_bounds_is_refused_and_changes_nothing(path: Path) -> None:
    with opened(path, Limits(max_bytes=5000, max_records=2, keep_free_bytes=0)) as outbox:
        fill(outbox, range(1))
        with pytest.raises(OutboxFullError, match="bytes"):
            outbox.append(an_id(1), sealing(1))
        outbox.append(an_id(1), sealing(1, size=2000))
        with pytest.raises(OutboxFullError, match="records"):
            outbox.append(an_id(2), sealing(2, size=100))
        assert (outbox.backlog(), outbox.highest()[1]) == (Backlog(2, 5000), 2)


@pytest.mark.red_line(14)
def test_a_disk_with_no_more_than_what_is_to_be_kept_free_has_no_room(path: Path) -> None:
    keep_all = Limits(max_bytes=1 << 20, max_records=10, keep_free_bytes=1 << 60)
    with opened(path, keep_all) as outbox:
        with pytest.raises(OutboxFullError, match="No space"):
            outbox.room()
        fill(outbox, range(1))  # who has consented already gets in: that is what the kept space is for
        assert outbox.backlog().records == 1


def test_what_was_let_go_is_the_disks_again(path: Path) -> None:
    with opened(path) as outbox:
        entries = fill(outbox, range(40), size=MAX_RECORD_BYTES)
        outbox.append(an_id(99), sealing(99))
        receipt(outbox, *entries)
        while outbox.tidy():
            pass
        assert path.stat().st_blocks * 512 < 20 * MAX_RECORD_BYTES  # a little is kept, and some set aside for others
        assert outbox.read(an_id(99))


def with_a_little_let_go(path: Path) -> bytes:
    """Let a record go, and tidy up; give what is left of it behind its first block."""
    with opened(path) as outbox:
        receipt(outbox, *fill(outbox, range(1), size=MAX_RECORD_BYTES))
        assert not outbox.tidy()
    return behind_its_first_block(path)


def behind_its_first_block(path: Path) -> bytes:
    return path.read_bytes()[2 * 4096 : 4096 + MAX_RECORD_BYTES]


def test_a_little_that_was_let_go_is_the_disks_again_with_the_next_record(path: Path) -> None:
    assert any(with_a_little_let_go(path))
    with opened(path) as outbox:
        outbox.append(an_id(99), sealing(99))
        assert not any(behind_its_first_block(path))
        assert outbox.read(an_id(99))
        assert outbox.salvages() == ()


def test_a_little_that_was_let_go_is_the_disks_again_when_it_has_no_room(path: Path) -> None:
    assert any(with_a_little_let_go(path))
    full = Limits(max_bytes=1 << 20, max_records=10, keep_free_bytes=1 << 60)
    with opened(path, full) as outbox:
        assert not outbox.tidy()
        assert not any(behind_its_first_block(path))
        assert outbox.salvages() == ()


def test_a_disk_that_fills_up_in_the_middle_of_an_append_loses_nothing(outbox: Outbox, path: Path) -> None:
    fill(outbox, range(2))
    before = outbox.highest(), outbox.waiting(10)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5000, hard))
    try:
        with pytest.raises(OutboxFullError, match="No space"):
            outbox.append(an_id(5), sealing(5, size=9000))  # its beginning can still be written
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (outbox.highest(), outbox.waiting(10)) == before
    assert outbox.append(an_id(5), sealing(5)).seq == 3


# -- A new file in time ------------------------------------------------------------------------------------------------


def test_a_file_that_is_mostly_dead_is_exchanged_for_one_with_what_still_matters(path: Path) -> None:
    with opened(path, renew_after=100_000) as kiosk, opened(path, renew_after=100_000) as courier:
        entries = fill(kiosk, range(30), size=5000)
        kiosk.take_back(an_id(28))
        with opened(path) as before:
            before.mark_sent([an_id(29)])
        first = path.stat().st_ino
        receipt(courier, *entries[:27])
        courier.tidy()
        assert path.stat().st_ino != first
        assert path.stat().st_size < 50_000
        assert [(entry.seq, entry.state) for entry in kiosk.waiting(9)] == [(28, State.QUEUED), (30, State.SENT)]
        assert [entry.seq for entry in kiosk.taken_back()] == [29]
        assert kiosk.append(entries[0].record_id, must_not_seal).state is State.RECEIPTED
        links: list[Link] = []
        kiosk.append(an_id(50), lambda link: links.append(link) or b"sealed")
        assert links == [Link(entries[0].epoch, 31, entries[29].sha256)]
        assert courier.read(an_id(29)) == sealed_with(Link(entries[0].epoch, 30, entries[28].sha256), 29, 5000)
        assert (courier.backlog().records, courier.salvages()) == (3, ())


def test_a_file_with_much_that_waits_is_left_as_it_is(path: Path) -> None:
    with opened(path, renew_after=10_000) as outbox:
        entries = fill(outbox, range(8), size=5000)
        first = path.stat().st_ino
        receipt(outbox, *entries[:5])
        outbox.tidy()
        assert path.stat().st_ino == first


def test_a_new_file_is_not_begun_on_a_disk_without_the_space_for_it(path: Path) -> None:
    keep_all = Limits(max_bytes=1 << 20, max_records=100, keep_free_bytes=1 << 60)
    with opened(path, keep_all, renew_after=10_000) as outbox:
        entries = fill(outbox, range(8), size=5000)
        first = path.stat().st_ino
        receipt(outbox, *entries)
        outbox.tidy()
        assert path.stat().st_ino == first
