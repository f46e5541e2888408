"""PADME: lengths that leak at most O(log log n) bits, at a cost of at most 12 per cent.

Source: Nikitin et al., 'Reducing Metadata Leakage from Encrypted Files and Communication with PURBs', PoPETs 2019,
algorithm 1.
"""

from __future__ import annotations

from edge_agent.errors import MalformedError


def padded_length(length: int) -> int:
    """Give the padded length in bytes of `length` bytes."""
    if length < 2:  # noqa: PLR2004 - log2 of log2 needs two
        return length
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return (length + mask) & ~mask


def pad(data: bytes) -> bytes:
    """Append zeros up to the padded length."""
    return data.ljust(padded_length(len(data)), b"\0")


def check_padding(padded: bytes, length: int) -> None:
    """Raise MalformedError unless `padded` is its first `length` bytes, padded as `pad` does."""
    if len(padded) != padded_length(length) or padded.count(0, length) != len(padded) - length:
        raise MalformedError("padding that is not zeros up to the PADME length")
