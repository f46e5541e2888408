"""Which system is started: a table on one sector, as RAUC and the initial RAM disk use it."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.firmware.units import FIRMWARE

SLOTS = FIRMWARE / "update/tree/usr/local/lib/homeward/slots"
SECTOR = 512


class Chooser:
    def __init__(self, disk):
        self.disk = disk
        disk.write_bytes(bytes(2 * SECTOR))

    def __call__(self, *arguments):
        done = self.ask(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask(self, *arguments):
        known = os.environ | {"HOMEWARD_SLOTS": str(self.disk)}
        return subprocess.run([SLOTS, *arguments], capture_output=True, text=True, check=False, env=known)

    def install(self, slot):
        """What RAUC does around writing a slot."""
        self("set-state", slot, "bad")
        self("set-primary", slot)


@pytest.fixture
def chooser(tmp_path):
    return Chooser(tmp_path / "disk")


def test_a_new_kiosk_starts_the_system_it_came_with(chooser):
    assert [chooser("choose") for _ in range(5)] == ["a"] * 5
    assert chooser("get-state", "a") == "good"
    assert chooser("get-state", "b") == "bad"


def test_an_update_that_proves_itself_stays(chooser):
    chooser.install("b")
    assert chooser("choose") == "b"
    chooser("set-state", "b", "good")
    assert [chooser("choose") for _ in range(5)] == ["b"] * 5
    assert chooser("get-primary") == "b"


def test_an_update_that_never_comes_to_prove_itself_is_given_up_after_two_starts(chooser):
    chooser.install("b")
    assert [chooser("choose") for _ in range(6)] == ["b", "b", "a", "a", "a", "a"]
    assert chooser("get-primary") == "a"


def test_an_update_that_fails_its_test_is_given_up_at_once(chooser):
    chooser.install("b")
    assert chooser("choose") == "b"
    chooser("set-state", "b", "bad")
    assert chooser("choose") == "a"


def test_while_a_slot_is_written_the_other_is_started(chooser):
    chooser.install("b")
    chooser("set-state", "b", "good")
    chooser("set-state", "a", "bad")  # the power goes in the middle of writing a
    assert chooser("choose") == "b"


def test_with_no_good_slot_something_is_started_all_the_same(chooser):
    chooser("set-state", "a", "bad")
    assert chooser("choose") == "a"


@pytest.mark.parametrize(
    "sector", [b"\xff" * SECTOR, b"primary=c a=perhaps b", bytes(range(1, 256)) * 2, b"* * *", b""]
)
def test_a_damaged_sector_starts_what_the_kiosk_came_with(chooser, sector):
    chooser.disk.write_bytes(sector)
    assert chooser("choose") == "a"


@pytest.mark.parametrize(
    "slip", [(), ("set-primary",), ("set-primary", "c"), ("set-state", "a", "perhaps"), ("dance",)]
)
def test_a_slip_is_refused_and_changes_nothing(chooser, slip):
    before = chooser.disk.read_bytes()
    done = chooser.ask(*slip)
    assert done.returncode == 1
    assert "slots: '" in done.stderr
    assert chooser.disk.read_bytes() == before


ACTS = st.sampled_from([("choose",), ("prove",), ("install",), ("set-state", "bad")])


@settings(max_examples=12, deadline=None)
@given(acts=st.lists(ACTS, max_size=10))
def test_whatever_happens_a_slot_that_proved_itself_is_never_lost_to_one_that_did_not(acts, tmp_path_factory):
    chooser = Chooser(tmp_path_factory.mktemp("slots") / "disk")
    good, running = {"a"}, chooser("choose")
    for act in acts:
        other = "b" if running == "a" else "a"
        match act:
            case ("choose",):
                running = chooser("choose")
            case ("prove",):
                chooser("set-state", running, "good")
                good.add(running)
            case ("install",) if running in good:  # an update is installed by a system that has proved itself
                chooser.install(other)
                good.discard(other)
            case ("set-state", "bad") if running not in good:
                chooser("set-state", running, "bad")
    for _ in range(4):  # nobody proves anything any more
        running = chooser("choose")
    assert running in good
