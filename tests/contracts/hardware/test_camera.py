"""What every camera does. The photograph camera runs here; the real one runs the same tests in the virtual kiosk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edge_agent.config import Streams
from edge_agent.errors import CameraError
from edge_agent.hardware.camera import PiCamera, nv12_to_rgb
from edge_agent.hardware.simulated import PhotographCamera

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.ports import Camera

STREAMS = Streams()


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    path = tmp_path / "grey.png"
    Image.new("RGB", (640, 480), (90, 120, 150)).save(path)
    return PhotographCamera([path], STREAMS)


@pytest.mark.red_line(1)
def test_a_camera_is_off_until_it_is_started(camera):
    assert not camera.running
    with pytest.raises(CameraError, match="not running"):
        camera.capture(1.0)


def test_both_streams_have_their_sizes_and_show_the_same(camera):
    camera.start()
    frame = camera.capture(5.0)
    assert frame.large.shape == (*reversed(STREAMS.large), 3)
    assert frame.small.shape == (*reversed(STREAMS.small), 3)
    assert frame.small.dtype == frame.large.dtype == np.uint8
    assert np.allclose(frame.small.mean((0, 1)), frame.large.mean((0, 1)), atol=2)


def test_a_stopped_camera_gives_nothing(camera):
    camera.start()
    camera.capture(5.0)
    camera.stop()
    assert not camera.running
    with pytest.raises(CameraError):
        camera.capture(1.0)


def test_it_can_be_started_and_stopped_many_times(camera):
    for _ in range(5):
        camera.start()
        camera.capture(5.0)
        camera.stop()


def test_stopping_and_closing_twice_are_fine(camera):
    camera.stop()
    camera.start()
    camera.stop()
    camera.stop()
    camera.close()
    camera.close()


@pytest.mark.red_line(7)
def test_a_wiped_frame_does_not_come_back(camera):
    camera.start()
    camera.capture(5.0).large.fill(0)
    assert camera.capture(5.0).large.any()


def test_without_picamera2_the_real_camera_says_what_is_missing():
    with pytest.raises(CameraError) as caught:
        PiCamera(STREAMS)
    assert "python3-picamera2" in caught.value.next_step


def nv12(rgb: tuple[int, int, int], width: int, height: int, stride: int) -> np.ndarray:
    """Paint one colour in NV12, by the forward formulas of BT.601 at full range."""
    red, green, blue = rgb
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = np.full((height * 3 // 2, stride), 7, np.uint8)  # 7: what padding may hold
    planes[:height, :width] = round(y)
    planes[height:, 0:width:2] = round(128 + (blue - y) / 1.772)
    planes[height:, 1:width:2] = round(128 + (red - y) / 1.402)
    return planes


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 40, 90), (10, 220, 30), (30, 60, 250)])
@pytest.mark.parametrize("stride", [64, 96])
def test_nv12_turns_into_the_colours_that_were_painted_whatever_the_stride(colour, stride):
    rgb = nv12_to_rgb(nv12(colour, 64, 48, stride), (64, 48))
    assert rgb.shape == (48, 64, 3)
    assert np.abs(rgb.astype(int) - np.array(colour)).max() <= 2
