"""The contract is enough to write a central server in another language: one in JavaScript serves a real kiosk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from provisioning.children import Child
from provisioning.throwaway import INTAKE
from tests.support.waiting import PATIENCE_S, until
from tests.vectors.test_javascript import NODE, READER

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = 30


def test_a_server_in_javascript_verifies_records_and_writes_receipts_that_the_courier_believes(live, tmp_path):
    spool = live.spool()
    live.broker()
    store = tmp_path / "store"
    store.mkdir()
    with Child("server", [str(NODE), "--no-warnings", str(READER / "server.js"), str(settings(live, store))]) as server:
        server.wait_for("ready", timeout=PATIENCE_S)
        spool.fill(RECORDS)
        courier = live.courier()
        until(lambda: spool.left == 0, "an empty outbox")
        assert not [line for line in courier.said if line["event"] == "receipt_not_believed"]
    assert {path.name: path.read_bytes() for path in store.iterdir()} == {
        record_id.hex(): sealed for record_id, sealed in spool.sealed.items()
    }


def settings(live, store: Path) -> Path:
    here = live.fleet.directory / "intake"
    names = {"ca": "ca.pem", "certificate": "tls.pem", "key": "tls.key", "root": "root.pub", "bundle": "bundle.cose"}
    names |= {"registry": "registry.cose", "receipt_key": "receipt.key"}
    content = {name: str(here / file) for name, file in names.items()}
    content |= {"broker": f"mqtts://127.0.0.1:{live.fleet.port}", "client_id": INTAKE, "store": str(store)}
    path = store.parent / "server.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
