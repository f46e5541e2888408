"""Waiting for what has to come, however busy the machine is. Nothing sleeps in the hope that it has."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE_S = 60.0  # far more than any of it takes; only a failure waits so long
_POLL_S = 0.02


def until(condition: Callable[[], T], what: str) -> T:
    """Wait until `condition` gives something true; return it. Fails with `what` was waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s in vain: {what}"
        time.sleep(_POLL_S)
    return found
