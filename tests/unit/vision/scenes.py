"""Frames made of the demonstration's photograph, with faces where the test wants them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image

from edge_agent.ports import Frame
from edge_agent.vision import manifest
from edge_agent.vision.face import Box, Face
from edge_agent.vision.finder import Finder, Found, load_detector

LARGE, SMALL = (1280, 960), (320, 240)
FACE = Box(173, 72, 101, 101)  # brows to chin, in the photograph's own pixels
WALL = (90, 100, 110)


@dataclass(frozen=True)
class Person:
    """Somebody in the frame: the middle and the width of their face, in pixels of the large frame."""

    x: int
    y: int
    face: int
    mirrored: bool = False

    @property
    def box(self) -> Box:
        return Box(self.x - self.face / 2, self.y - self.face / 2, self.face, self.face)


def grown(box: Box, part: float) -> Box:
    """A box that is wider on every side by `part` of its width or height."""
    return Box(box.x - box.w * part, box.y - box.h * part, box.w * (1 + 2 * part), box.h * (1 + 2 * part))


@cache
def astronaut() -> Image.Image:
    return Image.open(BytesIO(manifest.load().content("photograph"))).convert("RGB")


@cache
def united() -> Finder:
    return load_detector("united", manifest.load())


def head(person: Person) -> Image.Image:
    """The photograph's head alone, sized and turned as the person wants it."""
    around = grown(FACE, 0.45)
    cut = astronaut().crop((round(around.x), round(around.y), round(around.x + around.w), round(around.y + around.h)))
    size = round(person.face * 1.9)
    turned = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if person.mirrored else cut
    return turned.resize((size, size), Image.Resampling.LANCZOS)


def frame_of(*people: Person) -> Frame:
    """A frame with these people before a wall, the first in front."""
    large = Image.new("RGB", LARGE, WALL)
    for person in reversed(people):
        picture = head(person)
        large.paste(picture, (person.x - picture.width // 2, person.y - picture.height // 2))
    small = large.resize(SMALL, Image.Resampling.BOX)
    return Frame(small=np.asarray(small), large=np.asarray(large))


def on_small(person: Person) -> Face:
    """The person's face as a detector would give it, in pixels of the small frame, without landmarks."""
    return Face(person.box.scaled(SMALL[0] / LARGE[0], SMALL[1] / LARGE[1]), 0.9, ())


def painted(*boxes: tuple[Box, tuple[int, int, int]]) -> Frame:
    """A frame with boxes (in pixels of the large frame) in plain colours before a wall, the first in front."""
    large = np.full((LARGE[1], LARGE[0], 3), WALL, np.uint8)
    for box, colour in reversed(boxes):
        x, y = max(round(box.x), 0), max(round(box.y), 0)
        large[y : max(round(box.y + box.h), 0), x : max(round(box.x + box.w), 0)] = colour
    return Frame(small=large[::4, ::4].copy(), large=large)


class Blind:
    """A detector that finds nobody: what is known must be destroyed all the same."""

    name = "blind"
    models = ()

    def find(self, rgb, threshold=None):
        return Found((), ())

    def search(self, rgb):
        return ()

    def forget(self):
        pass


def decoded(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(jpeg))).astype(int)
