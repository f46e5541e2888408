"""A time server on this machine: SNTP, version 4 (RFC 4330), which the guest's timesyncd asks."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Self

_PORT = 123  # timesyncd asks no other
_EPOCH_1900 = 2_208_988_800  # seconds from 1900 to 1970
_PACKET = struct.Struct(">BBBb11I")
_SERVER_V4 = 0b00_100_100
_STRATUM = 2
_LOOK_UP_S = 0.2


class Timekeeper:
    """Tells this machine's time, or one that is so many seconds ahead. Use it as a context manager.

    Raises OSError where only others may listen there.
    """

    def __init__(self, ahead_s: int = 0) -> None:
        self._ahead_s = ahead_s

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", _PORT))
        self._socket.settimeout(_LOOK_UP_S)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                asked, whom = self._socket.recvfrom(512)
                now = time.time() + self._ahead_s  # noqa: TID251 - it is the clock here
                seconds, fraction = int(now) + _EPOCH_1900, int(now % 1 * 2**32)
                sent = struct.unpack(">2I", asked[40:48])
                told = (*sent, seconds, fraction, seconds, fraction)
                packet = _PACKET.pack(_SERVER_V4, _STRATUM, 6, -20, 0, 0, 0x7F000001, seconds, fraction, *told)
                self._socket.sendto(packet, whom)
