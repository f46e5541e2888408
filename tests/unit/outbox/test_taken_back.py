"""What a person takes back is destroyed at once; its place stays accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import NotWaitingError
from edge_agent.outbox import Backlog, Outbox, Settlement, State
from tests.unit.outbox.world import an_id, damage, fill, must_not_seal, opened, receipt, sealing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.red_line(1)
def test_a_record_that_is_taken_back_is_destroyed_and_its_place_stays_accounted_for(path: Path) -> None:
    with opened(path) as kiosk, opened(path) as courier:
        first, second, third = fill(kiosk, range(3), size=6000)
        sealed = courier.read(second.record_id)
        assert sealed in path.read_bytes()
        assert kiosk.take_back(second.record_id)
        left = path.read_bytes()
        assert not any(sealed[at : at + 50] in left for at in range(0, 5950, 50))
        assert [entry.record_id for entry in courier.waiting(9)] == [first.record_id, third.record_id]
        assert courier.backlog() == Backlog(2, 12_000)
        with pytest.raises(NotWaitingError):
            courier.read(second.record_id)
    with opened(path) as outbox:
        (entry,) = outbox.taken_back()
        assert (entry.seq, entry.sha256, entry.record_id) == (2, second.sha256, second.record_id)
        assert entry.state is State.TAKEN_BACK
        assert outbox.append(second.record_id, must_not_seal) == entry
        assert outbox.append(an_id(4), sealing(4)).seq == 4


def test_taking_back_says_whether_the_record_is_known(outbox: Outbox) -> None:
    (entry,) = fill(outbox, range(1))
    assert not outbox.take_back(an_id(77))
    assert outbox.take_back(entry.record_id)
    assert outbox.take_back(entry.record_id)  # so that it can be asked again when the answer was lost


@pytest.mark.red_line(11)
def test_what_has_its_receipt_already_can_be_taken_back_all_the_same(path: Path) -> None:
    with opened(path) as kiosk, opened(path) as courier:
        first, second = fill(kiosk, range(2), size=9000)
        sealed = kiosk.read(first.record_id)
        receipt(courier, first, second)
        assert sealed[-100:] in path.read_bytes(), "its blocks are still to be given back"
        assert kiosk.take_back(first.record_id)
        assert sealed[-100:] not in path.read_bytes()
        assert courier.mark_receipted({first.record_id: first.sha256}) == {first.record_id: Settlement.TAKEN_BACK}
    with opened(path) as outbox:
        assert [entry.record_id for entry in outbox.taken_back()] == [first.record_id]
        outbox.withdrawn([first.record_id])
        assert outbox.taken_back() == []


@pytest.mark.red_line(11)
def test_it_can_also_when_only_its_tombstone_was_carried_to_another_file(path: Path) -> None:
    with opened(path, renew_after=1) as kiosk, opened(path, renew_after=1) as courier:
        (entry,) = fill(kiosk, range(1))
        first_file = path.stat().st_ino
        receipt(courier, entry)
        courier.tidy()
        assert path.stat().st_ino != first_file
        assert kiosk.take_back(entry.record_id)
        courier.tidy()
    with opened(path) as outbox:
        assert [one.record_id for one in outbox.taken_back()] == [entry.record_id]


def test_a_late_receipt_of_a_record_that_was_taken_back_leaves_the_withdrawal_to_be_made(outbox: Outbox) -> None:
    (entry,) = fill(outbox, range(1))
    outbox.mark_sent([entry.record_id])
    outbox.take_back(entry.record_id)
    assert outbox.mark_receipted({entry.record_id: entry.sha256}) == {entry.record_id: Settlement.TAKEN_BACK}
    assert len(outbox.taken_back()) == 1
    outbox.withdrawn([entry.record_id, an_id(77)])
    assert outbox.taken_back() == []
    assert outbox.mark_receipted({entry.record_id: entry.sha256}) == {entry.record_id: Settlement.ALREADY}


def test_what_was_taken_back_is_remembered_until_its_withdrawal_has_arrived(path: Path) -> None:
    with opened(path, renew_after=100_000) as outbox:
        fill(outbox, range(1), size=100)
        outbox.take_back(an_id(0))
        for start in range(1, 1121, 40):
            receipt(outbox, *fill(outbox, range(start, start + 40), size=100))
            outbox.tidy()
        assert [entry.seq for entry in outbox.taken_back()] == [1]


@pytest.mark.red_line(1)
def test_what_is_taken_back_goes_from_damaged_files_that_were_set_aside_too(path: Path) -> None:
    with opened(path) as outbox:
        entries = fill(outbox, range(3))
        sealed = outbox.read(entries[1].record_id)
    damage(path, 0, bytes(100))
    with opened(path) as outbox:
        aside = path.with_name(outbox.salvages()[0].set_aside)
        assert sealed in aside.read_bytes()
        assert outbox.take_back(entries[1].record_id)
        assert sealed[-100:] not in aside.read_bytes() + path.read_bytes()
