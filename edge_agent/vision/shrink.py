"""Makes a frame small enough for a model, by averaging a few samples of each cell.

A detector that runs many times a second on a Pi can't afford a photographer's filter: two samples each way cost less
than half of Pillow's reduced bilinear resize at the same recall (tests/bench/finder.py, models/evaluate.py).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_agent.ports import Rgb

PIXEL: Final = np.dtype("V3")  # gathered as one item of three bytes
ALONE: Final = 1.25  # pixels to a cell, up to which one sample is enough
APART: Final = 2.5  # pixels that two samples may lie apart


def shrink(rgb: Rgb, width: int, height: int) -> Rgb:
    """Resample a picture, RGB uint8 [h, w, 3], to [height, width, 3]. A smaller one is enlarged, unsmoothed."""
    rows = _mean([rgb.take(taken, axis=0) for taken in _samples(rgb.shape[0], height)])
    pixels = rows.reshape(height, -1).view(PIXEL)
    return _mean([pixels.take(taken, axis=1).view(np.uint8) for taken in _samples(rgb.shape[1], width)]).reshape(
        height, width, 3
    )


@lru_cache(maxsize=32)
def _samples(pixels: int, cells: int) -> tuple[npt.NDArray[np.intp], ...]:
    """Which pixel each sample of a cell takes, along one axis: 1, 2, 4, ... arrays of `cells` indices."""
    ratio = pixels / cells
    count = 1
    while ratio > ALONE and (count == 1 or ratio / count > APART):
        count *= 2
    starts = np.arange(cells)
    return tuple(((starts + (n + 0.5) / count) * ratio).astype(np.intp) for n in range(count))


def _mean(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Average 1, 2, 4, ... arrays of bytes in pairs, rounded down, without ever leaving bytes. Overwrites them."""
    while len(parts) > 1:
        parts = [_mean_of_two(one, other) for one, other in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _mean_of_two(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Add the bits that both have to half of those that one has: the mean, without a carry out of the byte."""
    half = one ^ other
    half >>= 1
    one &= other
    half += one
    return half
