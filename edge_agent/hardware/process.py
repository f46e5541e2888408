"""What this process denies itself, so that pixels can't leak through the system's own helpfulness."""

from __future__ import annotations

import ctypes
import ctypes.util
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>


def keep_memory_private() -> None:
    """Write no core dump, and let no other process of this user read our memory (red line 7)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
