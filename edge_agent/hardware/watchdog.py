"""systemd's notification socket (sd_notify(3)): we are ready, we are alive, and one line about how we fare."""

from __future__ import annotations

import os
import socket


class SystemdWatchdog:
    """Talks to systemd where it listens, and to nobody elsewhere."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")

    def ready(self) -> None:
        """Say that start-up is done."""
        self._send("READY=1")

    def beat(self, status: str) -> None:
        """Say that all is well, with one line for the operator."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(address)
            sock.sendall(message.encode())
