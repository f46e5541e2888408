"""What the courier says of itself, and which word of the kiosk's it takes along."""

from __future__ import annotations

import pytest

from edge_agent.vitals import Vitals
from edge_agent.wire import status
from tests.support.spool import Spool
from tests.unit.device.world import World


@pytest.fixture
def spool(tmp_path):
    with Spool(World(tmp_path).here) as kiosk:
        yield kiosk


def said(spool) -> status.Status:
    return status.read(Vitals(spool.settings, spool.outbox, []).now(0, online=True))


def test_it_takes_the_kiosks_signed_word_along(spool):
    spool.fill(1)
    assert said(spool).health == spool.settings.health_file.read_bytes()


def test_a_word_that_a_power_cut_left_empty_is_no_word(spool):
    spool.fill(1)
    spool.settings.health_file.write_bytes(b"")
    assert said(spool).health is None
