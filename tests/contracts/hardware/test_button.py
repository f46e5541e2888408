"""Every button gives the same edges for the same finger: gpiozero's on a mock pin, and the simulated person's."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge_agent.config import Pace
from edge_agent.errors import ButtonError
from edge_agent.hardware.gpio import GpioButton, close_factory
from edge_agent.hardware.simulated import Script, SimulatedPerson, Step
from edge_agent.session.scene import Act, Say, Scene
from edge_agent.session.table import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.ports import Button, Edge

PIN = 4


class Rig(Protocol):
    """A button under test, and a finger."""

    button: Button

    def press(self) -> None: ...


class MockPinRig:
    def __init__(self) -> None:
        Device.pin_factory = MockFactory()
        self.button = GpioButton(PIN)
        self._pin = Device.pin_factory.pin(PIN)

    def press(self) -> None:
        self._pin.drive_low()
        self._pin.drive_high()


class SimulatedRig:
    def __init__(self) -> None:
        steps = [Step(stage=Stage.REST, after_s=0.0) for _ in range(8)]
        self.button = SimulatedPerson(Script(step=steps), Pace())

    def press(self) -> None:
        scene = Scene(stage=Stage.REST, language=None, choices=(Act.STOP,), lit=0)
        self.button.show(scene, Say.NOTHING)


@pytest.fixture(params=[MockPinRig, SimulatedRig], ids=["gpiozero", "simulated"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made = request.param()
    yield made
    made.button.close()
    close_factory()


def edges(button: Button, wanted: int) -> list[Edge]:
    got: list[Edge] = []
    while len(got) < wanted:
        got += button.wait(5.0)
    return got


def test_a_press_is_a_falling_and_a_rising_edge_in_order(rig):
    rig.press()
    down, up = edges(rig.button, 2)
    assert (down.down, up.down) == (True, False)
    assert down.at <= up.at


def test_times_are_of_the_monotonic_clock(rig):
    before = time.monotonic()
    rig.press()
    got = edges(rig.button, 2)
    after = time.monotonic()
    assert all(before <= edge.at <= after for edge in got)


def test_without_a_finger_waiting_gives_nothing(rig):
    assert rig.button.wait(0.0) == []


def test_no_edge_is_given_twice(rig):
    rig.press()
    assert len(edges(rig.button, 2)) == 2
    assert rig.button.wait(0.05) == []


def test_a_button_that_was_let_go_of_says_so(rig):
    rig.button.close()
    with pytest.raises(ButtonError):
        rig.button.wait(0.0)


def test_letting_go_twice_is_fine(rig):
    rig.button.close()
    rig.button.close()


def test_edges_that_come_while_waiting_end_the_wait():
    rig = MockPinRig()
    threading.Timer(0.05, rig.press).start()
    assert rig.button.wait(30.0)
    rig.button.close()
    close_factory()


def test_a_pin_that_is_taken_is_told_with_what_to_look_at():
    rig = MockPinRig()
    with pytest.raises(ButtonError) as caught:
        GpioButton(PIN)
    assert "pin number" in caught.value.next_step
    rig.button.close()
    close_factory()
