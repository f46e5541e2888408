"""Tries what a unit's sandbox is there to deny, and what it must allow; says in one line what came of each.

Run by the kiosk's own Python, as the program of a unit: `probe.py PORT`, the broker's on loopback.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

said: dict[str, str] = {}


def attempt(name: str, act: Callable[[], object]) -> None:
    try:
        said[name] = str(act() or "done")
    except (OSError, subprocess.SubprocessError) as fault:
        said[name] = f"denied: {fault}"


def call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def connect(port: int) -> None:
    with socket.socket() as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", port))


def write(path: str) -> None:
    Path(path).write_text("x", encoding="ascii")
    Path(path).unlink()


def run_from(folder: str) -> None:
    program = Path(folder, "program")
    program.write_text("#!/bin/sh\n", encoding="ascii")
    try:
        program.chmod(0o755)
        call(str(program))
    finally:
        program.unlink()


def others() -> list[str]:
    found = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [path.name for path in found if path.stat().st_uid != os.getuid()]


def main() -> None:
    attempt("the broker", lambda: connect(int(sys.argv[1])))
    attempt("interfaces", lambda: [name for _, name in socket.if_nameindex()])
    attempt("raw packets", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close())
    attempt("a device", lambda: Path("/dev/fuse").open("rb").close())
    attempt("write to shared", lambda: write("/var/lib/homeward/shared/probe"))
    for name in ("kiosk", "courier"):
        attempt(f"the keys of {name}", lambda name=name: list(Path(f"/var/lib/homeward/{name}").iterdir()))
    attempt("write settings", lambda: write("/var/lib/homeward/kiosk.toml.new"))
    attempt("write to the system", lambda: write("/etc/probe"))
    attempt("read a home", lambda: list(Path("/root").iterdir()))
    for folder in ("/tmp", "/var/tmp", "/dev/shm", "/var/lib/homeward/shared"):
        attempt(f"run what was written to {folder}", lambda folder=folder: run_from(folder))
    everything = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    attempt("run memory that was written", lambda: mmap.mmap(-1, 4096, prot=everything).close())
    attempt("a namespace", lambda: call("unshare", "--user", "true"))
    attempt("a mount", lambda: call("mount", "-t", "tmpfs", "none", "/tmp"))
    attempt("core", lambda: resource.getrlimit(resource.RLIMIT_CORE))
    attempt("others", others)
    print(json.dumps(said))


main()
