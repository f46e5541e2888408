"""Carries one connection of the guest's to a port on this machine: QEMU starts it, and speaks over its streams."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading

_CHUNK = 65_536


def main(port: int) -> None:
    """Carry both ways until one side hangs up."""
    with socket.create_connection(("127.0.0.1", port)) as there:
        threading.Thread(target=_carry_in, args=(there,), daemon=True).start()
        while chunk := there.recv(_CHUNK):
            while chunk:
                chunk = chunk[os.write(1, chunk) :]


def _carry_in(there: socket.socket) -> None:
    while chunk := os.read(0, _CHUNK):
        there.sendall(chunk)
    there.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    with contextlib.suppress(
        OSError
    ):  # nobody listens, or somebody hung up; a complaint would reach the guest as bytes
        main(int(sys.argv[1]))
