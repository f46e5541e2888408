"""Deterministic CBOR (RFC 8949, 4.2.1), and nothing else.

cbor2 is lenient: it takes duplicate keys, long integers, indefinite lengths, trailing bytes, and builds objects out of
tags (a regular expression, a huge fraction). So the bytes are walked first, without building anything, and cbor2 is
handed only what passed: one item, shortest heads, definite lengths, ascending unique keys, no tag but those allowed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import cbor2

from edge_agent.errors import MalformedError, NotCanonicalError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_DEPTH: Final = 12
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _TRUE, _NULL = 20, 21, 22
_ONE_BYTE, _TWO_BYTES, _EIGHT_BYTES = 24, 25, 27
_TOO_LARGE: Final = 1 << 64  # for a head: a big number's tag, which `decode` refuses
_LARGEST_BELOW: Final = {24: 24, 25: 0x100, 26: 0x10000, 27: 0x1_0000_0000}  # a shorter head would have done below this


def encode(value: Any) -> bytes:  # noqa: PLR0911 - one for each type there is
    """Encode plain values (int, float, str, bytes, bool, None, list, dict, CBORTag) deterministically.

    All but floats is written here: cbor2 would put shorter keys first, as RFC 7049 did, and takes its time.
    """
    match value:
        case bytes():
            return _make_head(_BYTES, len(value)) + value
        case int() if not isinstance(value, bool) and abs(value) < _TOO_LARGE:
            return _make_head(_UNSIGNED, value) if value >= 0 else _make_head(_NEGATIVE, -1 - value)
        case str():
            text = value.encode()
            return _make_head(_TEXT, len(text)) + text
        case dict():
            pairs = sorted((encode(key), encode(inner)) for key, inner in value.items())
            return _make_head(_MAP, len(pairs)) + b"".join(key + inner for key, inner in pairs)
        case list() | tuple():
            return _make_head(_ARRAY, len(value)) + b"".join(map(encode, value))
        case cbor2.CBORTag(tag=tag, value=inner):
            return _make_head(_TAG, tag) + encode(inner)
        case _:
            return cbor2.dumps(value, canonical=True)


def decode(data: bytes, *, max_bytes: int, tags: Collection[int] = ()) -> Any:
    """Decode exactly one item that takes all of `data`.

    Raises TooLargeError above `max_bytes`, MalformedError for what isn't CBOR or holds a tag not in `tags`,
    NotCanonicalError for another encoding than the deterministic one.
    """
    if len(data) > max_bytes:
        raise TooLargeError(f"{len(data)} bytes are more than the {max_bytes} that are allowed")
    end = item_length(data, tags=tags)
    if end != len(data):
        raise NotCanonicalError(f"{len(data) - end} bytes follow the end")
    return _build(data)


def decode_prefix(data: bytes, *, tags: Collection[int] = ()) -> tuple[Any, int]:
    """Decode the item at the start of `data`; return it and its length in bytes. Errors as in `decode`."""
    end = item_length(data, tags=tags)
    return _build(data[:end]), end


def item_length(data: bytes, *, tags: Collection[int] = ()) -> int:
    """Walk the first item of `data` without building it; return its length in bytes. Errors as in `decode`."""
    return _walk(data, 0, frozenset(tags), MAX_DEPTH)


def _build(data: bytes) -> Any:
    try:
        return cbor2.loads(data)
    except (cbor2.CBORDecodeError, ValueError) as fault:  # a text that is not UTF-8; all else was walked
        raise MalformedError(f"not CBOR: {type(fault).__name__}") from fault


def _make_head(major: int, argument: int) -> bytes:
    if argument < _ONE_BYTE:
        return bytes((major << 5 | argument,))
    info = next(info for info in (27, 26, 25, 24) if argument >= _LARGEST_BELOW[info])
    return bytes((major << 5 | info,)) + argument.to_bytes(1 << (info - _ONE_BYTE), "big")


def _head(data: bytes, at: int) -> tuple[int, int, int, int]:
    """Read a head: major type, additional information, argument, where its content starts."""
    if at >= len(data):
        raise MalformedError("cut off")
    major, info = data[at] >> 5, data[at] & 0x1F
    at += 1
    if info < _ONE_BYTE:
        return major, info, info, at
    if info > _EIGHT_BYTES:
        if info == 31 and major in {_BYTES, _TEXT, _ARRAY, _MAP}:  # noqa: PLR2004 - RFC 8949, 3.2
            raise NotCanonicalError("indefinite length")
        raise MalformedError(f"reserved additional information {info}")
    width = 1 << (info - _ONE_BYTE)
    argument = data[at : at + width]
    if len(argument) < width:
        raise MalformedError("cut off")
    value = int.from_bytes(argument, "big")
    if major != _SIMPLE and value < _LARGEST_BELOW[info]:
        raise NotCanonicalError("a shorter head would have done")
    return major, info, value, at + width


def _walk(data: bytes, at: int, tags: frozenset[int], depth: int) -> int:
    if not depth:
        raise MalformedError(f"nested deeper than {MAX_DEPTH}")
    start = at
    major, info, value, at = _head(data, at)
    if major in {_UNSIGNED, _NEGATIVE}:
        return at
    if major in {_BYTES, _TEXT}:
        if at + value > len(data):
            raise MalformedError("cut off")
        return at + value
    if major == _ARRAY:
        for _ in range(value):
            at = _walk(data, at, tags, depth - 1)
        return at
    if major == _MAP:
        return _walk_map(data, at, value, tags, depth)
    if major == _TAG:
        if value not in tags:
            raise MalformedError(f"tag {value} has no place here")
        return _walk(data, at, tags, depth - 1)
    return _walk_simple(data, start, info, at)


def _walk_map(data: bytes, at: int, pairs: int, tags: frozenset[int], depth: int) -> int:
    before = b""
    for _ in range(pairs):
        if at < len(data) and data[at] >> 5 not in {_UNSIGNED, _NEGATIVE, _TEXT}:
            raise MalformedError("a key that is neither a number nor a text")
        end = _walk(data, at, tags, depth - 1)
        key = data[at:end]
        if key <= before:
            raise NotCanonicalError("keys that repeat or don't ascend")
        before = key
        at = _walk(data, end, tags, depth - 1)
    return at


def _walk_simple(data: bytes, start: int, info: int, end: int) -> int:
    if info in {_FALSE, _TRUE, _NULL}:
        return end
    if not _TWO_BYTES <= info <= _EIGHT_BYTES:
        raise MalformedError(f"simple value {info} has no place here")
    number: float = cbor2.loads(data[start:end])
    if not math.isfinite(number):
        raise MalformedError("a number that is not finite")
    if encode(number) != data[start:end]:
        raise NotCanonicalError("a shorter float would have done")
    return end
