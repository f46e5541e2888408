"""The machine's clocks, and how far its wall clock can be believed (adjtimex(2), systemd-timesyncd)."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Final

from edge_agent.ports import Now
from edge_agent.wire.fields import ClockQuality

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_WAS_SYNCHRONISED: Final = Path("/run/systemd/timesync/synchronized")  # made at the first synchronisation of a boot
_STA_UNSYNC: Final = 0x0040  # <sys/timex.h>
_TIMEX_BYTES: Final = 512  # struct timex is 208 bytes on 64-bit Linux; the rest is room


class _Timex(ctypes.Structure):
    """The first fields of struct timex (adjtimex(2)); `_rest` leaves room for the others."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # microseconds
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("_rest", ctypes.c_byte * _TIMEX_BYTES),
    )


class SystemClock:
    """The real clock of this machine."""

    def __init__(self) -> None:
        self._boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
        self._libc = ctypes.CDLL(None, use_errno=True)  # the one that Python itself runs on

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return time.monotonic()

    def now(self) -> Now:
        """Read the wall clock, and how good it is."""
        quality, error_ms = self._quality()
        return Now(
            utc=max(0, int(time.time())),  # noqa: TID251 - the one place where wall time is read
            quality=quality,
            error_ms=error_ms,
            boot_id=self._boot_id,
            uptime_ms=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        )

    def _quality(self) -> tuple[ClockQuality, int | None]:
        timex = _Timex()
        if self._libc.adjtimex(ctypes.byref(timex)) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if not timex.status & _STA_UNSYNC:
            return ClockQuality.SYNCHRONISED, -(-timex.maxerror // 1000)
        if _WAS_SYNCHRONISED.exists():
            return ClockQuality.HOLDOVER, -(-timex.maxerror // 1000)
        return ClockQuality.UNSET, None
