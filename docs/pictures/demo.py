"""Draws what `make demo` says on a terminal: docs/pictures/demo.svg. Each run says other ids, times and sizes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docs.pictures.svg import INK, LANTERN, MONO, PAPER, opening, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATH: Final = Path(__file__).parent / "demo.svg"

_COLUMNS: Final = 92
_SIZE, _LINE, _MARGIN = 14, 21, 24
_CHARACTER: Final = _SIZE * 0.602  # the advance of DejaVu Sans Mono, and of most others
_RULE: Final = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"


def play() -> list[str]:
    """Play the demonstration in a folder of its own; return its lines."""
    with tempfile.TemporaryDirectory() as here:
        done = subprocess.run(
            [sys.executable, "-m", "provisioning.demo"], cwd=here, capture_output=True, text=True, check=True
        )
    return done.stdout.splitlines()


def draw(lines: Iterable[str]) -> str:
    """Give the picture of a terminal that shows these lines: as SVG."""
    shown = ["$ make demo", *(part for line in lines for part in _fitted(line))]
    width, height = 2 * _MARGIN + _COLUMNS * _CHARACTER, 2 * _MARGIN + len(shown) * _LINE
    drawn = (
        *opening(round(width), round(height), "What make demo says", ground=INK, font=MONO),
        *(_row(number, line) for number, line in enumerate(shown)),
        "</svg>",
    )
    return "\n".join(drawn) + "\n"


def _fitted(line: str) -> Iterator[str]:
    """Break the line of JSON as a terminal would; shorten rules and all other lines."""
    if line.startswith("{"):
        yield from textwrap.wrap(line, _COLUMNS)
    elif line.startswith(_RULE):
        words = line.strip(_RULE)
        yield words.center(_COLUMNS, _RULE)
    else:
        yield line if len(line) <= _COLUMNS else line[: _COLUMNS - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _row(number: int, line: str) -> str:
    indent = len(line) - len(line.lstrip())
    json = line.startswith("{") or '": ' in line
    fill = LANTERN if number == 0 or json else PAPER
    return text(_MARGIN + indent * _CHARACTER, _MARGIN + (number + 0.75) * _LINE, line.lstrip(), size=_SIZE, fill=fill)
