import json
import re
import urllib.error
import urllib.request
from concurrent.futures import Future
from pathlib import Path

import pytest

import central
from central.intake.core import Arrival, Intake
from central.intake.metrics import MeasuredCarrier, MeasuredVault, Metrics, served
from central.store.sqlite_writer import open_store
from central.trust import Floor, LiveTrust
from edge_agent.errors import SettingsError, StoreError
from edge_agent.wire.topics import Channel
from provisioning.throwaway import free_port
from tests.unit.central.world import NOW, Fleet

DASHBOARD = Path(central.__file__).parent / "deploy" / "grafana-intake.json"


class Silence:
    def publish(self, letters):
        pass

    def acknowledge(self, arrivals):
        pass


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()


def test_what_is_taken_in_is_counted_by_what_became_of_it(tmp_path):
    fleet = Fleet()
    kiosk = fleet.add("k1")
    metrics = Metrics()
    trust = LiveTrust(fleet.write_trust(tmp_path / "trust"), Floor(), adopted=metrics.adopted, refused=print)
    with open_store(tmp_path / "store") as store:
        intake = Intake(
            MeasuredVault(store, metrics), trust, fleet.receipts, lambda: NOW, MeasuredCarrier(Silence(), metrics)
        )
        records = [(kiosk.topic(), kiosk.next()), (kiosk.topic(), kiosk.next()), (kiosk.topic(), b"nonsense")]
        arrivals = [Arrival(*m, None) for m in [*records, (kiosk.topic(Channel.STATUS), kiosk.status())]]
        intake.take(arrivals)
        intake.settle()
        intake.take(arrivals[:1])
        intake.settle()

    def value(name, **labels):
        return metrics.registry.get_sample_value(f"homeward_intake_{name}", labels)

    fates = ("stored", "duplicate", "refused", "heard", "replayed")
    assert [value("messages_total", fate=fate) for fate in fates] == [2, 1, 1, 1, 0]
    assert value("bytes_total") == sum(len(a.payload) for a in arrivals) + len(arrivals[0].payload)
    assert (value("commit_seconds_count"), value("receipts_seconds_count")) == (2, 2)
    assert (value("receipts_total"), value("acknowledged_total")) == (2, 5)
    assert (value("trust_version", document="bundle"), value("trust_version", document="registry")) == (1, 1)


def test_a_commit_that_fails_is_no_commit():
    class Failing:
        def commit(self, entries, at):
            failed = Future()
            failed.set_exception(StoreError("no"))
            return failed

    metrics = Metrics()
    with pytest.raises(StoreError):
        MeasuredVault(Failing(), metrics).commit([], NOW).result()
    assert metrics.registry.get_sample_value("homeward_intake_commit_seconds_count") == 0


def test_health_says_what_is_missing_and_comes_back_with_it():
    metrics, port, connected = Metrics(), free_port(), [True]
    metrics.watch(lambda: connected[0], lambda: 0)
    with served(metrics, port):
        assert get(port, "/health") == (200, '{"broker": true, "store": true}\n')
        metrics.store_waits()
        assert get(port, "/health") == (503, '{"broker": true, "store": false}\n')
        connected[0] = False
        assert get(port, "/health") == (503, '{"broker": false, "store": false}\n')
        metrics.kept([], 0.1)
        connected[0] = True
        assert get(port, "/health")[0] == 200
        assert "homeward_intake_store_waits_total 1.0" in get(port, "/metrics")[1]
        assert get(port, "/")[0] == 404


def test_nobody_can_ask_from_outside_and_nobody_is_served_afterwards():
    port = free_port()
    with served(Metrics(), port), pytest.raises(SettingsError, match="can't be served"), served(Metrics(), port):
        pass
    with pytest.raises(urllib.error.URLError):
        get(port, "/health")


def test_the_dashboard_asks_for_nothing_that_is_not_measured():
    measured = {
        f"{family.name}{suffix}"
        for family in Metrics().registry.collect()
        for suffix in {"counter": ["_total"], "histogram": ["_bucket"]}.get(family.type, [""])
    }
    shown = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = {
        name
        for panel in shown
        for target in panel["targets"]
        for name in re.findall(r"\b(?:homeward|process)_\w+", target["expr"])
    }
    assert asked <= measured
    ours = {name for name in measured if name.startswith("homeward")}
    assert ours <= asked, "what is measured is worth showing"
