"""The lit button and the status lights on GPIO lines, through gpiozero.

Edges only: gpiozero's own debouncing loses edges and its hold may fire after the release, and consent must not hang on
either. `session.gestures` makes gestures of the edges.
"""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Final

from gpiozero import LED, Device, DigitalInputDevice, GPIOZeroError

from edge_agent.errors import ButtonError, HardwareError
from edge_agent.ports import Edge
from edge_agent.session.light import Light, light

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.pins import Pins
    from edge_agent.session.scene import Say, Scene


class GpioButton:
    """A button from a line to ground, pulled up."""

    def __init__(self, pin: int) -> None:
        self._edges: queue.SimpleQueue[Edge] = queue.SimpleQueue()
        try:
            self._line = DigitalInputDevice(pin, pull_up=True, bounce_time=None)
        except (GPIOZeroError, OSError) as fault:
            raise ButtonError(
                f"GPIO {pin} can't be read: {fault}", next_step="Check the pin number and the rights on /dev/gpiochip*."
            ) from fault
        self._line.pin.when_changed = self._moved

    def wait(self, timeout: float) -> Sequence[Edge]:
        """Wait up to `timeout` seconds; return the edges since the last call, oldest first, maybe none."""
        if self._line.closed:
            raise ButtonError("the button was let go of")
        edges: list[Edge] = []
        try:
            edges.append(self._edges.get(timeout=max(0.0, timeout)))
            while True:
                edges.append(self._edges.get_nowait())
        except queue.Empty:
            return edges

    def _moved(self, ticks: float, state: int) -> None:
        """Note when the line moved, by the kernel's own word: a busy process hears of a short press only after it.

        `ticks` are monotonic seconds; a driver that counts otherwise is taken to speak of now.
        """
        self._edges.put(Edge(min(ticks, time.monotonic()), down=not state))

    def close(self) -> None:
        """Let go of the line."""
        self._line.close()


# What each light does: the button's own, 'ready', 'camera'. A number blinks with that period in seconds.
_PATTERNS: Final[dict[Light, tuple[float | bool, float | bool, bool]]] = {
    Light.OFF: (False, False, False),
    Light.READY: (True, True, False),
    Light.ASKING: (1.0, False, False),
    Light.SEEING: (1.0, False, True),
    Light.SENT: (True, 0.5, False),
    Light.NOTHING_KEPT: (False, True, False),
    Light.CANNOT: (False, 3.0, False),
}


class GpioLights:
    """The light in the button, and two beside it."""

    def __init__(self, pins: Pins) -> None:
        try:
            self._button, self._ready, self._camera = (
                LED(pins.button_light),
                LED(pins.ready_light),
                LED(pins.camera_light),
            )
        except (GPIOZeroError, OSError) as fault:
            raise HardwareError(
                f"the lights can't be driven: {fault}", next_step="Check the pins in settings."
            ) from fault

    def show(self, scene: Scene, _say: Say) -> None:
        """Let the lights say what the scene is."""
        for led, pattern in zip((self._button, self._ready, self._camera), _PATTERNS[light(scene)], strict=True):
            if isinstance(pattern, float):
                led.blink(on_time=pattern / 2, off_time=pattern / 2)
            else:
                led.value = pattern

    def close(self) -> None:
        """Switch off."""
        for led in (self._button, self._ready, self._camera):
            if not led.closed:
                led.off()
                led.close()


def close_factory() -> None:
    """Let go of the GPIO chip."""
    if Device.pin_factory is not None:
        Device.pin_factory.close()
        Device.pin_factory = None
