"""The real kiosk with a finger that somebody else moves: each line of a pipe is one movement.

    python -m tests.support.kiosk_at_hand PIPE run --config kiosk.toml

`press` is a short press; `down` and `up` are just that; `blind` lets the camera give no frame any more.
"""

from __future__ import annotations

import os
import select
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent import kiosk
from edge_agent.errors import CameraError
from edge_agent.events import emit
from edge_agent.hardware.simulated import PhotographCamera
from edge_agent.ports import Edge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.config import KioskSettings
    from edge_agent.hardware.parts import Parts
    from edge_agent.ports import Frame

PRESSED_S = 0.05  # longer than a contact chatters, shorter than a hold
open_parts = kiosk.open_parts


class Finger:
    """A button that is moved through a pipe."""

    def __init__(self, pipe: str) -> None:
        self.blind = False
        self._pipe = os.open(pipe, os.O_RDWR)  # so that it never ends
        self._rest = b""
        self._edges: list[Edge] = []
        self._last = 0.0

    def wait(self, timeout: float) -> Sequence[Edge]:
        if self._edges:
            timeout = min(timeout, self._edges[0].at - time.monotonic())
        readable, _, _ = select.select([self._pipe], [], [], max(0.0, timeout))
        if readable:
            *lines, self._rest = (self._rest + os.read(self._pipe, 4096)).split(b"\n")
            for line in lines:
                self._move(line.decode())
        now = time.monotonic()
        come = [edge for edge in self._edges if edge.at <= now]
        for edge in come:
            emit("finger", down=edge.down, at=edge.at)
        self._edges = self._edges[len(come) :]
        return come

    def close(self) -> None: ...

    def _move(self, movement: str) -> None:
        match movement:
            case "press":
                self._edges += [self._edge(down=True), self._edge(down=False)]
            case "down" | "up":
                self._edges.append(self._edge(down=movement == "down"))
            case "blind":
                self.blind = True
            case _:
                raise AssertionError(movement)

    def _edge(self, *, down: bool) -> Edge:
        """No finger is quicker than the contact chatters."""
        self._last = max(time.monotonic(), self._last + PRESSED_S)
        return Edge(self._last, down=down)


def main() -> int:
    finger = Finger(sys.argv.pop(1))

    class MortalCamera(PhotographCamera):
        def capture(self, timeout: float) -> Frame:
            if finger.blind:
                raise CameraError("no frame came")
            return super().capture(timeout)

    def parts_at_hand(settings: KioskSettings) -> Parts:
        parts = open_parts(settings)
        simulated = settings.hardware.simulated
        assert simulated is not None
        return replace(
            parts,
            button=finger,
            presenters=(),
            open_camera=lambda: MortalCamera([Path(name) for name in simulated.photographs], settings.hardware.streams),
        )

    kiosk.open_parts = parts_at_hand
    return kiosk.main()


if __name__ == "__main__":
    sys.exit(main())
