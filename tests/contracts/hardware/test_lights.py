"""The lights say where the session is; while the camera sees, they say that before all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge_agent.errors import HardwareError
from edge_agent.hardware.gpio import GpioLights, close_factory
from edge_agent.pins import Pins
from edge_agent.session.light import Light, light
from edge_agent.session.scene import Say, Scene
from edge_agent.session.table import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

PINS = Pins()


def scene(stage: Stage, *, camera_on: bool = False, code: str = "") -> Scene:
    return Scene(stage=stage, language=None, choices=(), lit=0, camera_on=camera_on, code=code)


@pytest.fixture
def lights() -> Iterator[GpioLights]:
    Device.pin_factory = MockFactory()
    made = GpioLights(PINS)
    yield made
    made.close()
    close_factory()


def lit(pin: int) -> bool:
    return bool(Device.pin_factory.pin(pin).state)


@pytest.mark.red_line(1)
@pytest.mark.parametrize("stage", list(Stage))
def test_the_camera_light_is_lit_exactly_while_the_camera_is_on(lights, stage):
    lights.show(scene(stage, camera_on=True), Say.NOTHING)
    assert lit(PINS.camera_light)
    lights.show(scene(stage, camera_on=False), Say.NOTHING)
    assert not lit(PINS.camera_light)


def test_at_rest_the_ready_light_is_steady(lights):
    lights.show(scene(Stage.REST), Say.NOTHING)
    assert lit(PINS.ready_light)
    assert lit(PINS.button_light)


@pytest.mark.red_line(14)
def test_a_kiosk_that_cannot_take_a_report_says_so_at_rest():
    assert light(scene(Stage.REST, code="outbox-full")) is Light.CANNOT
    assert light(scene(Stage.REST)) is Light.READY


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_has_something_to_say(lights, stage):
    assert light(scene(stage)) is not Light.OFF
    lights.show(scene(stage), Say.NOTHING)


def test_closing_makes_them_dark(lights):
    lights.show(scene(Stage.REST), Say.NOTHING)
    lights.close()
    assert not lit(PINS.ready_light)
    lights.close()


def test_a_pin_that_is_taken_is_told(lights):
    with pytest.raises(HardwareError, match="lights"):
        GpioLights(PINS)
