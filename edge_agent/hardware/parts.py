"""Which parts a kiosk is made of, by its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.config import KioskSettings
    from edge_agent.ports import Button, Camera, Presenter


@dataclass(frozen=True, slots=True)
class Parts:
    """A button, somebody to show scenes to, and a way to open the camera when it is first needed."""

    button: Button
    presenters: tuple[Presenter, ...]
    open_camera: Callable[[], Camera]


def open_parts(settings: KioskSettings) -> Parts:
    """Take hold of the parts that settings name. Raises HardwareError and, for a script, SettingsError.

    Imports happen here so that a kiosk loads just what it is made of.
    """
    hardware = settings.hardware
    if hardware.simulated is not None and hardware.kind == "simulated":
        from edge_agent.hardware import simulated  # noqa: PLC0415

        person = simulated.SimulatedPerson(simulated.read_script(Path(hardware.simulated.script)), settings.pace)
        photographs = [Path(name) for name in hardware.simulated.photographs]
        return Parts(person, (person,), lambda: simulated.PhotographCamera(photographs, hardware.streams))
    from edge_agent.hardware import camera, gpio  # noqa: PLC0415

    return Parts(
        gpio.GpioButton(hardware.pins.button),
        (gpio.GpioLights(hardware.pins),),
        lambda: camera.PiCamera(hardware.streams),
    )
