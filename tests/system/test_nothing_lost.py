"""Whatever dies, and whenever: each record arrives exactly once in the store, and the outbox ends empty."""

from __future__ import annotations

import random  # noqa: TID251  # seeded, so that each run tries the same moments
from typing import TYPE_CHECKING

import pytest

from central.intake.core import MAX_BATCH
from tests.support.live import SOON, left
from tests.support.waiting import until
from tests.system.intake_that_dies import DIED

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.children import Child
    from tests.support.spool import Spool

pytestmark = pytest.mark.red_line(14)

ENOUGH = 200
BACKLOG = 120
KIOSKS = [f"kiosk-{number}" for number in range(1, 6)]
THOUSANDS = 5_000
SLOWLY = f"{SOON}\nwindow = 4"  # so that there is a middle to be hit
STEPS = 150_000  # of a courier that delivers a backlog, about


def heard(child: Child, event: str) -> int:
    return sum(line["event"] == event for line in child.said)


def cut_in_the_middle(spool: Spool, cut: Callable[[random.Random], None], *, times: int) -> None:
    """Queue records and `cut`, until it has been in mid-delivery so many times."""
    luck = random.Random("nothing lost")
    hits = 0
    while hits < times or len(spool.sealed) < ENOUGH:
        assert len(spool.sealed) < 50 * BACKLOG, "the middle was never hit"
        spool.fill(BACKLOG - spool.left)
        cut(luck)
        hits += 0 < spool.left < BACKLOG


def after_some_receipts(courier: Child, luck: random.Random) -> None:
    wanted = heard(courier, "receipted") + luck.randrange(1, BACKLOG // 4)
    until(lambda: heard(courier, "receipted") >= wanted, "receipts")


def test_a_broker_that_is_killed_in_mid_delivery_again_and_again_loses_nothing(live):
    spool = live.spool(delivery=SLOWLY)
    broker = live.broker()
    live.intake()
    courier = live.courier()
    connections = 0

    def kill_the_broker(luck: random.Random) -> None:
        nonlocal broker, connections
        # Receipts that were gathered before the last kill are told after it: they are no sign of this connection.
        until(lambda: heard(courier, "connected") > connections, "the courier's connection")
        connections = heard(courier, "connected")
        after_some_receipts(courier, luck)
        broker.kill()
        broker = live.broker()

    cut_in_the_middle(spool, kill_the_broker, times=4)
    live.assert_all_arrived_once(spool)
    assert heard(courier, "connected") >= 4


def test_a_courier_that_is_killed_at_random_points_again_and_again_loses_nothing(live):
    spool = live.spool(delivery=SLOWLY)
    live.broker()
    live.intake()

    def a_short_life(luck: random.Random) -> None:
        courier = live.courier("tests.system.courier_that_dies", str(luck.randrange(STEPS)))
        until(lambda: courier.exit_status is not None or spool.left == 0, "its death, or an empty outbox")
        courier.kill()

    cut_in_the_middle(spool, a_short_life, times=10)
    live.courier()
    live.assert_all_arrived_once(spool)


def test_a_courier_that_is_asked_to_end_in_mid_delivery_ends_well_and_loses_nothing(live):
    spool = live.spool(delivery=SLOWLY)
    live.broker()
    live.intake()

    def a_short_life(luck: random.Random) -> None:
        courier = live.courier()
        after_some_receipts(courier, luck)
        assert courier.stop() == 0
        assert courier.wait_for("stopped", timeout=1)["backlog"] == spool.left

    cut_in_the_middle(spool, a_short_life, times=3)
    live.courier()
    live.assert_all_arrived_once(spool)


@pytest.mark.parametrize("store", ["live", "live_in_postgres"])
def test_an_intake_that_dies_between_commit_and_receipt_stores_nothing_twice_and_loses_nothing(store, request):
    live = request.getfixturevalue(store)
    spool = live.spool()
    live.broker()
    deaths = random.Random("deaths")
    intake = live.intake("tests.system.intake_that_dies", "1")
    courier = live.courier()
    committed_without_receipt = 0
    for _ in range(6):
        spool.fill(2 * MAX_BATCH)  # so that a second batch must come
        assert intake.wait(timeout=60) == DIED
        committed_without_receipt += len(live.stored()) > len(spool.sealed) - spool.left
        intake = live.intake("tests.system.intake_that_dies", str(deaths.randint(1, 2)))
    intake.kill()
    assert committed_without_receipt > 3, "it was meant to die just there"
    last = live.intake()
    live.assert_all_arrived_once(spool)
    assert len(spool.sealed) >= ENOUGH
    assert sum(line.get("duplicate", 0) for line in last.said if line["event"] == "taken") > 0
    assert heard(courier, "receipt_not_believed") == 0


def test_a_database_that_is_stopped_and_killed_in_mid_delivery_again_and_again_loses_nothing(
    live_in_postgres, database
):
    live = live_in_postgres
    spool = live.spool(delivery=SLOWLY)
    live.broker()
    intake = live.intake()
    courier = live.courier()

    def take_the_database_away(luck: random.Random) -> None:
        after_some_receipts(courier, luck)
        waits = heard(intake, "store_unavailable")
        luck.choice([database.stop, database.kill])()
        spool.fill(1)  # so that there is something that can't be kept
        until(lambda: heard(intake, "store_unavailable") > waits, "the intake's word that it waits")
        database.start()

    cut_in_the_middle(spool, take_the_database_away, times=4)
    live.assert_all_arrived_once(spool)
    assert intake.exit_status is None, "it waits; it doesn't give up"


@pytest.mark.timeout(900)
def test_thousands_of_records_outlive_a_killed_broker_a_database_that_stops_and_a_dead_intake(
    live_in_postgres, database
):
    live = live_in_postgres
    spools = [live.spool(kiosk) for kiosk in KIOSKS]
    for spool in spools:
        spool.fill(THOUSANDS // len(KIOSKS))
    broker = live.broker()
    intake = live.intake()
    for kiosk in KIOSKS:
        live.courier(kiosk=kiosk)

    def some_more() -> None:
        before = left(*spools)
        until(lambda: left(*spools) < before - 0.05 * THOUSANDS, "more receipts")

    some_more()
    broker.kill()
    live.broker()
    some_more()
    database.stop()
    until(lambda: heard(intake, "store_unavailable") > 0, "the intake's word that it waits")
    database.start()
    some_more()
    intake.stop()
    assert live.intake("tests.system.intake_that_dies", "3").wait(timeout=300) == DIED
    assert left(*spools), "it was meant to die in mid-delivery"
    live.intake()
    live.assert_all_arrived_once(*spools)
    assert sum(len(spool.sealed) for spool in spools) == THOUSANDS


def test_a_broker_that_forgets_all_it_has_acknowledged_loses_nothing(live):
    spool = live.spool()
    broker = live.broker()
    live.intake().stop()  # its session stays: the broker takes records for it, and acknowledges them
    courier = live.courier()
    spool.fill(ENOUGH)
    until(lambda: heard(courier, "acknowledged") == ENOUGH, "the broker's word for every record")
    assert spool.left == ENOUGH, "an acknowledgement is no receipt"
    broker.kill()
    live.wipe_broker()
    live.broker()
    live.intake()
    live.assert_all_arrived_once(spool)
