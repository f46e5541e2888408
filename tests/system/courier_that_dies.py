"""The real courier, which is killed (-9) after so many steps of its work: anywhere, also in mid-transaction.

    python -m tests.system.courier_that_dies 5000 run --config kiosk.toml

A step is a call or a return of a function, in Python or in C: SQLite's, TLS's, the write of an event.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from edge_agent import courier

if TYPE_CHECKING:
    from types import FrameType

    from edge_agent.ports import Watchdog

deliver = courier.Courier.run


def main() -> int:
    left = int(sys.argv.pop(1))

    def step(_frame: FrameType, _event: str, _what: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def deliver_until_death(self: courier.Courier, watchdog: Watchdog) -> None:
        sys.setprofile(step)
        deliver(self, watchdog)

    courier.Courier.run = deliver_until_death  # type: ignore[method-assign,assignment]
    return courier.main()


if __name__ == "__main__":
    sys.exit(main())
