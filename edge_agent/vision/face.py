"""A face in a picture: where it is, how sure the detector was, and six points of it. Nothing of who it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Point = tuple[float, float]

HEAD: Final = 0.35  # how far forehead, ears and chin reach beyond a face's box, as a part of the box


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels: left and top edge, width and height. It may reach past the picture's edge."""

    x: float
    y: float
    w: float
    h: float

    @property
    def centre(self) -> Point:
        """The middle, x and y in pixels."""
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def area(self) -> float:
        """Width times height, in square pixels."""
        return self.w * self.h

    def moved(self, dx: float, dy: float) -> Box:
        """Move the box `dx` pixels to the right and `dy` down."""
        return Box(self.x + dx, self.y + dy, self.w, self.h)

    def scaled(self, kx: float, ky: float) -> Box:
        """Place the box in the same picture, `kx` times as wide and `ky` times as high."""
        return Box(self.x * kx, self.y * ky, self.w * kx, self.h * ky)

    def core_holds(self, point: Point) -> bool:
        """Whether a point lies in the box's core, the ellipse inscribed in it: the face without the box's corners."""
        (cx, cy), (x, y) = self.centre, point
        return ((x - cx) * self.h) ** 2 + ((y - cy) * self.w) ** 2 <= (self.w * self.h / 2) ** 2

    def shared(self, other: Box) -> float:
        """Measure what two boxes have in common, in square pixels."""
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        return max(width, 0.0) * max(height, 0.0)

    def overlap(self, other: Box) -> float:
        """Intersection over union with another box: 0 when they don't meet, 1 when they are the same."""
        shared = self.shared(other)
        return shared / (self.area + other.area - shared) if shared else 0.0


@dataclass(frozen=True, slots=True)
class Face:
    """One find. `score` is how sure the detector is, from 0 to 1; a model's threshold stands at 0.5.

    `landmarks` are six points in pixels: the right eye, the left eye (the person's own right and left), the tip of the
    nose, the middle of the mouth, the right and the left ear's tragion.
    """

    box: Box
    score: float
    landmarks: tuple[Point, ...]

    def moved(self, dx: float, dy: float) -> Face:
        """Move the face `dx` pixels to the right and `dy` down."""
        return Face(self.box.moved(dx, dy), self.score, tuple((x + dx, y + dy) for x, y in self.landmarks))

    def scaled(self, kx: float, ky: float) -> Face:
        """Place the face in the same picture, `kx` times as wide and `ky` times as high."""
        return Face(self.box.scaled(kx, ky), self.score, tuple((x * kx, y * ky) for x, y in self.landmarks))
