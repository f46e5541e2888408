from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from provisioning.rabbitmq import ARRIVALS, UNDELIVERED
from provisioning.throwaway import INTAKE as FLEETS_INTAKE
from tests.support import rabbitmq
from tests.support.live import LiveFleet
from tests.support.postgres import INTAKE, Postgres
from tests.support.rabbitmq import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.spool import Spool

KIOSKS = [f"kiosk-{number}" for number in range(1, 6)]
CLAIMS = ["claim-1", "claim-2"]


class ClusterFleet(LiveFleet):
    """A fleet whose broker is a cluster: its kiosks know every node, its intakes read the cluster's queue."""

    def __init__(self, directory: Path, postgresql: str) -> None:
        super().__init__(directory, postgresql=postgresql)
        self.cluster = self._open.enter_context(Cluster(self.fleet, KIOSKS, [FLEETS_INTAKE], CLAIMS))
        nodes = [f"127.0.0.1:{node.amqps_port}" for node in self.cluster.nodes]
        self._point(self.fleet.intake_settings, nodes)
        with self.fleet.intake_settings.open("a", encoding="utf-8") as settings:
            settings.write(f'\n[broker.amqp]\nqueue = "{ARRIVALS}"\nundelivered = "{UNDELIVERED}"\n')

    def spool(self, kiosk: str = "kiosk-1", delivery: str = "receipt_timeout_s = 5\nrefused_again_s = 1") -> Spool:
        made = super().spool(kiosk, delivery)
        nodes = [f"127.0.0.1:{node.port}" for node in self.cluster.nodes]
        self._point(self.fleet.kiosk_directory(kiosk) / "kiosk.toml", nodes)
        return made

    def _point(self, settings: Path, nodes: list[str]) -> None:
        written = settings.read_text(encoding="utf-8")
        single = json.dumps([f"127.0.0.1:{self.fleet.port}"])
        assert single in written
        settings.write_text(written.replace(single, json.dumps(nodes)), encoding="utf-8")


@pytest.fixture(scope="session")
def database() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, database: Postgres) -> Iterator[ClusterFleet]:
    if missing := rabbitmq.what_is_missing():
        pytest.skip(f"no RabbitMQ cluster here: {missing}")
    with ClusterFleet(tmp_path_factory.mktemp("fleet"), database.conninfo(database.database(), INTAKE)) as fleet:
        yield fleet
