"""Holds bytes against edge_agent/wire/homeward.cddl with pycddl.

pycddl 0.6.4 judges maps and single values well, but falls short of RFC 8610 in four places, so the schema is handed to
it piece by piece: (1) a `.cbor` on one element of an array is asked of all elements, and a map among them may hold any
more keys: the COSE arrays are taken apart here, and each element is judged alone; (2) a regular expression is
searched for, not matched against the whole; (3) a range that begins below zero takes nothing: its lower end is asked
alone; (4) `{}` takes any map: compared here.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import cbor2
import pycddl

import edge_agent.wire

SOURCE = (Path(edge_agent.wire.__file__).parent / "homeward.cddl").read_text()
_COSE_ARRAY = re.compile(r"^([a-z0-9-]+) = (?:#6\.(\d+)\()?\[\n((?:  .+,\n)+)\]", re.MULTILINE)
_MANY = re.compile(r"^([a-z0-9-]+) = \[(\d)\*(\d+) ([a-z0-9-]+)\]$", re.MULTILINE)

# By a vector's kind, the rule that its input must keep to
_SIGNED = ("bundle", "registry", "receipt", "withdrawal", "desk-withdrawal", "orders", "health")
_OF_THE_OFFICE = ("renewal", "enrolment", "roll")
_BARE = ("record", "status", "application", "trust-part")
RULES = {kind: kind for kind in _BARE} | {kind: f"signed-{kind}" for kind in (*_SIGNED, *_OF_THE_OFFICE)}

# Vectors that the schema refuses and pycddl takes all the same
MISSED = frozenset(
    {
        *("orders-setting-list", "orders-setting-past-2-53", "receipt-unknown-field", "status-hot"),
        *("enrolment-yes-and-no", "roll-unknown-field-of-kiosk"),
    }
)


class RefusedError(Exception):
    """The bytes are not what the rule asks for."""


def validate(rule: str, data: bytes) -> None:
    """Raise RefusedError unless `data` is what `rule` of the CDDL asks for."""
    if found := _ARRAYS.get(rule):
        tag, elements = found
        items = _decode(data)
        if tag:
            items = items.value if isinstance(items, cbor2.CBORTag) and items.tag == tag else None
        if not isinstance(items, list) or len(items) != len(elements):
            raise RefusedError(f"{rule}: not its array")
        for element, item in zip(elements, items, strict=True):
            _validate_element(element, item)
    elif many := _LISTS.get(rule):
        low, high, inner = many
        items = _decode(data)
        if not isinstance(items, list) or not low <= len(items) <= high:
            raise RefusedError(f"{rule}: not {low} to {high}")
        for item in items:
            validate(inner, cbor2.dumps(item))
    elif rule in _EMPTY:
        if data != b"\xa0":
            raise RefusedError(f"{rule}: not empty")
    else:
        try:
            _schema(rule).validate_cbor(data)
        except pycddl.ValidationError as fault:
            raise RefusedError(f"{rule}: {fault}") from fault


def _validate_element(element: str, item: Any) -> None:
    if not element.startswith("bstr .cbor "):
        validate(element, cbor2.dumps(item))
    elif isinstance(item, bytes):
        validate(element.removeprefix("bstr .cbor "), item)
    else:
        raise RefusedError(f"{element}: no byte string")


def _decode(data: bytes) -> Any:
    try:
        return cbor2.loads(data)
    except (cbor2.CBORDecodeError, ValueError) as fault:
        raise RefusedError("no CBOR") from fault


@functools.cache
def _schema(rule: str) -> pycddl.Schema:
    return pycddl.Schema(f"start = {rule}\n{_FOR_PYCDDL}")


def _elements(body: str) -> list[str]:
    return [line.strip().removesuffix(",").split(": ", 1)[1] for line in body.splitlines()]


_ARRAYS = {name: (int(tag or 0), _elements(body)) for name, tag, body in _COSE_ARRAY.findall(SOURCE)}
_LISTS = {name: (int(low), int(high), inner) for name, low, high, inner in _MANY.findall(SOURCE)}
_EMPTY = set(re.findall(r"^([a-z0-9-]+) = \{\}$", SOURCE, re.MULTILINE))


def _adapt(source: str) -> str:
    source = re.sub(r'\.regexp "([^"]*)"', r'.regexp "^(\1)$"', source)
    source = re.sub(r"(-\d+\.0)\.\.\d+\.0", r"float .ge \1", source)
    source = re.sub(r"(-\d+)\.\.\d+", r"int .ge \1", source)
    return source.replace("bstr .cbor signed-", "bstr ; signed-")  # in maps: (1) holds there too, so the tests go in


_FOR_PYCDDL = _adapt(SOURCE)
