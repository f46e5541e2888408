"""What a program says of itself: one line of JSON an event, on standard output, where the journal takes it up.

Facts are numbers, ids and error codes. Nothing of a person is ever among them (red line 7): who calls this passes no
picture, no word of a report and no receipt code.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_JSON: Final = msgspec.json.Encoder()


def emit(event: str, **facts: str | float | bool | list[str] | None) -> None:
    """Say that something happened. Keys and the event's name are stable; people and programs read them."""
    emit_each(event, [facts])


def emit_each(event: str, all_facts: Iterable[Mapping[str, str | float | bool | list[str] | None]]) -> None:
    """Say that something happened several times at once: a line for each, in one write."""
    if lines := [{"event": event, **facts} for facts in all_facts]:
        sys.stdout.write(_JSON.encode_lines(lines).decode())
        sys.stdout.flush()
