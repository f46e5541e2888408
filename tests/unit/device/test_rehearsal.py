"""Whether a report can be sealed is found out before anybody is asked for one; nothing of that stays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import HardwareError
from edge_agent.files import read_signer
from edge_agent.hardware.clock import SystemClock
from edge_agent.outbox import Limits, Outbox
from edge_agent.reporting import Reporter
from edge_agent.trust import TrustFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_agent.wire.keys import Signer
    from tests.unit.device.world import World

ROOMY = Limits(max_bytes=50_000_000, max_records=10, keep_free_bytes=0)


class Counted:
    """A signing key that says how often it was used."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.public_key = signer.public_key
        self.used = 0

    def sign(self, data: bytes) -> bytes:
        self.used += 1
        return self._signer.sign(data)


class Gone(Counted):
    """One whose chip doesn't answer any more."""

    def sign(self, data: bytes) -> bytes:
        raise HardwareError(f"no answer to {len(data)} bytes")


@pytest.fixture
def reporter(world: World) -> Iterator[Callable[[type[Counted]], tuple[Reporter, Counted, Outbox]]]:
    outbox = Outbox.open(world.settings.outbox_file, ROOMY)

    def make(kind: type[Counted]) -> tuple[Reporter, Counted, Outbox]:
        signer = kind(read_signer(Path(world.settings.signing_key)))
        return Reporter(world.settings, SystemClock(), signer, TrustFile(world.settings.trust), outbox), signer, outbox

    yield make
    outbox.close()


def test_it_is_tried_once_for_a_bundle_and_leaves_nothing(reporter):
    made, signer, outbox = reporter(Counted)
    made.check()
    made.check()
    assert signer.used == 1
    assert list(outbox.waiting(10)) == []


def test_a_key_that_signs_no_more_is_known_before_anybody_is_asked(reporter):
    made, _, _ = reporter(Gone)
    with pytest.raises(HardwareError, match="no answer"):
        made.check()
