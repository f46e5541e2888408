"""Advice about a picture: is it sharp, is it lit, how near and how far turned is the face.

Nothing is refused for a measure (docs/red-lines.md, 5), and none says anything of who the person is. Between people
they can't be compared: exposure falls with darker skin as with less light.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees, hypot
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.ports import Rgb
    from edge_agent.vision.face import Box, Point

RIGHT_EYE, LEFT_EYE, NOSE = 0, 1, 2
LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in JPEG
NOSE_DEPTH: Final = 0.55  # of a face turned to the camera: the nose's tip before the eyes, in distances of the eyes
MIDDLE: Final = 127.5


@dataclass(frozen=True, slots=True)
class Measures:
    """`sharpness`: variance of the luma's Laplacian; `exposure`: mean luma, 0 to 255; both over the face's box.

    `eye_distance` in pixels of the picture and `yaw` in degrees, positive when the person turns to their left, are None
    where no landmarks are known.
    """

    sharpness: float
    exposure: float
    eye_distance: float | None
    yaw: float | None

    @property
    def merit(self) -> float:
        """A figure to pick the best of one burst of one person by, and for nothing else; larger is better."""
        return self.sharpness * (1 - abs(self.exposure - MIDDLE) / (2 * MIDDLE))


def measure(rgb: Rgb, box: Box, landmarks: Sequence[Point]) -> Measures:
    """Measure a face in a picture, RGB uint8 [height, width, 3]; `box` and `landmarks` are in its pixels."""
    luma = _within(rgb, box) @ LUMA
    eyes = hypot(*_minus(landmarks[LEFT_EYE], landmarks[RIGHT_EYE])) if landmarks else None
    return Measures(_sharpness(luma), float(luma.mean()), eyes, yaw(landmarks) if landmarks else None)


def yaw(landmarks: Sequence[Point]) -> float:
    """Estimate how far a face is turned, in degrees, from how far the nose lies off the middle of the eyes.

    With the nose's tip d before the plane of the eyes and the eyes e apart, a turn by a shows the eyes e cos(a) apart
    and the nose d sin(a) off their middle; their ratio gives a. Good to some 10 degrees up to 45.
    """
    right, left, nose = landmarks[RIGHT_EYE], landmarks[LEFT_EYE], landmarks[NOSE]
    across, down = _minus(left, right)
    apart = hypot(across, down)
    if not apart:
        return 0.0
    x, y = _minus(nose, ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2))
    return degrees(atan2((x * across + y * down) / apart, NOSE_DEPTH * apart))


def _minus(a: Point, b: Point) -> Point:
    return a[0] - b[0], a[1] - b[1]


def _within(rgb: Rgb, box: Box) -> Rgb:
    """Cut the part of a box that lies in the picture, at least one pixel of it."""
    height, width = rgb.shape[:2]
    left, top = min(max(round(box.x), 0), width - 1), min(max(round(box.y), 0), height - 1)
    right, bottom = max(round(box.x + box.w), left + 1), max(round(box.y + box.h), top + 1)
    return rgb[top:bottom, left:right]


def _sharpness(luma: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    if min(luma.shape) < 3:  # noqa: PLR2004 - the Laplacian's own size
        return 0.0
    centre = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * centre
    return float(laplacian.var())
