"""What this process denies itself: memory that others could read, and memory that it doesn't need."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>
_CAP_IPC_LOCK: Final = 14  # <linux/capability.h>
_libc: Final = ctypes.CDLL(None, use_errno=True)  # the one that Python itself runs on
_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1  # <malloc.h>
_AT_HAND: Final = 4 << 20  # bytes: a window of records with what paho makes of them
_LARGE: Final = 128 << 10  # bytes: glibc's own first notion of a block that is worth a mapping
_FRAMES: Final = 32 << 20  # bytes: more than a block of any frame has, and the most that glibc takes
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # <linux/mman.h>


def keep_memory_private() -> bool:
    """Write no core dump, let no other process of this user read our memory, and keep it out of swap (red line 7).

    Return whether memory is locked. It can be where the system sets no limit on that, as the kiosk's unit does; below
    a limit a lock would only make the next allocation fail, so there swap must be off.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if not _may_lock():
        return False
    return _lock()


def keep_memory_small() -> None:
    """Let all threads share one heap. To be called first: a thread that lives for a moment would keep its own.

    What is free at its end goes back at once, from a few megabytes on: below, a drain would get the same pages again
    with every record. `give_memory_back` returns those too.
    """
    _libc.mallopt(_M_ARENA_MAX, 1)
    _libc.mallopt(_M_TRIM_THRESHOLD, _AT_HAND)


def keep_large_blocks_apart() -> None:
    """Map each large block by itself, so that it goes back whole when it is freed. To be called before models come.

    Left alone, glibc takes the first freed one for the measure of later ones, and keeps their memory in its heap.
    """
    _libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
    _libc.mallopt(_M_TRIM_THRESHOLD, _LARGE)


def keep_frames_at_hand() -> None:
    """Let each frame have the memory of the last one, until `give_memory_back`. To be called before frames come.

    Left alone, glibc settles by chance on either of two habits, and may change to the other in the middle of a session:
    to keep these megabytes, or to return them after every frame and fetch them again page by page.
    """
    _libc.mallopt(_M_MMAP_THRESHOLD, _FRAMES)
    _libc.mallopt(_M_TRIM_THRESHOLD, 2 * _FRAMES)


def give_memory_back() -> None:
    """Return what the heap holds and nobody uses, as after loading programs or when the last frame was destroyed.

    Linux takes no page back that is locked (madvise(2)): for that moment none is, and the unit has no swap.
    """
    locked = _is_locked()
    if locked:
        _libc.munlockall()
    _libc.malloc_trim(0)
    if locked:
        _lock()


def _lock() -> bool:
    """Lock each page when it is touched: what a library maps and never uses costs nothing."""
    refused: int = _libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)
    return refused == 0


def _is_locked() -> bool:
    return _fact("VmLck") != "0 kB"


def _may_lock() -> bool:
    """Whether nothing limits what this process locks (mlock(2))."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        return True
    return bool(int(_fact("CapEff"), 16) >> _CAP_IPC_LOCK & 1)


def _fact(name: str) -> str:
    """Give what /proc/self/status says of this process (proc(5)); raises LookupError where it doesn't."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return line.partition(":")[2].strip()
    raise LookupError(name)
