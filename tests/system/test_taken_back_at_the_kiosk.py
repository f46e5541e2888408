"""Somebody thinks better of it in the last scene, when the report has arrived long since: it is erased where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.hardware.clock import SystemClock
from edge_agent.reporting import Queued, Reporter
from edge_agent.trust import TrustFile
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.live import LiveFleet


@pytest.mark.red_line(11)
def test_what_has_its_receipt_already_is_erased_at_the_intake_when_its_person_takes_it_back(live: LiveFleet) -> None:
    spool = live.spool()
    wanted, other = spool.fill(2)
    entry, _ = spool.outbox.waiting(2)
    live.broker()
    live.intake()
    live.courier()
    until(lambda: spool.left == 0, "the receipts of both")

    reporter = Reporter(spool.settings, SystemClock(), spool.signer, TrustFile(spool.settings.trust), spool.outbox)
    reporter.take_back(Queued(entry, "7YKB5HEQT", 0, entry.size, 0.0, 0.0))
    until(lambda: spool.left == 0 and not spool.outbox.taken_back(), "the withdrawal's receipt")
    with live.store() as store:
        assert [tombstone.record_id for tombstone in store.tombstones()] == [wanted]
        assert store.sealed(wanted) is None
        assert store.sealed(other) == spool.sealed[other]
