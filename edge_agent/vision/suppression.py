"""Weighted non-maximum suppression: candidates that overlap are one face, at their average place.

As in BlazeFace (Bazarevsky et al. 2019, section 3.4): the box and the points of a group are averaged with the scores as
weights, which holds a face steadier from frame to frame than keeping the best alone. Its score is the best of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_agent.vision.blazeface import SCORE, VALUES
from edge_agent.vision.face import Box, Face

if TYPE_CHECKING:
    from edge_agent.vision.blazeface import Floats


def suppress(candidates: Floats, iou: float) -> tuple[Face, ...]:
    """Unite candidates ([n, 17], as blazeface gives them) that overlap by more than `iou`; the surest face first."""
    rest = candidates[np.argsort(-candidates[:, SCORE], kind="stable")]
    faces = []
    while len(rest):
        same = _overlap(rest) > iou
        same[0] = True  # a box without area overlaps nothing, not even itself
        faces.append(_face(rest[same]))
        rest = rest[~same]
    return tuple(faces)


def _overlap(rows: Floats) -> Floats:
    """Intersection over union of the first row's box with every row's."""
    low, size = rows[:, :2], np.maximum(rows[:, 2:4], 0)
    high = low + size
    shared = np.maximum(np.minimum(high, high[0]) - np.maximum(low, low[0]), 0).prod(axis=1)
    areas = size.prod(axis=1)
    return shared / np.maximum(areas + areas[0] - shared, np.finfo(np.float32).tiny)  # type: ignore[no-any-return]


def _face(group: Floats) -> Face:
    weights = group[:, SCORE]
    x, y, w, h, *points = (weights @ group[:, :VALUES] / weights.sum()).tolist()
    return Face(Box(x, y, w, h), float(weights[0]), tuple(zip(points[::2], points[1::2], strict=True)))
