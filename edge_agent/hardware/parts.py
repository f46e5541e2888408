"""Which parts a kiosk is made of, by its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.recordings import Recordings

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent import config
    from edge_agent.config import KioskSettings
    from edge_agent.ports import Button, Camera, Presenter, Voice


@dataclass(frozen=True, slots=True)
class Parts:
    """A button, somebody to show scenes to, a way to open the camera when it is first needed, and a voice."""

    button: Button
    presenters: tuple[Presenter, ...]
    open_camera: Callable[[], Camera]
    voice: Voice | None = None


def open_parts(settings: KioskSettings) -> Parts:
    """Take hold of the parts that settings name. Raises HardwareError and, for a script, SettingsError.

    Imports happen here so that a kiosk loads just what it is made of.
    """
    hardware = settings.hardware
    if hardware.simulated is not None and hardware.kind == "simulated":
        from edge_agent.hardware import simulated  # noqa: PLC0415

        person = simulated.SimulatedPerson(simulated.read_script(Path(hardware.simulated.script)), settings.pace)
        photographs = [Path(name) for name in hardware.simulated.photographs]
        return Parts(
            person,
            (person,),
            lambda: simulated.PhotographCamera(photographs, hardware.streams),
            None if settings.voice is None else simulated.SimulatedVoice(),
        )
    from edge_agent.hardware import camera, gpio  # noqa: PLC0415

    return Parts(
        gpio.GpioButton(hardware.pins.button),
        (gpio.GpioLights(hardware.pins),),
        lambda: camera.PiCamera(hardware.streams),
        None if settings.voice is None else _open_voice(settings.voice),
    )


def _open_voice(settings: config.Voice) -> Voice:
    from edge_agent.hardware import voice  # noqa: PLC0415

    return voice.AlsaVoice(Recordings(Path(settings.folder)), settings.output, settings.volume)
