from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.errors import MalformedError
from edge_agent.wire import padding

# Worked out by hand from algorithm 1: 9 bytes: exponent 3, 2 bits of it, so the lowest 1 bit becomes zero
KNOWN = {0: 0, 1: 1, 2: 2, 7: 7, 8: 8, 9: 10, 10: 10, 15: 16, 100: 104, 1000: 1024, 40_960: 40_960, 41_000: 43_008}


@pytest.mark.parametrize(("length", "padded"), KNOWN.items())
def test_lengths_that_were_worked_out_by_hand(length: int, padded: int) -> None:
    assert padding.padded_length(length) == padded


@given(length=st.integers(0, 2**20))
def test_the_padded_length_is_never_shorter_and_at_most_12_per_cent_longer(length: int) -> None:
    padded = padding.padded_length(length)
    assert length <= padded <= length * 1.12


@given(length=st.integers(0, 2**17))
def test_a_padded_length_needs_no_more_padding(length: int) -> None:
    padded = padding.padded_length(length)
    assert padding.padded_length(padded) == padded


def test_few_lengths_are_told_apart() -> None:
    assert len({padding.padded_length(length) for length in range(64 * 1024, 128 * 1024)}) <= 32 + 1


@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_what_was_padded_passes_the_check(data: bytes) -> None:
    padding.check_padding(padding.pad(data), len(data))


@pytest.mark.parametrize(
    "padded",
    [b"123456789", b"123456789\0\0", b"123456789\1", b""],
    ids=["none", "too long", "not zero", "empty"],
)
def test_any_other_padding_is_refused(padded: bytes) -> None:
    with pytest.raises(MalformedError, match="padding"):
        padding.check_padding(padded, 9)
