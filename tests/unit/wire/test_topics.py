from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import MalformedError
from edge_agent.wire import topics
from edge_agent.wire.topics import Address, Channel

ids = st.from_regex(r"\A[a-z0-9-]{1,32}\Z")


@given(fleet=ids, kiosk=ids, channel=st.sampled_from(Channel))
def test_a_topic_is_taken_apart_into_what_it_was_made_of(fleet: str, kiosk: str, channel: Channel) -> None:
    address = Address(fleet, kiosk)
    assert topics.parse(address.topic(channel)) == (address, channel)


def test_the_topic_of_a_kiosks_records() -> None:
    assert Address("lighthouse", "station-1").topic(Channel.RECORDS) == "homeward/1/lighthouse/station-1/records"


def test_the_filter_for_every_kiosk_of_a_fleet() -> None:
    assert topics.of_every_kiosk("lighthouse", Channel.STATUS) == "homeward/1/lighthouse/+/status"


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "homeward/1/f/k",
        "homeward/1/f/k/records/more",
        "homeward/2/f/k/records",
        "elsewhere/1/f/k/records",
        "homeward/1/f/k/gossip",
        "homeward/1/F/k/records",
        "homeward/1/f/k.k/records",
        "homeward/1/f/+/records",
        "homeward/1//k/records",
        "homeward/1/f/k\n/records",
        "/homeward/1/f/k/records",
    ],
)
def test_a_topic_that_is_not_ours_is_refused(topic: str) -> None:
    with pytest.raises(MalformedError):
        topics.parse(topic)


@pytest.mark.parametrize("name", ["", "a" * 33, "A", "a b", "a/b", "a.b", "+", "#", "ä", "a\n"])
def test_an_id_that_some_broker_could_not_carry_is_refused(name: str) -> None:
    with pytest.raises(MalformedError, match="no id"):
        topics.check_id(name)
    with pytest.raises(MalformedError):
        topics.of_every_kiosk(name, Channel.RECORDS)
