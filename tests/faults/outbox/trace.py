"""Processes under strace: what they ask of the disk, and what happens when they are stopped right there."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

from tests.faults.outbox import life

if TYPE_CHECKING:
    from pathlib import Path

WRITING = (
    "write,pwrite64,fsync,fdatasync,ftruncate,fallocate,unlink,unlinkat,rename,renameat,renameat2,link,linkat,"
    "open,openat,creat,chmod,fchmod,fchmodat"
)
FAST = "--seccomp-bpf"  # stops at the wanted calls alone; strace can't send signals then
NAMES = ("outbox.db", "outbox.new", "outbox.lock", "outbox.damaged-1")


def run(folder: Path, *options: str, said: Path | None = None, only_open: bool = False) -> list[str]:
    """Live a life in `folder` under strace, which looks at the outbox's own files alone; give the lines it said.

    With `said`, the process says its lines into that file, and strace looks at it too.
    """
    paths = [folder, *(folder / name for name in NAMES), *([said] if said else [])]
    command = [
        *("strace", "-f", "-qq", *(word for path in paths for word in ("-P", str(path))), *options),
        *(sys.executable, "-m", life.__name__, str(folder / "outbox.db"), *(["open"] if only_open else [])),
    ]
    if said:
        with said.open("wb") as file:
            done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False, timeout=60)
    else:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return (said.read_bytes() if said else done.stdout).decode().splitlines()


def killed(folder: Path, call: str, number: int, *, only_open: bool = False) -> list[str]:
    """Live a life that is killed as it enters a call for the `number`th time; give the lines it said."""
    return run(folder, *_at(call, f"signal=KILL:when={number}"), only_open=only_open)


def failing(folder: Path, call: str, fault: str, number: int) -> list[str]:
    """Live a life in which a call fails from the `number`th time on; give the lines it said."""
    return run(folder, FAST, *_at(call, f"error={fault}:when={number}+"))


def _at(call: str, what: str) -> tuple[str, ...]:
    return "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{what}"


def cuts(folder: Path, *, only_open: bool = False) -> list[tuple[str, int]]:
    """Find where a whole life can be stopped: each call that changes a file or a folder, by its name and number.

    The number counts the calls of that name, as strace's `when=` does.
    """
    log = folder / "strace.log"
    run(folder, FAST, "-o", str(log), "-e", f"trace={WRITING}", only_open=only_open)
    seen = Counter[str]()
    found = []
    for line in log.read_text().splitlines():
        call = line.split(maxsplit=1)[1]
        name = call.partition("(")[0]
        seen[name] += 1
        if not name.startswith("open") or "O_CREAT" in call:
            found.append((name, seen[name]))
    return found
