"""Our own code and the schema, held against every vector."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_agent import errors
from edge_agent.errors import WireError
from edge_agent.wire import keys, sealing
from tests.vectors import cddl
from tests.vectors.reader import CASES, HERE, Fleet, load_cases, outcome

VECTORS = load_cases()


def named(case: dict[str, Any]) -> str:
    return case["name"]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet.load()


@pytest.mark.parametrize("case", VECTORS, ids=named)
def test_each_vector_ends_as_it_says(case: dict[str, Any], fleet: Fleet) -> None:
    assert outcome(case, fleet) == case["expect"]


@pytest.mark.parametrize("case", [c for c in VECTORS if c["schema"]], ids=named)
def test_the_schema_accepts_and_refuses_as_each_vector_says(case: dict[str, Any]) -> None:
    try:
        cddl.validate(cddl.RULES[case["kind"]], bytes.fromhex(case["input"]))
        found = "accepts"
    except cddl.RefusedError:
        found = "refuses"
    if case["name"] in cddl.MISSED:
        assert found == "accepts", "pycddl sees it now: take it out of cddl.MISSED"
    else:
        assert found == case["schema"]


@pytest.mark.parametrize("case", [c for c in VECTORS if "plain" in c], ids=named)
def test_the_schema_accepts_the_reports_inside(case: dict[str, Any]) -> None:
    cddl.validate("report", bytes.fromhex(case["plain"]))


def test_the_schema_accepts_what_is_sealed_into_documents(fleet: Fleet) -> None:
    cddl.validate("signed-bundle", bytes.fromhex(json.loads((HERE / "fleet.json").read_text())["bundle"]))
    assert fleet.bundle.recipients


def test_every_code_that_reading_can_give_has_a_vector() -> None:
    def codes(family: type[WireError]) -> set[str]:
        return {family.code}.union(*(codes(kind) for kind in family.__subclasses__()))

    by_vectors = {case["expect"] for case in VECTORS}
    by_vectors |= {arrival["expect"] for case in VECTORS for arrival in case.get("arrivals", [])}
    assert codes(WireError) - by_vectors == {errors.WireError.code}, "the family's own code is never raised"


def test_each_file_is_named_as_its_vector() -> None:
    assert {path.stem for path in CASES.glob("*.json")} == {case["name"] for case in VECTORS}


@pytest.mark.parametrize("case", [c for c in VECTORS if c["name"] == "record-one-recipient"], ids=named)
def test_every_single_byte_of_a_record_counts(case: dict[str, Any], fleet: Fleet) -> None:
    whole = bytes.fromhex(case["input"])
    for at in range(len(whole)):
        altered = bytearray(whole)
        altered[at] ^= 1 << (at % 8)
        with pytest.raises(WireError):
            fleet.registry.verify(sealing.parse_record(bytes(altered)))


@pytest.mark.parametrize("case", [c for c in VECTORS if c["name"] == "record-one-recipient"], ids=named)
def test_a_record_cut_off_anywhere_is_refused(case: dict[str, Any]) -> None:
    whole = bytes.fromhex(case["input"])
    for length in range(0, len(whole), 7):
        with pytest.raises(WireError):
            sealing.parse_record(whole[:length])


def test_the_keys_belong_to_one_another() -> None:
    plain = json.loads((HERE / "fleet.json").read_text())
    for key in plain["recipients"].values():
        private = keys.RecipientPrivateKey(bytes.fromhex(key["private"]))
        assert private.public_key.raw.hex() == key["public"]
