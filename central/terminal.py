"""How our command lines speak: errors in words, with the next step, exit code 1 and no traceback."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from edge_agent.errors import HomewardError

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def errors_in_words() -> Generator[None]:
    """End the command with an explanation when it meets one of our errors. Others are faults of ours and show."""
    try:
        yield
    except HomewardError as fault:
        sys.stderr.write(f"error: {fault.explain()}\n")
        raise typer.Exit(1) from None


def moment(seconds: int) -> str:
    """Write a time (seconds since 1970) in UTC, for people."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):  # a kiosk's clock may claim anything
        return f"{seconds} s after 1970"


def now() -> int:
    """Read this computer's clock, in seconds since 1970."""
    return int(datetime.now(UTC).timestamp())
