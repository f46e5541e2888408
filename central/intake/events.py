"""What the intake says of itself: one line of JSON an event, on standard output, where the journal takes it up.

Facts are counts, addresses and error codes. Nothing of a person is ever among them (red line 7).
"""

from __future__ import annotations

import json
import sys


def emit(event: str, **facts: str | int | bool | None) -> None:
    """Say that something happened. The names are stable; people and programs read them."""
    sys.stdout.write(json.dumps({"event": event, **facts}, ensure_ascii=False) + "\n")
    sys.stdout.flush()
