"""A mosquitto of this computer is started again for each new list, never told to reload.

A reload breaks its list of sessions whose kiosks are away: docs/decisions/0011-mosquitto-is-started-again.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.broker_files import end_whoever_runs, start_again
from provisioning.mosquitto import PID_FILE
from tests.support.waiting import PATIENCE_S, until
from tests.unit.provisioning.place import Place


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    for kiosk in ("kiosk-1", "kiosk-2"):
        made.bring_to_life(kiosk)
        (tmp_path / "back").rename(tmp_path / f"back-{kiosk}")
    made.copy("broker", "acl")
    return made


def pid(place):
    return int((place.folder / "broker" / PID_FILE).read_text(encoding="ascii"))


def connected(place, kiosk):
    with place.courier(kiosk) as courier:
        courier.wait_for("connected", timeout=PATIENCE_S)


@pytest.mark.timeout(300)
def test_what_waits_for_a_kiosk_that_is_away_outlives_the_start_that_another_ones_revocation_takes(place):
    with place.mosquitto() as broker:
        connected(place, "kiosk-1")
        place.ok("order", "kiosk-1", "--mode", "pause", "--yes", *place.office)
        said = place.ok("revoke", "kiosk-2", "--confirm", "kiosk-2", *place.office)
        assert "in force: it may do nothing" in said
        assert broker.wait(PATIENCE_S) == 0
        assert pid(place) != broker.pid
        with place.courier("kiosk-1") as courier:
            courier.wait_for("orders_in_force", version=1, timeout=PATIENCE_S)
        with place.courier("kiosk-2") as courier:
            courier.wait_for("not_connected", timeout=PATIENCE_S)
            assert not any(line["event"] == "connected" for line in courier.said)


@pytest.mark.timeout(300)
def test_it_ends_soundly_however_often_it_was_started_again_while_kiosks_come_and_go(place):
    with place.mosquitto():
        for _ in range(5):
            connected(place, "kiosk-1")
            start_again(place.folder / "broker")
            connected(place, "kiosk-2")
        last = Path(f"/proc/{pid(place)}")
    until(lambda: not last.exists(), "its end")


def test_nobody_elses_mosquitto_is_ended(place, tmp_path):
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    with place.mosquitto() as broker:
        (other.folder / "broker" / PID_FILE).write_text(str(broker.pid), encoding="ascii")
        end_whoever_runs(other.folder / "broker")
        assert broker.exit_status is None
