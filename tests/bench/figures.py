"""What every benchmark gives: figures, each with what was promised. No dependencies: it also runs in the bench venv."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO


@dataclass(frozen=True)
class Figure:
    """One measured value. `target` and `holds` are None where nothing was promised."""

    name: str
    value: float
    unit: str
    target: float | None = None
    holds: bool | None = None


def at_most(name: str, value: float, target: float, unit: str) -> Figure:
    """A figure that was promised not to be above `target`."""
    return Figure(name, round(value, 3), unit, target, value <= target)


def at_least(name: str, value: float, target: float, unit: str) -> Figure:
    """A figure that was promised not to be below `target`."""
    return Figure(name, round(value, 3), unit, target, value >= target)


def told(name: str, value: float, unit: str) -> Figure:
    """A figure that nobody promised, and that helps to read the others."""
    return Figure(name, round(value, 3), unit)


def main(description: str, measure: Callable[[], Iterable[Figure]]) -> None:
    """Be a benchmark's command line: print its figures as JSON lines, as they come."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", default="-", metavar="FILE", help="where to write the JSON lines (default: -, here)")
    chosen = parser.parse_args()
    if chosen.json == "-":
        tell(measure(), sys.stdout)
        return
    with Path(chosen.json).open("w", encoding="utf-8") as file:
        tell(measure(), file)


def tell(figures: Iterable[Figure], out: TextIO) -> None:
    """Write figures as JSON lines, each as soon as it is there."""
    for figure in figures:
        out.write(json.dumps(asdict(figure)) + "\n")
        out.flush()
