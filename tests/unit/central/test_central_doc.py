"""The page for those who run or write servers, held to the code: its example runs, its table of events is whole."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import central
from central.store.sqlite import open_reader
from central.times import now
from edge_agent.files import OWNER_ONLY, write_whole
from edge_agent.wire import receipts
from edge_agent.wire.receipts import Outcome
from provisioning.certificates import private_pem
from tests.unit.central.world import DAY, FLEET, Fleet
from tests.unit.docs.documents import read, rows

PAGE = "docs/central.md"
ROOT = Path(central.__file__).parents[1]
FATES = {"taken"}  # its facts are the fates


def test_the_example_takes_records_in_keeps_them_and_answers(tmp_path):
    fleet = Fleet()
    k1 = fleet.add("k1")
    trust, folder, program = tmp_path / "trust", tmp_path / "in", tmp_path / "example.py"
    fleet.write_trust(trust)
    write_whole(trust / "receipt.key", private_pem(fleet.receipts.private_key), mode=OWNER_ONLY)
    folder.mkdir()
    sealed = [k1.next(expires_at=now() + 90 * DAY) for _ in range(2)]
    for number, raw in enumerate(sealed):
        (folder / f"k1.{number}.cose").write_bytes(raw)
    (example,) = re.findall(r"```python\n(.*?)```", read(PAGE), re.DOTALL)
    assert len(example.splitlines()) <= 32
    program.write_text(example, encoding="utf-8")
    subprocess.run([sys.executable, program, FLEET, folder, trust], check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    assert not list(folder.glob("*.cose"))
    with open_reader(folder / "store.sqlite") as store:
        assert [store.sealed(kept.record_id) for kept in store.records()] == sealed
    receipt = receipts.trust((folder / "k1.0.receipt").read_bytes(), fleet.trusted_bundle())
    assert [entry.outcome for entry in receipt.entries] == [Outcome.STORED, Outcome.STORED]


def told_in_the_code():
    """Every event that the central side emits, with the names of its facts."""
    found = {}
    for file in (ROOT / "central").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "emit":
                (event,) = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                facts = found.setdefault(event, set())
                facts |= {keyword.arg for keyword in node.keywords if keyword.arg}
    return found


@pytest.mark.red_line(7)
def test_an_intake_says_nothing_but_what_the_page_lists():
    listed = {}
    for events, facts, _ in rows(PAGE, "## Watching an intake"):
        names = re.findall(r"`(\w+)`", events)
        for event in names:
            listed[event] = set(re.findall(r"`(\w+)`", facts))
    told = told_in_the_code()
    assert told.keys() == listed.keys()
    for event, facts in told.items():
        assert event in FATES or facts <= listed[event], event


def test_the_search_above_would_find_another_event():
    assert "receipts_given_up" in told_in_the_code()
    assert told_in_the_code()["receipts_given_up"] == {"count"}
