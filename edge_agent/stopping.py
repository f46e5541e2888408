"""How the kiosk's two programs are told to stop: by SIGTERM from systemd, by SIGINT from somebody at a terminal."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from types import FrameType


def end_by_signals(stopping: threading.Event, *acts: Callable[[], None]) -> None:
    """Set `stopping` and call `acts` at either signal. From the main thread only; an act must be safe in a handler."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        for act in acts:
            act()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
