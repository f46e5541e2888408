"""The real intake, held against the vectors of messages that come one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from central.intake.core import answer, judge, taken_back
from central.store.port import Fate, Recall, Store
from central.store.sqlite_writer import open_store
from edge_agent.errors import ReplayError, UnknownVersionError, WrongSignerError
from edge_agent.wire import records, sealing, withdrawal
from edge_agent.wire.receipts import Outcome
from edge_agent.wire.topics import Address, Channel
from tests.vectors.fleet import NOON
from tests.vectors.reader import Fleet, load_cases

ARRIVALS = [case for case in load_cases() if case["kind"] == "arrivals"]
REFUSED = {Fate.FOREIGN: WrongSignerError.code, Fate.REPLAYED: ReplayError.code}


def of_a_kiosk(store: Store, data: bytes, fleet: Fleet) -> tuple[str, str | None]:
    """Give what the intake's receipt says of a message, and of the record that it takes back."""
    claims = records.parse(data).claims
    topic = (
        claims.topic
        if isinstance(claims, sealing.Claims)
        else Address(claims.fleet, claims.kiosk).topic(Channel.RECORDS)
    )
    entry = judge(topic, data, fleet.registry)
    (receipt,) = answer(zip([entry], store.commit([entry], NOON).result(), strict=True), NOON)
    own, *others = receipt.entries
    said = own.reason if own.outcome is Outcome.QUARANTINED else own.outcome.value
    assert said is not None
    return said, others[0].outcome.value if others else None


def of_the_desk(store: Store, data: bytes, fleet: Fleet) -> str:
    content = withdrawal.trust_desk(data, fleet.bundle)
    (fate,) = store.commit([Recall(data, content)], NOON).result()
    return REFUSED.get(fate) or taken_back(content.withdraws, fate).outcome.value


@pytest.mark.red_line(11)
@pytest.mark.parametrize("case", ARRIVALS, ids=lambda case: case["name"])
def test_each_message_is_answered_as_its_vector_says(case: dict[str, Any], tmp_path) -> None:
    fleet = Fleet.load()
    with open_store(tmp_path / "store") as store:
        for arrival in case["arrivals"]:
            data = bytes.fromhex(arrival["input"])
            expected = (arrival["expect"], arrival.get("withdrawn"))
            try:
                assert of_a_kiosk(store, data, fleet) == expected
            except UnknownVersionError:
                assert (of_the_desk(store, data, fleet), None) == expected
