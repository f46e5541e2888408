"""What a test does inside the kiosk's system, as its root."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware.virtual.device import VirtualKiosk


def look(kiosk: VirtualKiosk, *command: str) -> str:
    """Run a command that only looks, and must succeed; give what it said."""
    assert kiosk.machine is not None
    done = kiosk.machine.ask(*command)
    assert done.status == 0, done
    return done.out


def do(kiosk: VirtualKiosk, *command: str) -> str:
    """Run a command, which must succeed; give what it said."""
    assert kiosk.machine is not None
    done = kiosk.machine.run(*command)
    assert done.status == 0, done
    return done.out
