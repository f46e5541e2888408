"""A cluster of three loses its leader, then its majority, then an intake: each record arrives exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.conftest import KIOSKS
from tests.support.live import left
from tests.support.waiting import until
from tests.system.intake_that_dies import DIED

if TYPE_CHECKING:
    from tests.cluster.conftest import ClusterFleet

RECORDS = 5_000
EACH = RECORDS // len(KIOSKS)


@pytest.mark.red_line(14)
@pytest.mark.timeout(900)
def test_a_cluster_that_loses_leader_majority_and_an_intake_loses_no_record_and_doubles_none(live: ClusterFleet):
    cluster = live.cluster
    spools = [live.spool(kiosk) for kiosk in KIOSKS]
    for spool in spools:
        spool.fill(EACH)
    live.intake()
    dying = live.intake("tests.system.intake_that_dies", "20")
    for kiosk in KIOSKS:
        live.courier(kiosk=kiosk)

    until(lambda: left(*spools) < 0.9 * RECORDS, "the first receipts")
    leader = cluster.leader()
    leader.kill()
    before = left(*spools)
    until(lambda: left(*spools) < before - 0.05 * RECORDS, "receipts without the leader")
    leader.start()
    until(leader.is_up, "the leader that was killed")

    two = cluster.nodes[:2]
    for node in two:
        node.stop()
    for node in two:
        node.start()
    cluster.wait()

    assert dying.wait(timeout=300) == DIED
    live.intake()
    live.assert_all_arrived_once(*spools)
    assert sum(len(spool.sealed) for spool in spools) == RECORDS
    assert cluster.waiting()["homeward-undelivered"] == 0
