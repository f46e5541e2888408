"""Two intakes at a cluster's queue: a newer registry that the office sends is in force at both.

Its parts come to one or the other, as the cluster sees fit; then a kiosk that was revoked is refused by both.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from edge_agent.wire import roll
from edge_agent.wire.roll import What
from edge_agent.wire.topics import Channel, Desk, desk
from provisioning.fleet import OFFICE
from tests.cluster.test_who_may_what import peer
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.children import Child
    from tests.cluster.conftest import ClusterFleet

SMALL = 60  # bytes: a registry of many parts


def with_files_of_its_own(live: ClusterFleet, name: str) -> Child:
    """Start an intake as on a machine of its own."""
    given = live.fleet.intake_settings
    own = given.parent.parent / name
    shutil.copytree(given.parent, own)
    settings = own / given.name
    settings.write_text(given.read_text(encoding="utf-8").replace(f"{given.parent}/", f"{own}/"), encoding="utf-8")
    return live.intake(settings=settings)


def in_force(intake: Child) -> int:
    return max(facts["registry"] for facts in intake.said if facts["event"] == "trust_adopted")


def refused(intake: Child) -> int:
    return sum(facts.get("refused", 0) for facts in intake.said if facts["event"] == "taken")


def test_a_newer_registry_is_in_force_at_every_intake_whichever_its_parts_came_to(live, tmp_path: Path):
    spool = live.spool("kiosk-3")
    intakes = [with_files_of_its_own(live, name) for name in ("intake-one", "intake-other")]
    before = in_force(intakes[0])
    live.fleet.revoke("kiosk-3")
    newer = live.fleet.registry_file.read_bytes()
    parts = roll.split(What.REGISTRY, before + 1, newer, SMALL)
    assert len(parts) > 3
    with peer(live, tmp_path / "office", OFFICE) as office:
        for part in parts:
            assert office.publish(desk(live.fleet.name, Desk.TRUST), part) == 0
    for intake in intakes:
        until(lambda intake=intake: in_force(intake) == before + 1, "the newer registry")

    topic = spool.settings.address.topic(Channel.RECORDS)
    with peer(live, tmp_path / "kiosk", "kiosk-3") as kiosk:

        def both_refuse() -> bool:
            raw = spool.sealed[spool.fill(1)[0]]
            assert kiosk.publish(topic, raw) == 0
            return all(refused(intake) for intake in intakes)

        until(both_refuse, "a record that each intake refuses")
    assert live.stored() == []
    assert {entry.reason for entry, _ in live.quarantined().values()} == {"revoked"}
