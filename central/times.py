"""How the central programs write times, and read this computer's clock."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: int) -> str:
    """Write a time (seconds since 1970) in UTC, for people."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):  # a kiosk's clock may claim anything
        return f"{seconds} s after 1970"


def now() -> int:
    """Read this computer's clock, in seconds since 1970."""
    return int(datetime.now(UTC).timestamp())
