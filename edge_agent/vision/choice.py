"""In which order faces are offered to the person who chooses theirs."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.vision.face import Face


def order(faces: Sequence[Face], width: int, height: int) -> tuple[Face, ...]:
    """Put the likeliest face of a frame of `width` x `height` pixels first, the others after it from left to right.

    The likeliest is large and near the middle: whoever pressed the button stands there. Left to right, because a person
    who steps through the faces must be able to foresee which is next. It is a suggestion; the person decides.
    """
    if not faces:
        return ()

    def prominence(face: Face) -> float:
        x, y = face.box.centre
        return (face.box.w - hypot(x - width / 2, y - height / 2)) / width

    first = max(faces, key=prominence)
    return (first, *sorted((face for face in faces if face is not first), key=lambda face: face.box.centre))
