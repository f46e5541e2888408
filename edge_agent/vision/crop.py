"""Cuts the chosen face out of a frame, destroys everybody else in the cut, and encodes it small and bare.

What leaves this module is a JPEG of one fixed shape with one person in it (docs/red-lines.md, 6). The frame itself is
left as it was; nothing is written anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from edge_agent.vision.face import HEAD, Box, Face
from edge_agent.vision.finder import may_be
from edge_agent.vision.measures import measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge_agent.ports import Frame, Rgb
    from edge_agent.vision.face import Point
    from edge_agent.vision.finder import Detector
    from edge_agent.vision.measures import Measures

WIDTH, HEIGHT = 480, 640  # pixels of every portrait
MAX_BYTES: Final = 100 * 1024
QUALITIES: Final = (
    85,
    80,
    75,
    70,
    65,
    60,
    50,
    40,
    30,
    20,
    10,
    5,
)  # white noise fits at 20, the worst made picture at 10
FLAT: Final = 128  # of each colour: where there is nothing to show, or nothing that may be shown

HIGH: Final = 3.0  # the cut's height, in sides of the face's box, which reaches from the brows to the chin
RAISED: Final = 0.1  # the cut's middle lies this much higher than the box's: above it there is hair
WHOLE_BOX: Final = 2.0  # `_reach` at a box's corners: within it, all of a face's box is destroyed
MARGIN: Final = (1 + 2 * HEAD) ** 2  # within it lies the whole head

GUIDE: Final = Box(0.375, 0.325, 0.25, 0.35)  # where the guide oval asks for the face, as parts of the frame


@dataclass(frozen=True, slots=True)
class Portrait:
    """One person's picture, ready to be sealed. `box` (x, y, w, h) is in pixels of the large frame.

    `landmarks` are in pixels of the picture, and none where the person chose the guide oval.
    """

    jpeg: bytes = field(repr=False)  # a log may show a portrait, never its pixels
    width: int
    height: int
    box: tuple[int, int, int, int]
    landmarks: tuple[Point, ...] = field(repr=False)
    measures: Measures


def portrait(frame: Frame, chosen: Face, others: Iterable[Face], detector: Detector) -> Portrait:
    """Cut out `chosen` and destroy `others`, both found in `frame.small`.

    `detector` searches the cut once more, from near: there it sees faces that were too small in the whole frame.
    """
    return _cut(frame.large, _on_large(chosen, frame), [_on_large(face, frame) for face in others], detector)


def centre(frame: Frame, faint: Iterable[Face], detector: Detector) -> Portrait:
    """Cut out whoever is in the guide oval, for a person whom the detector doesn't find, and destroy all others.

    `faint` is all that may be a face in `frame.small`; what lies in the oval is the person.
    """
    height, width = frame.small.shape[:2]
    oval = Face(GUIDE.scaled(width, height), 0.0, ())
    return portrait(frame, oval, [face for face in faint if not may_be(face, oval)], detector)


def _on_large(face: Face, frame: Frame) -> Face:
    (small_height, small_width), (height, width) = frame.small.shape[:2], frame.large.shape[:2]
    return face.scaled(width / small_width, height / small_height)


def _cut(large: Rgb, chosen: Face, others: Sequence[Face], detector: Detector) -> Portrait:
    left, top, width, height = region(chosen.box)
    cut = _padded(large, left, top, width, height)
    person = chosen.moved(-left, -top)
    closer = (face for face in detector.search(cut) if not may_be(face, person))
    _destroy(cut, person.box, [*(face.moved(-left, -top).box for face in others), *(face.box for face in closer)])
    picture = Image.fromarray(cut).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    shown = person.scaled(WIDTH / width, HEIGHT / height)
    box = chosen.box
    return Portrait(
        jpeg=encode(picture),
        width=WIDTH,
        height=HEIGHT,
        box=(round(box.x), round(box.y), round(box.w), round(box.h)),
        landmarks=shown.landmarks,
        measures=measure(np.asarray(picture), shown.box, shown.landmarks),
    )


def region(box: Box) -> tuple[int, int, int, int]:
    """Which part of the frame a portrait shows: left, top, width, height in whole pixels, maybe beyond its edge."""
    side = max(box.w, box.h)
    height = max(round(side * HIGH), 4)
    width = max(round(height * WIDTH / HEIGHT), 3)
    x, y = box.centre
    return round(x - width / 2), round(y - RAISED * side - height / 2), width, height


def _padded(rgb: Rgb, left: int, top: int, width: int, height: int) -> Rgb:
    """Copy a part of a picture; what lies beyond its edge is flat."""
    cut = np.full((height, width, 3), FLAT, np.uint8)
    x, y = max(left, 0), max(top, 0)
    inside = rgb[y : max(top + height, 0), x : max(left + width, 0)]
    cut[y - top : y - top + inside.shape[0], x - left : x - left + inside.shape[1]] = inside
    return cut


def _destroy(cut: Rgb, chosen: Box, others: Iterable[Box]) -> None:
    """Fill every other face with one flat colour, except where the core of the chosen face lies.

    Around a face's box there is a margin of forehead, ears and chin. Where two people's margins meet, each keeps what
    is nearer to it, so that a head beside the chosen one does not cost the chosen one's hair.
    """
    own = _reach(chosen, cut)
    for other in others:
        reach = _reach(other, cut)
        cut[(own > 1) & ((reach <= WHOLE_BOX) | ((reach <= MARGIN) & (reach < own)))] = FLAT


def _reach(box: Box, cut: Rgb) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Square each pixel's distance from a box's middle, [height, width]: 1 on the ellipse inscribed in the box."""
    height, width = cut.shape[:2]
    x, y = box.centre
    across = (np.arange(width, dtype=np.float32) + 0.5 - x) / (box.w / 2)
    down = (np.arange(height, dtype=np.float32) + 0.5 - y) / (box.h / 2)
    return across[None, :] ** 2 + down[:, None] ** 2


def encode(picture: Image.Image) -> bytes:
    """Encode an RGB picture as JPEG, without metadata, in at most MAX_BYTES: coarser until it fits, never refused."""
    jpeg = b""
    for quality in QUALITIES:
        out = BytesIO()
        picture.save(out, "JPEG", quality=quality, optimize=True, exif=b"", comment=b"")
        jpeg = out.getvalue()
        if len(jpeg) <= MAX_BYTES:
            break
    return jpeg
