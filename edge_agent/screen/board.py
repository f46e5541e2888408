"""What can be seen now: written by the session's thread, read by the page's, and neither ever waits for the other.

There is one of each thing, the latest: a scene, which choice is lit, how full the ring is, and a picture. What nobody
has fetched in time is replaced, so nothing piles up however slow the page is.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(StrEnum):
    """What a picture is of."""

    MIRROR = "mirror"  # what the camera sees now
    FACES = "faces"  # the picture that was taken, to choose a face in
    PORTRAIT = "portrait"  # exactly what will be sent


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG, and what it is of."""

    kind: Kind
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One moment of the page. The numbers only rise: a page that has seen a number has seen what it names."""

    scene: bytes = b""
    scene_number: int = 0
    lit: int = 0
    lit_number: int = 0
    ring: float = 0.0
    ring_number: int = 0
    picture: Picture | None = None
    picture_number: int = 0


NOTHING: Final = Shown()
"""What a page has seen that has just come."""


class Board:
    """The latest of everything.

    `told` is called when a scene, its light or the ring was shown, `seen` after each change of the picture; both in the
    thread that did it, and neither may block.
    """

    def __init__(self, told: Callable[[], None], seen: Callable[[], None]) -> None:
        self._told = told
        self._seen = seen
        self._lock = threading.Lock()
        self._shown = NOTHING

    @property
    def shown(self) -> Shown:
        """What can be seen now."""
        return self._shown

    def show(self, scene: bytes, lit: int, ring: float) -> None:
        """Show a scene, which choice is lit, and how full the ring is; what is there already stays as it is."""
        with self._lock:
            shown = self._shown
            if scene != shown.scene:
                shown = replace(shown, scene=scene, scene_number=shown.scene_number + 1)
            if lit != shown.lit:
                shown = replace(shown, lit=lit, lit_number=shown.lit_number + 1)
            if ring != shown.ring:
                shown = replace(shown, ring=ring, ring_number=shown.ring_number + 1)
            self._shown = shown
        self._told()

    def see(self, picture: Picture | None) -> None:
        """Show a picture, or none any more."""
        with self._lock:
            if picture is None and self._shown.picture is None:
                return
            self._shown = replace(self._shown, picture=picture, picture_number=self._shown.picture_number + 1)
        self._seen()
