"""How well a detector does: pure figures out of known faces and finds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge_agent.vision.face import Box, Face

MATCH: Final = 0.4  # intersection over union from which a find is a known face
WIDTHS: Final = (0, 0.047, 0.08, 0.12, 0.29, 1)  # parts of the frame: 2.5 m, 1.5 m, 1 m, 0.4 m through a 62 degree lens


@dataclass(frozen=True, slots=True)
class Known:
    """A face that is there, its box in pixels. One to `ignore` is neither asked for nor a fault to find."""

    box: Box
    ignore: bool
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One image: its width in pixels, its known faces, which of them were found, and each find's score and truth.

    `finds` leaves out those on faces to ignore. `empty` says that nothing at all is known to be there.
    """

    width: int
    faces: tuple[Known, ...]
    found: tuple[bool, ...]
    finds: tuple[tuple[float, bool], ...]
    empty: bool


def judge(width: int, known: Sequence[Known], finds: Iterable[Face]) -> Judged:
    """Match finds with known faces, the surest find first, each with the face that it overlaps most."""
    asked = tuple(face for face in known if not face.ignore)
    ignored = [face.box for face in known if face.ignore]
    found = [False] * len(asked)
    outcomes: list[tuple[float, bool]] = []
    for find in sorted(finds, key=lambda face: -face.score):
        open_ones = [(face.box.overlap(find.box), n) for n, face in enumerate(asked) if not found[n]]
        overlap, n = max(open_ones, default=(0.0, 0))
        if overlap >= MATCH:
            found[n] = True
            outcomes.append((find.score, True))
        elif not any(box.shared(find.box) >= MATCH * find.box.area for box in ignored):
            outcomes.append((find.score, False))
    return Judged(width, asked, tuple(found), tuple(outcomes), not known)


def average_precision(images: Iterable[Judged]) -> float | None:
    """Area under precision over recall, each precision raised to the best at that recall or more; None of no faces."""
    judged = list(images)
    faces = sum(len(image.faces) for image in judged)
    if not faces:
        return None
    finds = sorted((find for image in judged for find in image.finds), key=lambda find: -find[0])
    true = np.cumsum([hit for _, hit in finds])
    precision = true / np.arange(1, len(finds) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    gained = np.diff(true, prepend=0)
    return float((best * gained).sum() / faces)


def recall(hits: Iterable[bool]) -> float | None:
    """Give the part that was found, None of nothing."""
    counted = list(hits)
    return sum(counted) / len(counted) if counted else None


def summary(images: Sequence[Judged]) -> dict[str, float | None]:
    """Recall, precision, recall of each image's largest face, and false finds per image without a face."""
    finds = [hit for image in images for _, hit in image.finds]
    empty = [image for image in images if image.empty]
    return {
        "recall": recall(hit for image in images for hit in image.found),
        "precision": recall(finds),
        "largest_face_recall": recall(_largest(image) for image in images if image.faces),
        "false_per_empty_image": sum(len(image.finds) for image in empty) / len(empty) if empty else None,
    }


def _largest(image: Judged) -> bool:
    return max(zip(image.faces, image.found, strict=True), key=lambda pair: pair[0].box.area)[1]


def recall_by_width(images: Sequence[Judged]) -> dict[str, tuple[float | None, int]]:
    """Recall and number of faces, by their width as a part of the frame's."""
    sized = [
        (face.box.w / image.width, hit) for image in images for face, hit in zip(image.faces, image.found, strict=True)
    ]
    return {
        f"{low:g}-{high:g}": _counted([hit for width, hit in sized if low <= width < high or width == high == 1])
        for low, high in pairwise(WIDTHS)
    }


def recall_by_flag(images: Sequence[Judged]) -> dict[str, tuple[float | None, int]]:
    """Recall and number of faces, by flag."""
    flagged = [
        (flag, hit)
        for image in images
        for face, hit in zip(image.faces, image.found, strict=True)
        for flag in face.flags
    ]
    return {name: _counted([hit for flag, hit in flagged if flag == name]) for name in sorted({f for f, _ in flagged})}


def _counted(hits: list[bool]) -> tuple[float | None, int]:
    return recall(hits), len(hits)
