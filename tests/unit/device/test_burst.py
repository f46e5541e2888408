"""The picture is the best frame of a short burst; of the others nothing is left."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_agent.config import Streams
from edge_agent.darkroom import BURST, Darkroom
from edge_agent.errors import CameraError
from edge_agent.hardware.clock import SystemClock
from edge_agent.hardware.simulated import PhotographCamera
from edge_agent.ports import Frame
from edge_agent.session.scene import Act
from edge_agent.vision import finder, manifest
from tests.unit.device.world import ASTRONAUT

SHARP = 1  # this frame of the burst; the others are not


class Trembling:
    """A camera of which all frames but one are blurred; it keeps hold of what it gave away."""

    def __init__(self, sharp=SHARP, ends_after=BURST):
        self._camera = PhotographCamera([ASTRONAUT], Streams())
        self._sharp, self._ends_after = sharp, ends_after
        self.given = []

    def start(self):
        self._camera.start()

    def stop(self):
        self._camera.stop()

    def close(self):
        self._camera.close()

    def capture(self, timeout):
        if len(self.given) == self._ends_after:
            raise CameraError("no frame came")
        frame = self._camera.capture(timeout)
        if len(self.given) != self._sharp:
            frame = Frame(small=blurred(frame.small), large=blurred(frame.large))
        self.given.append(frame)
        return frame


def blurred(rgb):
    return np.array(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(4)))


def darkroom(camera):
    room = Darkroom(SystemClock(), lambda: camera, lambda: finder.load_detector("united", manifest.load()))
    room.start()
    return room


@pytest.mark.parametrize("sharp", range(BURST))
def test_of_a_burst_the_sharpest_frame_is_the_picture_and_the_others_are_destroyed(sharp):
    camera = Trembling(sharp)
    room = darkroom(camera)
    assert room.take().faces == 1
    assert len(camera.given) == BURST
    assert [bool(frame.large.any()) for frame in camera.given] == [number == sharp for number in range(BURST)]
    assert [bool(frame.small.any()) for frame in camera.given] == [number == sharp for number in range(BURST)]
    room.cut(Act.OVAL)
    room.drop()
    assert not any(frame.large.any() or frame.small.any() for frame in camera.given)


@pytest.mark.red_line(2)
def test_of_a_burst_that_breaks_off_nothing_is_left():
    camera = Trembling(ends_after=BURST - 1)
    with pytest.raises(CameraError):
        darkroom(camera).take()
    assert len(camera.given) == BURST - 1
    assert not any(frame.large.any() or frame.small.any() for frame in camera.given)


@pytest.mark.red_line(7)
def test_of_what_the_camera_saw_for_guidance_nothing_is_left():
    camera = Trembling()
    room = darkroom(camera)
    assert room.look().faces == 1
    assert room.look().faces == 1
    assert len(camera.given) == 2
    assert not any(frame.large.any() or frame.small.any() for frame in camera.given)
