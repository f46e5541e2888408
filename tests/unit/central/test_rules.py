"""What goes out of quarantine with a withdrawal: the kiosk's own record, and nothing of anybody else."""

from __future__ import annotations

import pytest

from central.store.rules import may_take_back
from tests.unit.central.world import Fleet


@pytest.fixture
def kiosk():
    return Fleet().add("k1")


@pytest.mark.red_line(11)
def test_a_withdrawal_takes_its_own_kiosks_refused_record_along(kiosk):
    assert may_take_back("k1", kiosk.next())


@pytest.mark.red_line(14)
def test_another_kiosks_refused_record_stays(kiosk):
    assert not may_take_back("k2", kiosk.next())


def test_a_refused_withdrawal_stays_for_it_can_not_be_taken_back(kiosk):
    kiosk.next()
    assert not may_take_back("k1", kiosk.take_back())


@pytest.mark.red_line(11)
def test_bytes_that_nobody_can_read_go_with_whoever_names_them():
    assert may_take_back("k1", b"not a record")
