"""Finds the faces in a frame: one model or several, their candidates united."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from edge_agent.errors import ModelError
from edge_agent.vision.blazeface import SCORE, BlazeFace
from edge_agent.vision.suppression import suppress

if TYPE_CHECKING:
    from edge_agent.ports import Rgb
    from edge_agent.vision.blazeface import Floats
    from edge_agent.vision.face import Face
    from edge_agent.vision.manifest import Manifest


EVEN: Final = 0.5  # the score of a find at its model's threshold
SAME_FACE: Final = 0.3  # a faint find that overlaps a face by more is that face


@dataclass(frozen=True, slots=True)
class Found:
    """What one look at a frame gave, in its pixels, the surest first.

    `faces` are offered to the person. `faint` is all that may be a face, `faces` among it (a little displaced): it
    serves to destroy everybody but the chosen one.
    """

    faces: tuple[Face, ...]
    faint: tuple[Face, ...]

    def others(self, chosen: Face) -> tuple[Face, ...]:
        """All that may be somebody other than `chosen`, which is one of `faces`."""
        known = tuple(face for face in self.faces if face is not chosen)
        return known + tuple(face for face in self.faint if not may_be(face, chosen))


def may_be(faint: Face, chosen: Face) -> bool:
    """Say whether a faint find may be the chosen face itself, a part of it, or the head about it."""
    one, other = faint.box, chosen.box
    return one.overlap(other) > SAME_FACE or other.core_holds(one.centre) or one.core_holds(other.centre)


class Detector(Protocol):
    """Anything that finds faces."""

    @property
    def name(self) -> str:
        """Its name in the manifest."""
        ...

    @property
    def models(self) -> tuple[bytes, ...]:
        """The SHA-256 of each model file that it runs."""
        ...

    def find(self, rgb: Rgb, threshold: float | None = None) -> Found:
        """Find the faces in a frame, RGB uint8 [height, width, 3]; `threshold` stands in for the manifest's."""
        ...

    def search(self, rgb: Rgb) -> tuple[Face, ...]:
        """Find all that may be a face in a picture, the small ones too."""
        ...

    def forget(self) -> None:
        """Overwrite what is still held of the last picture."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A model in a detector; the other fields are those of `manifest.Look`."""

    model: BlazeFace
    threshold: float
    faint: float
    turns: int = 1


class Finder:
    """A detector of the manifest."""

    def __init__(self, name: str, parts: tuple[Part, ...], models: tuple[bytes, ...], nms_iou: float) -> None:
        self.name = name
        self.models = models
        self.parts = parts
        self.nms_iou = nms_iou

    def find(self, rgb: Rgb, threshold: float | None = None) -> Found:
        """Find the faces in a frame, RGB uint8 [height, width, 3], with one run of each model.

        `threshold`, a score of the models' own, stands in for all of the manifest's, for judging a detector.
        """
        sure, faint = [], []
        for part in self.parts:
            candidates = part.model.candidates(rgb, threshold or part.faint, part.threshold)
            faint.append(candidates)
            sure.append(candidates if threshold else candidates[candidates[:, SCORE] >= EVEN])
        faces = self._unite(sure)
        nothing_faint = all(len(few) == len(many) for few, many in zip(sure, faint, strict=True))
        return Found(faces, faces if nothing_faint else self._unite(faint))

    def search(self, rgb: Rgb) -> tuple[Face, ...]:
        """Find all that may be a face, the small ones too, some of them twice: to destroy them, not to offer them.

        The model with the largest input looks at four parts of the picture that overlap by half, so that a face up to
        a third of the picture's width is whole in one of them.
        """
        part = max(self.parts, key=lambda part: part.model.side)
        height, width = rgb.shape[:2]
        rows, columns = -(-height // 3), -(-width // 3)
        finds: list[Face] = []
        for top in (0, rows):
            for left in (0, columns):
                tile = rgb[top : top + 2 * rows, left : left + 2 * columns]
                candidates = part.model.candidates(tile, part.faint, part.threshold)
                finds += (face.moved(left, top) for face in suppress(candidates, self.nms_iou))
        return tuple(finds)

    def forget(self) -> None:
        """Overwrite what the models still hold of the last frame."""
        for part in self.parts:
            part.model.forget()

    def _unite(self, candidates: list[Floats]) -> tuple[Face, ...]:
        return suppress(np.concatenate(candidates), self.nms_iou)


def load_detector(name: str, manifest: Manifest) -> Finder:
    """Load a detector of the manifest. Raises ModelError when there is none of that name, or a model's file is bad."""
    facts = manifest.facts.detectors.get(name)
    if facts is None:
        known = ", ".join(sorted(manifest.facts.detectors))
        raise ModelError(f"There is no detector {name!r} in the models' manifest", next_step=f"Name one of: {known}.")
    parts = tuple(
        Part(BlazeFace.of(manifest, look.model), look.threshold, look.faint, look.turns) for look in facts.looks
    )
    files = (manifest.facts.files[manifest.facts.models[look.model].file] for look in facts.looks)
    return Finder(name, parts, tuple(bytes.fromhex(file.sha256) for file in files), facts.nms_iou)
