"""Writes the vectors anew: `python -m tests.vectors.make`. Sealing and signing draw random numbers, so each run writes
other bytes; the files are committed and the tests read them."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

from edge_agent.wire import registry
from tests.vectors import (
    cddl,
    fleet,
    make_altered,
    make_arrivals,
    make_cbor,
    make_documents,
    make_enrolment,
    make_office,
    make_records,
)
from tests.vectors.reader import CASES, HERE, Fleet, outcome

if TYPE_CHECKING:
    from tests.vectors.case import Case


def main() -> None:
    plain_fleet = _fleet()
    (HERE / "fleet.json").write_text(_json(plain_fleet))
    trusted = Fleet(plain_fleet)
    for stale in CASES.glob("*.json"):
        stale.unlink()
    CASES.mkdir(exist_ok=True)
    made = (make_records, make_altered, make_arrivals, make_documents, make_enrolment, make_office, make_cbor)
    for case in chain.from_iterable(module.cases() for module in made):
        _check(case, trusted)
        (CASES / f"{case.name}.json").write_text(_json(case.plain()))
    print(f"{len(list(CASES.glob('*.json')))} vectors")


def _fleet() -> dict[str, Any]:
    return {
        "signers": {
            name: {
                "private": signer.private_key.private_numbers().private_value.to_bytes(32, "big").hex(),
                "public": signer.public_key.hex(),
            }
            for name, signer in fleet.SIGNERS.items()
        },
        "recipients": {
            name: {"private": key.raw.hex(), "public": key.public_key.raw.hex()}
            for name, key in fleet.RECIPIENTS.items()
        },
        "bundle": fleet.SIGNED_BUNDLE.hex(),
        "registry": registry.sign(fleet.REGISTRY, fleet.SIGNERS["orders"]).hex(),
    }


def _check(case: Case, trusted: Fleet) -> None:
    """A vector that our own reader or the schema sees otherwise is a mistake in the vector or in the code: stop."""
    assert not (CASES / f"{case.name}.json").exists(), f"two vectors named {case.name}"
    found = outcome(case.plain(), trusted)
    assert found == case.expect, f"{case.name}: {found}, not {case.expect}"
    if case.schema is not None:
        try:
            cddl.validate(cddl.RULES[case.kind], case.data)
            found = "accepts"
        except cddl.RefusedError:
            found = "refuses"
        assert (found == case.schema) is (case.name not in cddl.MISSED), f"{case.name}: the schema {found}"


def _json(plain: dict[str, Any]) -> str:
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
