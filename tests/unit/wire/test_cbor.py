from __future__ import annotations

import re
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.errors import MalformedError, NotCanonicalError, TooLargeError, WireError
from edge_agent.wire import cbor
from tests.unit.wire import strategies

LIMIT = 10_000


@settings(deadline=None, max_examples=200)
@given(value=strategies.plain_values)
def test_what_is_encoded_is_decoded_to_the_same(value: Any) -> None:
    data = cbor.encode(value)
    decoded = cbor.decode(data, max_bytes=LIMIT)
    assert decoded == value
    assert cbor.encode(decoded) == data
    assert cbor.decode_prefix(data + b"more") == (value, len(data))


@settings(deadline=None, max_examples=300)
@given(data=st.binary(max_size=40) | strategies.plain_values.map(cbor.encode).flatmap(strategies.changed))
def test_any_bytes_are_refused_or_are_the_one_encoding_of_their_value(data: bytes) -> None:
    try:
        value = cbor.decode(data, max_bytes=LIMIT, tags=(18,))
    except WireError:
        return
    assert cbor.encode(value) == data


@settings(deadline=None, max_examples=200)
@given(value=strategies.plain_values)
def test_what_cbor2_encodes_carelessly_is_refused_or_is_the_same(value: Any) -> None:
    """cbor2 without `canonical` leaves keys in their order and floats in eight bytes."""
    careless = cbor2.dumps(value)
    if careless == cbor.encode(value):
        assert cbor.decode(careless, max_bytes=LIMIT) == value
    else:
        with pytest.raises(NotCanonicalError):
            cbor.decode(careless, max_bytes=LIMIT)


def test_more_bytes_than_allowed_are_refused_unread() -> None:
    with pytest.raises(TooLargeError, match=re.escape("11 bytes are more than the 10 that are allowed")):
        cbor.decode(b"\xff" * 11, max_bytes=10)


def test_a_tag_is_taken_only_where_it_is_allowed() -> None:
    tagged = cbor.encode(cbor2.CBORTag(18, [b""]))
    assert cbor.decode(tagged, max_bytes=LIMIT, tags=(18,)) == cbor2.CBORTag(18, [b""])
    with pytest.raises(MalformedError, match="tag 18"):
        cbor.decode(tagged, max_bytes=LIMIT)


def test_a_tag_inside_is_taken_too_where_it_is_allowed() -> None:
    assert cbor.decode(bytes.fromhex("81d28100"), max_bytes=LIMIT, tags=(18,)) == [cbor2.CBORTag(18, [0])]


def test_the_deepest_value_is_at_the_twelfth_level() -> None:
    assert cbor.decode(b"\x81" * (cbor.MAX_DEPTH - 1) + b"\x00", max_bytes=LIMIT)
    with pytest.raises(MalformedError, match="deeper"):
        cbor.decode(b"\x81" * cbor.MAX_DEPTH + b"\x00", max_bytes=LIMIT)


def test_the_length_of_the_first_item_is_told_whatever_follows() -> None:
    assert cbor.item_length(bytes.fromhex("a1616100") + b"\0\0\0") == 4


def test_a_number_that_fits_no_head_is_refused_by_every_reader() -> None:
    for number in (2**64, -(2**64) - 1):
        with pytest.raises(MalformedError, match="tag"):
            cbor.decode(cbor.encode(number), max_bytes=LIMIT)
    assert cbor.decode(cbor.encode(2**64 - 1), max_bytes=LIMIT) == 2**64 - 1
