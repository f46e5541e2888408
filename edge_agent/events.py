"""What a program says of itself: one line of JSON an event, on standard output, where the journal takes it up.

Facts are numbers, ids and error codes. Nothing of a person is ever among them (red line 7): who calls this passes no
picture, no word of a report and no receipt code.
"""

from __future__ import annotations

import sys

import msgspec


def emit(event: str, **facts: str | float | bool | list[str] | None) -> None:
    """Say that something happened. Keys and the event's name are stable; people and programs read them."""
    sys.stdout.write(msgspec.json.encode({"event": event, **facts}).decode() + "\n")
    sys.stdout.flush()
