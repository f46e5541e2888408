"""The code that a person takes along."""

from __future__ import annotations

import contextlib
import re
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent import session
from edge_agent.errors import ReceiptCodeError
from edge_agent.wire.receipt_code import encode, parse

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
entropy = st.binary(min_size=5, max_size=5)


@settings(deadline=None)
@given(entropy)
def test_what_is_written_is_read(data):
    code = encode(data)
    assert parse(code) == code


def test_a_code_has_three_groups_of_three_symbols_of_the_alphabet():
    code = encode(bytes.fromhex("0123456789"))
    groups = code.split("-")
    assert [len(group) for group in groups] == [3, 3, 3]
    assert set("".join(groups)) <= set(ALPHABET)


def test_the_example_in_the_docs_is_a_code():
    page = (Path(session.__file__).parents[2] / "docs" / "session.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"`(\w{3}-\w{3}-\w{3})`", page)
    assert parse(example) == example


@settings(deadline=None)
@given(entropy, entropy)
def test_two_codes_are_the_same_only_for_the_same_40_bits(one, other):
    assert (encode(one) == encode(other)) == (one == other)


@pytest.mark.parametrize("written", ["{}", " {} ", "{}\n"])
@pytest.mark.parametrize(
    "slip",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
        lambda code: code.replace("-", "\u2013"),
        lambda code: code.replace("0", "O").replace("1", "I"),
        lambda code: code.replace("0", "o").replace("1", "l"),
    ],
)
def test_a_hand_may_write_it_in_its_own_way(written, slip):
    code = encode(bytes.fromhex("00443214c7"))
    assert "0" in code
    assert "1" in code
    assert parse(written.format(slip(code))) == code


@settings(deadline=None, max_examples=30)
@given(entropy)
def test_every_single_wrong_symbol_is_found(data):
    symbols = encode(data).replace("-", "")
    for place, right in enumerate(symbols):
        for wrong in set(ALPHABET) - {right}:
            with pytest.raises(ReceiptCodeError, match="wrong"):
                parse(symbols[:place] + wrong + symbols[place + 1 :])


def test_every_exchange_of_any_two_symbols_is_found():
    # By linearity an exchange depends on the two symbols and their places alone: this tries them all.
    for first, second in combinations(range(8), 2):
        for a, b in combinations(range(32), 2):
            number = a << 5 * (7 - first) | b << 5 * (7 - second)
            symbols = list(encode(number.to_bytes(5, "big")).replace("-", ""))
            symbols[first], symbols[second] = symbols[second], symbols[first]
            with pytest.raises(ReceiptCodeError, match="places"):
                parse("".join(symbols))


@settings(deadline=None)
@given(entropy, st.integers(0, 7))
def test_an_exchange_with_the_check_symbol_is_found(data, place):
    symbols = list(encode(data).replace("-", ""))
    if symbols[place] != symbols[-1]:
        symbols[place], symbols[-1] = symbols[-1], symbols[place]
        with pytest.raises(ReceiptCodeError):
            parse("".join(symbols))


@settings(deadline=None)
@given(st.text(max_size=16))
def test_whatever_is_typed_it_is_a_code_or_it_is_refused(text):
    with contextlib.suppress(ReceiptCodeError):
        assert parse(parse(text)) == parse(text)


@pytest.mark.parametrize("text", ["", "7ZK", "7ZK-M2P-Q4D-A", "7ZK-M2P-Q4U", "7ZK-M2P-Q4\u0664"])
def test_what_can_not_be_a_code_is_called_something_else(text):
    with pytest.raises(ReceiptCodeError, match="something else") as refused:
        parse(text)
    assert refused.value.next_step


@pytest.mark.parametrize("size", [0, 4, 6])
def test_it_is_made_of_five_bytes(size):
    with pytest.raises(ValueError, match="5 bytes"):
        encode(bytes(size))
