"""A few shapes in SVG, in the project's colours."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

INK: Final = "#14213D"
PAPER: Final = "#FBFAF7"
LANTERN: Final = "#F2A541"
RIVER: Final = "#1B6B72"
LEAF: Final = "#1F6F4A"
MIST: Final = "#E6E3DB"

SANS: Final = "Noto Sans, DejaVu Sans, sans-serif"
MONO: Final = "DejaVu Sans Mono, Menlo, Consolas, monospace"


def opening(width: float, height: float, title: str, *, ground: str, font: str) -> Iterator[str]:
    """Begin a picture of `width` by `height` pixels. `title` is read out to people who can't see it."""
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img"'
        f' font-family="{font}" fill="{INK}">'
    )
    yield f"<title>{escape(title)}</title>"
    size = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="12" markerHeight="12" markerUnits="userSpaceOnUse"'
    tip = f'<path d="M0 0 8 4 0 8z" fill="{RIVER}"/>'
    yield f'<defs><marker id="tip" {size} orient="auto">{tip}</marker></defs>'
    yield f'<rect width="{width:g}" height="{height:g}" rx="14" fill="{ground}"/>'


def box(x: float, y: float, width: float, height: float, *, fill: str = PAPER, edge: str = INK, line: float = 2) -> str:
    """Draw a rectangle with round corners."""
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="14"'
    return f'<rect {place} fill="{fill}" stroke="{edge}" stroke-width="{line:g}"/>'


def text(
    x: float, y: float, words: str, *, size: float = 14, weight: int = 400, anchor: str = "start", fill: str = INK
) -> str:
    """Write one line; `y` is where the letters stand."""
    place = f'x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text {place} fill="{fill}">{escape(words)}</text>'


def arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    """Draw a straight arrow."""
    return (
        f'<path d="M{x:g} {y:g} L{to_x:g} {to_y:g}" fill="none" stroke="{RIVER}" stroke-width="2.5"'
        ' marker-end="url(#tip)"/>'
    )
