"""Carries one connection of the guest's to a port on this machine: QEMU starts it, and speaks over its streams.

The port stands in a file; when another one stands there, whoever was connected hears no more.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from pathlib import Path

_CHUNK = 65_536
_LOOK_EVERY_S = 0.5


def main(file: Path) -> None:
    """Carry both ways until one side hangs up."""
    port = int(file.read_text(encoding="ascii"))
    threading.Thread(target=_end_with, args=(file, port), daemon=True).start()
    with socket.create_connection(("127.0.0.1", port)) as there:
        threading.Thread(target=_carry_in, args=(there,), daemon=True).start()
        while chunk := there.recv(_CHUNK):
            while chunk:
                chunk = chunk[os.write(1, chunk) :]


def _carry_in(there: socket.socket) -> None:
    while chunk := os.read(0, _CHUNK):
        there.sendall(chunk)
    there.shutdown(socket.SHUT_WR)


def _end_with(file: Path, port: int) -> None:
    while int(file.read_text(encoding="ascii")) == port:
        time.sleep(_LOOK_EVERY_S)
    os._exit(0)


if __name__ == "__main__":
    with contextlib.suppress(
        OSError
    ):  # nobody listens, or somebody hung up; a complaint would reach the guest as bytes
        main(Path(sys.argv[1]))
