"""How far a long command is: said on standard error, so that what it gives on standard output stays whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EACH: Final = 1000

T = TypeVar("T")


def counted(things: Iterable[T], done: str) -> Iterator[T]:
    """Go through things; after each thousand, say how many were `done`."""
    for number, thing in enumerate(things, start=1):
        yield thing
        if number % EACH == 0:
            sys.stderr.write(f"{number} {done}\n")
