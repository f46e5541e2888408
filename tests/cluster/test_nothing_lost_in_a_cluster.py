"""A cluster of three loses its leader, then its majority, then an intake: each record arrives exactly once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.cluster.conftest import KIOSKS
from tests.support.waiting import until
from tests.system.intake_that_dies import DIED

if TYPE_CHECKING:
    from tests.cluster.conftest import ClusterFleet
    from tests.support.spool import Spool

RECORDS = 5_000
EACH = RECORDS // len(KIOSKS)


def left(spools: list[Spool]) -> int:
    return sum(spool.left for spool in spools)


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

    until(lambda: left(spools) < 0.9 * RECORDS, "the first receipts")
    leader = cluster.leader()
    leader.kill()
    before = left(spools)
    until(lambda: left(spools) < before - 0.05 * RECORDS, "receipts without the leader")
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
    while waiting := left(spools):  # as long as it takes, while it goes on
        until(lambda waiting=waiting: left(spools) < waiting, "the next receipt")

    sent = {
        record_id: hashlib.sha256(sealed).digest() for spool in spools for record_id, sealed in spool.sealed.items()
    }
    stored = live.stored()
    assert len(stored) == len(sent) == RECORDS
    assert dict(stored) == sent
    assert live.quarantined() == {}
    assert live.gaps() == [{"kiosk": kiosk, "records": EACH, "findings": []} for kiosk in KIOSKS]
    assert cluster.waiting()["homeward-undelivered"] == 0
