"""A central server as staff set it up, and its command line."""

import json
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from central.intake.cli import app
from central.intake.core import judge
from central.store.sqlite_writer import open_store
from edge_agent.wire.sealing import parse_record
from tests.unit.central.world import NOW

SETTINGS = """
fleet = "coast"
receipt_key = "receipt.key"

[broker]
addresses = ["127.0.0.1:{port}"]
ca = "ca.pem"
certificate = "tls.pem"
key = "tls.key"

[store]
sqlite = "intake.sqlite"

[trust]
root = "root.pub"
bundle = "bundle.cose"
registry = "registry.cose"
"""


@dataclass
class Server:
    """A central server as staff set it up, its broker not running."""

    folder: Path
    port: int

    @property
    def config(self):
        return self.folder / "intake.toml"

    def run(self, *words):
        return CliRunner().invoke(app, [*words, "--config", str(self.config)])

    def lines(self, *words):
        return [json.loads(line) for line in self.run(*words, "--json").stdout.splitlines()]

    def keep(self, fleet, *messages):
        entries = [judge(topic, payload, fleet.registry()) for topic, payload in messages]
        with open_store(self.folder / "intake.sqlite") as store:
            return store.commit(entries, NOW).result()


def ids(raws):
    return [parse_record(raw).claims.record_id.hex() for raw in raws]
