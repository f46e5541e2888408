"""A memory card that loses what a power cut takes: writes are safe once the machine has asked for them to be (a flush).

QEMU reads and writes it over the Network Block Device protocol, newstyle (https://github.com/NetworkBlockDevice/nbd,
doc/proto.md). Killing QEMU alone would lose nothing that the guest had written; here `cut` takes away a random choice
of the sectors that no flush has covered, as a card does.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final, Self

from firmware.virtual.cache import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random  # noqa: TID251 - which sectors are lost; for tests alone

SECTOR: Final = 512
_GREETING: Final = b"NBDMAGICIHAVEOPT" + struct.pack(">H", 0b11)  # fixed newstyle, no zeroes
_OPTION: Final = struct.Struct(">8sII")
_OPTION_REPLY: Final = struct.Struct(">QIII")
_OPTION_REPLY_MAGIC: Final = 0x0003E889045565A9
_ABORT, _INFO, _GO = 2, 6, 7
_ACKNOWLEDGED, _INFORMED, _UNSUPPORTED = 1, 3, 0x8000_0001
_HAS_FLUSH: Final = 0b101  # flags are there; FLUSH is understood
_REQUEST: Final = struct.Struct(">IHHQQI")
_REPLY: Final = struct.Struct(">IIQ")
_REPLY_MAGIC: Final = 0x67446698
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_EIO: Final = 5


class Card:
    """One card, its content in a file. Use it as a context manager."""

    def __init__(self, image: Path, address: Path) -> None:
        self._image = image
        self._file = os.open(image, os.O_RDWR)
        self._size = image.stat().st_size
        self._unsafe: dict[int, bytes] = {}  # by sector, since the last flush
        self._lock = threading.Lock()
        self.worn_out = False
        """Once true, every write fails."""
        self.written = 0
        """Bytes that the machine has written so far."""
        self.at_write: Callable[[], None] | None = None
        """Called after each write, outside of any lock."""
        address.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen()
        self.drive = f"driver=raw,file.driver=nbd,file.server.type=unix,file.server.path={address},cache=writeback"
        """What QEMU's -drive takes."""
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self, chance: Random) -> int:
        """Cut the power: of the sectors since the last flush keep some, lose the others; return how many were lost.

        The machine must have been ended before.
        """
        with self._lock:
            lost = 0
            for sector, content in self._unsafe.items():
                if chance.random() < 1 / 2:
                    os.pwrite(self._file, content, sector * SECTOR)
                else:
                    lost += 1
            self._unsafe.clear()
        return lost

    def after_a_cut(self, chance: Random, into: Path) -> Path:
        """Write what the card would hold if the power were cut right now; the machine goes on, and knows nothing."""
        with self._lock:
            kept = {sector: content for sector, content in self._unsafe.items() if chance.random() < 1 / 2}
            run("cp", "--sparse=always", self._image, into)
            with into.open("r+b") as file:
                for sector, content in kept.items():
                    file.seek(sector * SECTOR)
                    file.write(content)
        return into

    def put_back(self, image: Path) -> None:
        """Give it another content, while no machine uses it."""
        with self._lock:
            self._unsafe.clear()
            run("cp", "--sparse=always", image, self._image)
        self.written, self.worn_out = 0, False

    def settle(self) -> None:
        """Make all of it safe, as a flush does."""
        with self._lock:
            for sector, content in self._unsafe.items():
                os.pwrite(self._file, content, sector * SECTOR)
            self._unsafe.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            os.close(self._file)

    # -- The protocol --------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        with client, client.makefile("rwb") as stream, contextlib.suppress(OSError, EOFError):
            stream.write(_GREETING)
            stream.flush()
            _exactly(stream, 4)
            if self._agree(stream):
                self._transmit(stream)

    def _agree(self, stream: socket.SocketIO) -> bool:
        """Answer the client's options until it begins (true) or leaves."""
        while True:
            _, option, length = _OPTION.unpack(_exactly(stream, _OPTION.size))
            _exactly(stream, length)
            if option in {_INFO, _GO}:
                facts = struct.pack(">HQH", 0, self._size, _HAS_FLUSH)
                self._answer(stream, option, _INFORMED, facts)
                self._answer(stream, option, _ACKNOWLEDGED)
                if option == _GO:
                    return True
            elif option == _ABORT:
                self._answer(stream, option, _ACKNOWLEDGED)
                return False
            else:
                self._answer(stream, option, _UNSUPPORTED)

    @staticmethod
    def _answer(stream: socket.SocketIO, option: int, kind: int, content: bytes = b"") -> None:
        stream.write(_OPTION_REPLY.pack(_OPTION_REPLY_MAGIC, option, kind, len(content)) + content)
        stream.flush()

    def _transmit(self, stream: socket.SocketIO) -> None:
        while True:
            _, _, kind, handle, offset, length = _REQUEST.unpack(_exactly(stream, _REQUEST.size))
            content, fault = b"", 0
            if kind == _DISCONNECT:
                return
            if kind == _READ:
                content = self._read(offset, length)
            elif kind == _WRITE:
                fault = self._write(offset, _exactly(stream, length))
            elif kind == _FLUSH:
                self.settle()
            stream.write(_REPLY.pack(_REPLY_MAGIC, fault, handle) + content)
            stream.flush()
            if kind == _WRITE and self.at_write is not None:
                self.at_write()

    def _read(self, offset: int, length: int) -> bytes:
        with self._lock:
            content = bytearray(os.pread(self._file, length, offset))
            for at in range(0, length, SECTOR):
                if (newer := self._unsafe.get((offset + at) // SECTOR)) is not None:
                    content[at : at + SECTOR] = newer
        return bytes(content)

    def _write(self, offset: int, content: bytes) -> int:
        if self.worn_out:
            return _EIO
        with self._lock:
            for at in range(0, len(content), SECTOR):
                self._unsafe[(offset + at) // SECTOR] = content[at : at + SECTOR]
            self.written += len(content)
        return 0


def _exactly(stream: socket.SocketIO, length: int) -> bytes:
    content = stream.read(length)
    if content is None or len(content) != length:
        raise EOFError
    return content
