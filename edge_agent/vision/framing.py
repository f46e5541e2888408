"""Finds faces while a person takes their place: often, cheaply, and well enough to guide them.

One model serves each frame, in turns, so that the cost is the same whoever stands there. What a model saw is carried
until its next turn, unless a fresher find lies there. The picture that is kept is judged anew, by the whole detector.
"""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from edge_agent.vision.suppression import suppress

if TYPE_CHECKING:
    from edge_agent.ports import Rgb
    from edge_agent.vision.face import Face
    from edge_agent.vision.finder import Finder


class Framing:
    """Makes a united finder's models take turns. Make a new one each time the camera starts: it carries finds."""

    def __init__(self, finder: Finder) -> None:
        self._nms_iou = finder.nms_iou
        self._turns = cycle([part for part in finder.parts for _ in range(part.turns)])
        self._seen: dict[int, tuple[Face, ...]] = {}

    def find(self, rgb: Rgb) -> tuple[Face, ...]:
        """Find faces in the next frame, RGB uint8 [height, width, 3]: fresh finds first, then carried ones."""
        part = next(self._turns)
        fresh = suppress(part.model.candidates(rgb, part.threshold, part.threshold), self._nms_iou)
        self._seen[id(part)] = fresh
        carried = (face for seen, faces in self._seen.items() if seen != id(part) for face in faces)
        return fresh + tuple(face for face in carried if not any(face.box.overlap(new.box) for new in fresh))
