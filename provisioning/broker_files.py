"""The files of a mosquitto on this very computer: brought up to date, and taken up by it at once.

It is ended and started again. A reload (SIGHUP) would take them up too, and break the list in which mosquitto 2.0 keeps
sessions whose kiosks are away: docs/decisions/0011-mosquitto-is-started-again.md.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.errors import LocalError
from edge_agent.files import write_whole
from provisioning import handout
from provisioning.languages import phrase
from provisioning.mosquitto import PID_FILE, SETTINGS, listens_at

if TYPE_CHECKING:
    from provisioning.fleet import State

_PATIENCE_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.02


def put_in_force(state: State) -> None:
    """Bring ACL, CRLs and CAs up to date, and start mosquitto again with them. Raises LocalError.

    Every session is cut by that and comes back by itself; what waits for those who are away is kept.
    """
    here = Path(state.broker_files)
    try:
        _mosquitto(here / PID_FILE)
        for file, content in (("acl", handout.acl(state)), ("crl.pem", state.crl), ("ca.pem", state.authority)):
            _write_as_it_was(here / file, content.encode())
        start_again(here)
    except (OSError, ValueError, subprocess.SubprocessError) as fault:
        raise LocalError(
            phrase("{here} could not be brought up to date ({why})", here=here, why=fault),
            next_step=phrase("Copy the files there, then restart mosquitto."),
        ) from fault


def start_again(folder: Path) -> None:
    """Start the mosquitto again that runs on this folder's settings, and wait until it listens.

    Raises OSError, ValueError, subprocess.SubprocessError.
    """
    _start_again(_mosquitto(folder / PID_FILE))
    _wait_for(*listens_at((folder / SETTINGS).read_text(encoding="utf-8")))


def end_whoever_runs(folder: Path) -> None:
    """End the mosquitto that runs on this folder's settings, if one does."""
    try:
        pid = _mosquitto(folder / PID_FILE)
        if str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            _end(pid)
    except (OSError, ValueError):
        return


def _mosquitto(pid_file: Path) -> int:
    """Give the process id of the mosquitto that wrote this file. Raises OSError, ValueError."""
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise ValueError("no mosquitto runs on it") from None
    if Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip() != "mosquitto":
        raise ValueError("another program has its number")
    return pid


def _start_again(pid: int) -> None:
    """Let whoever keeps this process start it again, systemd or nobody; then we do, by its own command line."""
    if unit := _unit(pid):
        subprocess.run(["systemctl", "restart", unit], check=True, capture_output=True, timeout=_PATIENCE_S)
        return
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    where = Path(f"/proc/{pid}/cwd").readlink()
    _end(pid)
    subprocess.run(
        ["setsid", "--fork", *command],
        cwd=where,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _unit(pid: int) -> str:
    """Name the systemd unit whose main process this is, '' when it is none's."""
    unit = Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii").strip().rpartition("/")[2]
    if not unit.endswith(".service") or shutil.which("systemctl") is None:
        return ""
    asked = ["systemctl", "show", "--property=MainPID", "--value", unit]
    said = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=_PATIENCE_S)
    return unit if said.stdout.strip() == str(pid) else ""


def _end(pid: int) -> None:
    """End a process, and wait until it has. Raises OSError."""
    watched = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGTERM)
        ended = select.poll()
        ended.register(watched, select.POLLIN)
        if not ended.poll(_PATIENCE_S * 1000):
            raise TimeoutError("mosquitto does not end")
    finally:
        os.close(watched)


def _wait_for(host: str, port: int) -> None:
    """Wait until it listens. Raises OSError when it does not."""
    given_up_at = time.monotonic() + _PATIENCE_S
    while True:
        try:
            socket.create_connection((host, port), _PATIENCE_S).close()
        except ConnectionRefusedError:
            if time.monotonic() > given_up_at:
                raise
            time.sleep(_LOOK_EVERY_S)
        else:
            return


def _write_as_it_was(path: Path, content: bytes) -> None:
    """Write a file over one that is there, with the same owner and mode. Raises LocalError, OSError."""
    before = path.stat()
    if os.geteuid() not in {0, before.st_uid}:
        raise PermissionError(f"{path.name} is another's file")
    write_whole(path, content, mode=before.st_mode & 0o777, replace=True)
    if os.geteuid() == 0:
        os.chown(path, before.st_uid, before.st_gid)
