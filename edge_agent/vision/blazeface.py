"""One BlazeFace model: a frame in, candidate faces out.

The layout of anchors, letterbox and outputs follows the models' own cards (models/cards/); the numbers stand in the
manifest. A candidate is a row of 17 floats: left, top, width, height, six points as x and y, and the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt

from edge_agent.errors import ModelError
from edge_agent.vision import runtime
from edge_agent.vision.shrink import shrink

if TYPE_CHECKING:
    from edge_agent.ports import Rgb
    from edge_agent.vision.manifest import Grid, Manifest

Floats = npt.NDArray[np.float32]

VALUES: Final = 16  # of an anchor: centre, size and six points, each x and y
SCORE: Final = VALUES  # the column after them
LOGIT_LIMIT: Final = 100.0  # raw scores past it are rounding noise, and exp() would overflow


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a frame of `width` x `height` pixels lies in a square of `side`: whole, centred, black bars about it."""

    width: int
    height: int
    side: int

    @property
    def inner(self) -> tuple[int, int]:
        """Width and height of the frame inside the square, in pixels."""
        shrink = self.side / max(self.width, self.height)
        return max(1, round(self.width * shrink)), max(1, round(self.height * shrink))

    @property
    def corner(self) -> tuple[int, int]:
        """Left and top edge of the frame inside the square, in pixels."""
        width, height = self.inner
        return (self.side - width) // 2, (self.side - height) // 2

    @property
    def stretch(self) -> tuple[float, float]:
        """Pixels of the frame to a pixel of the square, across and down."""
        width, height = self.inner
        return self.width / width, self.height / height


def logit(part: float) -> float:
    """Give the log-odds of a score, 0 < score < 1: what a model puts out before the sigmoid."""
    return log(part / (1 - part))


def anchors(grids: tuple[Grid, ...]) -> Floats:
    """Centres of the anchors, [n, 2], x and y as parts of the square's side, row by row of each grid."""
    centres = []
    for grid in grids:
        middle = (np.arange(grid.cells) + 0.5) / grid.cells
        y, x = np.meshgrid(middle, middle, indexing="ij")
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), grid.per_cell, axis=0))
    return np.concatenate(centres, dtype=np.float32)


class BlazeFace:
    """A model, loaded and ready. It keeps no picture: its input is overwritten by the next and erased by `forget`."""

    def __init__(self, content: bytes, name: str, side: int, scale: float, centres: Floats) -> None:
        self.side = side
        self._scale = scale
        self._centres = centres
        self._run = runtime.interpreter(content, name)
        (given,) = self._run.get_input_details()
        taken = {tuple(out["shape"]): out["index"] for out in self._run.get_output_details()}
        values, scores = (1, len(centres), VALUES), (1, len(centres), 1)
        if (
            tuple(given["shape"]) != (1, side, side, 3)
            or given["dtype"] != np.float32
            or set(taken) != {values, scores}
        ):
            raise ModelError(
                f"The model {name} does not fit the manifest: it takes {list(given['shape'])} and gives {list(taken)}",
                next_step="Correct its input and anchors in models/manifest.toml.",
            )
        self._input = self._run.tensor(given["index"])
        self._values = self._run.tensor(taken[values])
        self._scores = self._run.tensor(taken[scores])
        self._placed = lru_cache(maxsize=4)(self._place)

    @classmethod
    def of(cls, manifest: Manifest, model: str) -> Self:
        """Load a model of the manifest. Raises ModelError when its file is missing, another, or does not fit."""
        facts = manifest.facts.models[model]
        content = manifest.content(facts.file)
        return cls(content, model, facts.input, facts.scale, anchors(facts.anchors))

    def candidates(self, rgb: Rgb, floor: float, even: float) -> Floats:
        """Find what may be faces in a frame, RGB uint8 [height, width, 3]: where the model's own score reaches `floor`.

        Returns [n, 17] in pixels of the frame, unsorted, many rows for one face. Their scores are on the scale that all
        models share: the log-odds of the model's own, moved so that its `even` becomes 0.5.
        """
        size = rgb.shape[1], rgb.shape[0]
        self._show(rgb, Letterbox(*size, self.side))
        self.infer()
        raw = self._scores()[0, :, 0]
        (above,) = np.nonzero(raw >= logit(floor))
        found = np.empty((len(above), VALUES + 1), np.float32)
        stretch, offset = self._placed(size)
        values = found[:, :VALUES]
        np.multiply(self._values()[0].take(above, axis=0), stretch, out=values)
        values += offset.take(above, axis=0)
        values[:, :2] -= values[:, 2:4] / 2
        found[:, SCORE] = 1 / (1 + np.exp(logit(even) - np.clip(raw[above], -LOGIT_LIMIT, LOGIT_LIMIT)))
        return found[np.minimum(found[:, 2], found[:, 3]) > 0]

    def infer(self) -> None:
        """Run the model on what its input holds."""
        self._run.invoke()

    def forget(self) -> None:
        """Overwrite the last picture, and what the model made of it on its way."""
        self._input()[:] = -1
        self.infer()

    def _show(self, rgb: Rgb, box: Letterbox) -> None:
        """Write a frame into the model's input, from -1 (black) to 1.

        The view of the input ends with this method: the runtime refuses to run while somebody looks at its memory.
        """
        (left, top), (width, height) = box.corner, box.inner
        square = self._input()[0]
        square[:top], square[top + height :], square[:, :left], square[:, left + width :] = -1, -1, -1, -1
        inside = square[top : top + height, left : left + width]
        np.multiply(shrink(rgb, width, height), np.float32(2 / 255), out=inside, dtype=np.float32)
        inside -= np.float32(1)

    def _place(self, size: tuple[int, int]) -> tuple[Floats, Floats]:
        """Say what raw outputs are multiplied by, [16], and what is added, [n, 16], to be pixels of such a frame."""
        box = Letterbox(*size, self.side)
        stretch = np.array(box.stretch, np.float32)
        centres = (self._centres * self.side - np.array(box.corner, np.float32)) * stretch
        offset = np.tile(centres, VALUES // 2)
        offset[:, 2:4] = 0  # width and height start from nothing
        return np.tile(stretch * np.float32(self.side / self._scale), VALUES // 2), offset
