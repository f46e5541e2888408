"""Where the page is, and who is told: one file that the browser's user can read, and nobody else.

The secret lives as long as the file does, which lies where a boot begins empty (/run). So a kiosk that is started
again within a boot is found by the browser that waits for it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import stat
from typing import TYPE_CHECKING, Final

from edge_agent.errors import ScreenError
from edge_agent.files import write_whole
from edge_agent.screen.door import HOST, Door

if TYPE_CHECKING:
    from pathlib import Path

_SECRET_BYTES: Final = 32
_BACKLOG: Final = 8
_GROUP_READS: Final = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP
_URL: Final = re.compile(rf"http://{re.escape(HOST)}:(\d+)/([\w-]{{43}})/\n", re.ASCII)


def open_door(url_file: Path, port: int) -> tuple[Door, socket.socket]:
    """Listen on loopback and tell the browser where. Port 0 takes any free one. Raises ScreenError and LocalError."""
    with contextlib.ExitStack() as undone:
        listening = undone.enter_context(_listen(port))
        door = Door(listening.getsockname()[1], _secret(url_file) or secrets.token_urlsafe(_SECRET_BYTES))
        write_whole(url_file, (door.url + "\n").encode(), replace=True)
        with contextlib.suppress(OSError):  # then the group can't read it, and the browser says so
            url_file.chmod(_GROUP_READS)
        undone.pop_all()
    return door, listening


def check_place(url_file: Path) -> None:
    """Raise ScreenError when no address can be written there."""
    if not os.access(url_file.parent, os.W_OK | os.X_OK):
        raise ScreenError(
            f"the page's address can't be written to {url_file}",
            next_step="Make its folder, for the kiosk to write and the browser's group to read: see docs/screen.md.",
        )


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(_BACKLOG)
    except OSError as fault:
        listening.close()
        raise ScreenError(
            f"the screen's page can't be served on {HOST}:{port}: {fault.strerror}",
            next_step="End what holds that port, or name another one under [screen] port.",
        ) from fault
    return listening


def _secret(url_file: Path) -> str | None:
    """Take up the secret of this boot, if the file is there, ours, and closed to everybody."""
    try:
        with url_file.open("rb") as file:
            state = os.fstat(file.fileno())
            found = _URL.fullmatch(file.read(200).decode("ascii", "replace"))
    except OSError:
        return None
    ours = state.st_uid == os.geteuid() and not state.st_mode & (stat.S_IRWXO | stat.S_IWGRP)
    return found[2] if found and ours else None
