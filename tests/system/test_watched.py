"""The intake as whoever looks after it sees it: its figures, its health, its words, its end."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from central.intake.receiver import RECEIVE_MAXIMUM
from provisioning.throwaway import free_port
from tests.support.waiting import until
from tests.unit.docs.documents import rows

if TYPE_CHECKING:
    from tests.support.live import LiveFleet

MANY = 3 * RECEIVE_MAXIMUM


def watch(live: LiveFleet) -> int:
    port = free_port()
    with live.fleet.intake_settings.open("a", encoding="utf-8") as settings:
        settings.write(f"\n[metrics]\nport = {port}\n")
    return port


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def value(port: int, name: str) -> float:
    return next(
        float(line.rpartition(" ")[2]) for line in get(port, "/metrics")[1].splitlines() if line.startswith(name)
    )


def test_its_figures_are_what_happened_and_its_health_follows_the_broker(live):
    port = watch(live)
    spool = live.spool()
    broker = live.broker()
    intake = live.intake()
    live.courier()
    spool.fill(MANY)
    live.assert_all_arrived_once(spool)
    assert value(port, 'homeward_intake_messages_total{fate="stored"}') == len(spool.sealed)
    assert get(port, "/health")[0] == 200
    broker.stop()
    intake.wait_for("connection_lost", timeout=60)
    assert get(port, "/health") == (503, '{"broker": false, "store": true}\n')
    live.broker()
    until(lambda: get(port, "/health")[0] == 200, "its health, when the broker is back")


@pytest.mark.red_line(7)
def test_all_that_it_says_of_a_delivery_is_on_the_page(live):
    spool = live.spool()
    live.broker()
    intake = live.intake()
    live.courier()
    spool.fill(20)
    live.assert_all_arrived_once(spool)
    intake.stop()
    events = {
        name.strip("` ") for cells in rows("docs/central.md", "## Watching an intake") for name in cells[0].split(",")
    }
    said = intake.said
    assert {line["event"] for line in said} <= events
    assert {line["event"] for line in said} >= {"trust_adopted", "ready", "taken", "stopped"}
    written = json.dumps(said)
    assert not [record_id for record_id in spool.sealed if record_id.hex() in written]


def test_a_store_that_is_away_holds_the_kiosks_back_and_fills_no_memory(live_in_postgres, database):
    live = live_in_postgres
    port = watch(live)
    spool = live.spool()
    live.broker()
    intake = live.intake()
    live.courier()
    spool.fill(1)
    live.assert_all_arrived_once(spool)
    database.stop()
    spool.fill(MANY)
    intake.wait_for("store_unavailable", timeout=60)
    until(
        lambda: get(port, "/health") == (503, '{"broker": true, "store": false}\n'), "its word that the store is away"
    )
    assert value(port, "homeward_intake_waiting") <= RECEIVE_MAXIMUM
    assert value(port, "homeward_intake_acknowledged_total") <= 2, "the first record and a status"
    database.start()
    live.assert_all_arrived_once(spool)
    assert get(port, "/health")[0] == 200


def test_asked_to_end_it_settles_what_it_has_and_ends_well(live_in_postgres):
    live = live_in_postgres
    spool = live.spool()
    live.broker()
    intake = live.intake()
    live.courier()
    spool.fill(MANY)
    until(lambda: spool.left < MANY, "the first receipts")
    assert intake.stop() == 0
    assert intake.said[-1]["event"] == "stopped"
    live.intake()
    live.assert_all_arrived_once(spool)
