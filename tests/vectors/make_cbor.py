"""The vectors of the encoding alone: what a decoder takes and refuses before it looks at any structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vectors.case import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 64

# name, bytes in hex, outcome, about
_CASES = (
    ("zero", "00", "ok", "0"),
    ("largest-integer", "1bffffffffffffffff", "ok", "2^64 - 1"),
    ("smallest-integer", "3bffffffffffffffff", "ok", "-2^64"),
    ("half-float", "f93c00", "ok", "1.0, which is not 1"),
    ("single-float", "fa47c35000", "ok", "100000.0"),
    ("double-float", "fb3ff199999999999a", "ok", "1.1"),
    ("smallest-half", "f90001", "ok", "a subnormal half"),
    ("negative-zero", "f98000", "ok", "-0.0"),
    ("null", "f6", "ok", "null"),
    ("true", "f5", "ok", "true"),
    ("map-in-order", "a30a00200061620a", "ok", "keys in the order of their bytes: 10, -1, 'b'"),
    ("allowed-tag", "d281f6", "ok", "tag 18, which this decoder allows"),
    ("text", "62c3bc", "ok", "one character of two bytes"),
    ("depth-12", "81" * 11 + "00", "ok", "a number at the deepest level, the twelfth"),
    ("empty", "", "malformed", "no bytes"),
    ("cut-off-integer", "18", "malformed", "an argument that is missing"),
    ("cut-off-bytes", "41", "malformed", "a byte string without its byte"),
    ("cut-off-array", "8200", "malformed", "the second of two items is missing"),
    ("huge-array", "9bffffffffffffffff", "malformed", "an array of 2^64 - 1 items, none of which is there"),
    ("huge-bytes", "5bffffffffffffffff00", "malformed", "a string of 2^64 - 1 bytes"),
    ("reserved-info", "1c", "malformed", "additional information 28"),
    ("text-not-utf8", "61ff", "malformed", "a text that is not UTF-8"),
    ("text-surrogate", "63eda080", "malformed", "half a surrogate pair in UTF-8"),
    ("unknown-tag", "c100", "malformed", "tag 1, which has no place here"),
    ("bignum", "c249010000000000000000", "malformed", "a big number"),
    ("undefined", "f7", "malformed", "undefined"),
    ("simple-value", "f0", "malformed", "simple value 16"),
    ("simple-value-long", "f8ff", "malformed", "simple value 255"),
    ("break-alone", "ff", "malformed", "a break that ends nothing"),
    ("integer-without-length", "1f00ff", "malformed", "an integer of indefinite length, which there is not"),
    ("nan", "f97e00", "malformed", "not a number"),
    ("nan-double", "fb7ff8000000000000", "malformed", "not a number, in eight bytes"),
    ("infinity", "f97c00", "malformed", "infinity"),
    ("negative-infinity", "faff800000", "malformed", "minus infinity"),
    ("depth-13", "81" * 12 + "00", "malformed", "one level too deep"),
    ("depth-by-tags", "d2" * 12 + "00", "malformed", "tags nest too"),
    ("bytes-as-key", "a14000", "malformed", "a key that is a byte string"),
    ("array-as-key", "a18000", "malformed", "a key that is an array"),
    ("true-as-key", "a1f500", "malformed", "a key that is true"),
    ("float-as-key", "a1f93c0000", "malformed", "a key that is 1.0"),
    ("long-integer-1", "1817", "not-canonical", "23 in two bytes"),
    ("long-integer-2", "1900ff", "not-canonical", "255 in three bytes"),
    ("long-integer-4", "1a0000ffff", "not-canonical", "65,535 in five bytes"),
    ("long-integer-8", "1b00000000ffffffff", "not-canonical", "4,294,967,295 in nine bytes"),
    ("long-negative", "3800", "not-canonical", "-1 in two bytes"),
    ("long-bytes-head", "5801ff", "not-canonical", "a length of 1 in two bytes"),
    ("long-text-head", "780161", "not-canonical", "a text's length of 1 in two bytes"),
    ("long-array-head", "980100", "not-canonical", "an array's length of 1 in two bytes"),
    ("long-map-head", "b8010000", "not-canonical", "a map's length of 1 in two bytes"),
    ("long-tag-head", "d90012f6", "not-canonical", "tag 18 in three bytes"),
    ("long-float-4", "fa3f800000", "not-canonical", "1.0 in five bytes"),
    ("long-float-8", "fb3ff8000000000000", "not-canonical", "1.5 in nine bytes"),
    ("long-subnormal", "fa33800000", "not-canonical", "the smallest half in five bytes"),
    ("indefinite-bytes", "5f4100ff", "not-canonical", "a byte string in pieces"),
    ("indefinite-text", "7f6161ff", "not-canonical", "a text in pieces"),
    ("indefinite-array", "9f00ff", "not-canonical", "an array without a length"),
    ("indefinite-map", "bf0000ff", "not-canonical", "a map without a length"),
    ("duplicate-key", "a200000001", "not-canonical", "the key 0 twice"),
    ("duplicate-text-key", "a2616100616101", "not-canonical", "the key 'a' twice"),
    ("keys-descend", "a201000000", "not-canonical", "the keys 1, 0"),
    ("keys-by-length", "a220000a00", "not-canonical", "-1 before 10"),
    ("trailing-byte", "0000", "not-canonical", "a second item"),
    ("too-large", "5840" + "00" * 64, "too-large", "66 bytes where 64 are allowed"),
)


def cases() -> Iterator[Case]:
    for name, data, expect, about in _CASES:
        needs = {"max_bytes": MAX_BYTES, "tags": [18]}
        yield Case(f"cbor-{name}", about.capitalize() + ".", "cbor", bytes.fromhex(data), expect, needs, None)
