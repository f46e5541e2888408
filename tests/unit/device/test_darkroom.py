"""A camera that fails is let go of: nobody is asked for a consent that may be in vain, and no shutter stays open."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edge_agent.config import Streams
from edge_agent.darkroom import Darkroom
from edge_agent.errors import CameraError
from edge_agent.hardware.simulated import PhotographCamera
from edge_agent.vision import finder, manifest
from tests.unit.device.world import ASTRONAUT


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return self.at


class Cable(PhotographCamera):
    """A camera whose cable can come off, and which can fail to start or to stop."""

    def __init__(self, place):
        super().__init__([ASTRONAUT], Streams())
        self._place = place
        place.open += 1

    def start(self):
        if self._place.jammed == "shut":
            raise CameraError("it does not start")
        super().start()

    def stop(self):
        if self._place.jammed == "open":
            raise CameraError("it does not stop")
        super().stop()

    def capture(self, timeout):
        if not self._place.plugged:
            raise CameraError("no frame came")
        return super().capture(timeout)

    def close(self):
        self._place.open -= 1


class Place:
    def __init__(self):
        self.plugged = True
        self.jammed = ""
        self.open = 0
        self.clock = SetClock()
        self.room = Darkroom(self.clock, lambda: Cable(self), lambda: finder.load_detector("united", manifest.load()))

    def session(self):
        self.room.start()
        try:
            self.room.look()
        finally:
            self.room.stop()

    def pause(self):
        """Wait until it would take somebody's report again; say how long that was, in seconds."""
        began = self.clock.at
        while True:
            try:
                self.room.check()
            except CameraError:
                self.clock.at += 1
            else:
                return self.clock.at - began


@pytest.fixture
def place():
    return Place()


def test_after_a_camera_gave_no_frame_it_is_let_go_of_and_no_report_is_taken_for_a_while(place):
    place.plugged = False
    with pytest.raises(CameraError):
        place.session()
    assert place.open == 0
    with pytest.raises(CameraError, match="no frame came"):
        place.room.check()
    assert place.pause() > 0
    assert place.open == 1


def test_each_time_that_it_happens_again_the_pause_is_longer_but_never_more_than_an_hour(place):
    place.plugged = False
    pauses = []
    for _ in range(9):
        with pytest.raises(CameraError):
            place.session()
        pauses.append(place.pause())
    assert all(longer >= shorter for shorter, longer in pairwise(pauses))
    assert pauses[1] > pauses[0]
    assert pauses[-1] == pauses[-2] == 3600


def test_a_frame_makes_it_forget(place):
    pauses = []
    for _ in range(2):
        place.plugged = False
        with pytest.raises(CameraError):
            place.session()
        pauses.append(place.pause())
        place.plugged = True
        place.session()
    assert pauses[0] == pauses[1]


@pytest.mark.red_line(1)
@pytest.mark.parametrize("jammed", ["shut", "open"])
def test_a_camera_that_does_not_start_or_stop_is_let_go_of_and_opened_anew(place, jammed):
    place.jammed = jammed
    with pytest.raises(CameraError, match="it does not"):
        place.session()
    assert place.open == 0, "it may be running: only letting go of it is sure"
    with pytest.raises(CameraError, match="it does not"):
        place.room.check()
    place.jammed = ""
    assert place.pause() > 0
    place.session()
    assert place.open == 1
