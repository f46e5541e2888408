"""The receipt code: what a person takes along, so that the NGO can find their report, or take it back.

40 random bits and a check symbol, nine symbols of Crockford's base 32 in groups of three: `7YK-B5H-EQT`. It goes over
bad telephone lines and through tired hands, so reading it forgives case, spaces, hyphens, O for 0 and I or L for 1,
and the check symbol catches every single wrong symbol and every exchange of two symbols, neighbours or not.

The check is a weighted sum over the field with 32 elements, so that it needs no symbols beyond the alphabet's own
(Crockford's modulo 37 takes `*~$=U`, which nobody can dictate). With a primitive element a of the field, a code
s0...s8 is right when s0 + s1*a + ... + s8*a^8 = 0. The weights are different and not zero: a change of one symbol by d
moves the sum by d*a^i, an exchange of two moves it by (si - sj)*(a^i - a^j), and neither is ever 0.
"""

from __future__ import annotations

from typing import Final

from edge_agent.errors import ReceiptCodeError

ENTROPY_BYTES: Final = 5
"""How many random bytes make a code: 40 bits."""

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The symbols of a code: Crockford's, without I, L, O and U."""

_FORGIVEN: Final = str.maketrans("OIL", "011", "- \t\n\r\u00a0\u2010\u2011\u2012\u2013\u2014\u2212")
_DATA_SYMBOLS: Final = 8
_SYMBOLS: Final = _DATA_SYMBOLS + 1
_GROUP: Final = 3
_REDUCE: Final = 0b100101  # x^5 + x^2 + 1, primitive over GF(2)


def encode(entropy: bytes) -> str:
    """Write `ENTROPY_BYTES` random bytes as a receipt code."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a receipt code is made of {ENTROPY_BYTES} bytes, not {len(entropy)}")
    number = int.from_bytes(entropy, "big")
    data = [number >> 5 * place & 31 for place in reversed(range(_DATA_SYMBOLS))]
    # The check symbol comes last and has the weight 1, so it is what the others sum to.
    return _written([*data, _sum([*data, 0])])


def parse(text: str) -> str:
    """Read what somebody wrote down or said; return the code as `encode` writes it.

    Raises ReceiptCodeError when it can't be a receipt code, or has a slip in it.
    """
    symbols = text.upper().translate(_FORGIVEN)
    if len(symbols) != _SYMBOLS or not set(symbols) <= set(ALPHABET):
        raise ReceiptCodeError(
            f"A receipt code has {_SYMBOLS} letters or digits, in groups of {_GROUP}; this is something else.",
            next_step="Ask for the whole code again, group by group.",
        )
    values = [ALPHABET.index(symbol) for symbol in symbols]
    if _sum(values) != 0:
        raise ReceiptCodeError(
            "A letter or digit of the receipt code is wrong, or two have changed places.",
            next_step="Read the code back, group by group, and correct the one that differs.",
        )
    return _written(values)


def _written(values: list[int]) -> str:
    symbols = "".join(ALPHABET[value] for value in values)
    return "-".join(symbols[start : start + _GROUP] for start in range(0, _SYMBOLS, _GROUP))


def _sum(values: list[int]) -> int:
    """Evaluate the code at the field's primitive element x, by Horner's rule; the last symbol has the weight 1."""
    total = 0
    for value in values:
        total <<= 1
        if total & 32:
            total ^= _REDUCE
        total ^= value
    return total
