"""Draw the table of the session as docs/session.svg: `python -m edge_agent.session.picture`.

Everything in it comes from `table`, so that it can't tell another story. The way goes down the middle; whatever ends
with nothing kept joins one river on the right, whatever ends with 'cannot' one on the left. Each arrow holds its rows
of the table as a title, which is what the test reads.
"""

from __future__ import annotations

from collections import defaultdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.session.table import HOLDING, SEEING, TABLE, Cause, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATH: Final = Path(__file__).parent.parent.parent / "docs" / "session.svg"

_INK, _PAPER, _LANTERN, _RIVER, _LEAF, _BRICK = (
    *("#14213D", "#FBFAF7", "#F2A541", "#1B6B72"),
    *("#1F6F4A", "#A6261D"),
)
_WAY: Final = (
    *(Stage.REST, Stage.LANGUAGE, Stage.WHO, Stage.CONSENT, Stage.PERMISSION, Stage.FRAMING, Stage.CHOOSING),
    *(Stage.REVIEW, Stage.SEALING, Stage.DONE),
)
_WIDTH, _HEIGHT = 1050, 1266
_MIDDLE, _TOP, _STEP = 470, 120, 106
_BOX_WIDTH, _BOX_HEIGHT = 190, 46
_CANNOT_X, _NOTHING_X = 150, 855
_HOME_LEFT, _HOME_RIGHT = 32, 1018  # the ways back to rest
_Y: Final = {stage: _TOP + place * _STEP for place, stage in enumerate(_WAY)} | {
    Stage.NOTHING_KEPT: _TOP + 9 * _STEP,
    Stage.CANNOT: _TOP + 9 * _STEP,
    Stage.TAKEN_BACK: _TOP + 10 * _STEP,
}
_X: Final = dict.fromkeys(_WAY, _MIDDLE) | {
    Stage.TAKEN_BACK: _MIDDLE,
    Stage.NOTHING_KEPT: _NOTHING_X,
    Stage.CANNOT: _CANNOT_X,
}


def draw() -> str:
    """Give the picture as SVG."""
    lines = (
        *_opening(),
        *_heading(),
        *(line for (start, end), causes in _arrows().items() for line in _arrow(start, end, causes)),
        *(line for stage in Stage for line in _box(stage)),
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def _opening() -> Iterator[str]:
    font = 'font-family="Noto Sans, DejaVu Sans, sans-serif"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" {font} fill="{_INK}">'
    yield "<title>The session: one button, from rest and back to rest</title>"
    tip = f'<path d="M0 0 8 4 0 8z" fill="{_INK}"/>'
    size = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="12" markerHeight="12" markerUnits="userSpaceOnUse"'
    yield f'<defs><marker id="tip" {size} orient="auto">{tip}</marker></defs>'
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{_PAPER}"/>'


def _arrows() -> dict[tuple[Stage, Stage], list[Cause]]:
    """Gather the causes that lead from one stage to the same other one: they share an arrow."""
    arrows: dict[tuple[Stage, Stage], list[Cause]] = defaultdict(list)
    for start, row in TABLE.items():
        for cause, end in row.items():
            arrows[start, end].append(cause)
    return arrows


def _heading() -> Iterator[str]:
    yield f'<text x="{_HOME_LEFT}" y="40" font-size="22" font-weight="600">The session</text>'
    x = _HOME_LEFT
    legend = (("the camera is off", _PAPER, ""), ("the camera is on", _LANTERN, ""), ("pixels are held", _PAPER, "6 3"))
    for words, fill, dash in legend:
        yield f'<rect x="{x}" y="58" width="26" height="18" rx="6" {_outline(fill, dash=dash)}/>'
        yield _text(x + 34, 72, words, anchor="start")
        x += 180


def _box(stage: Stage) -> Iterator[str]:
    x, y = _X[stage] - _BOX_WIDTH / 2, _Y[stage] - _BOX_HEIGHT / 2
    fill = _LANTERN if stage in SEEING else _PAPER
    edge = {Stage.DONE: _LEAF, Stage.CANNOT: _BRICK, Stage.NOTHING_KEPT: _RIVER, Stage.TAKEN_BACK: _RIVER}.get(
        stage, _INK
    )
    dash = "6 3" if stage in HOLDING else ""
    yield (
        f'<rect x="{x:g}" y="{y:g}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="14"'
        f" {_outline(fill, edge=edge, dash=dash)}/>"
    )
    yield _text(_X[stage], _Y[stage] + 6, stage.replace("_", " "), size=17, weight=600)


def _arrow(start: Stage, end: Stage, causes: Iterable[Cause]) -> Iterator[str]:
    """Draw what leads from `start` to `end`, routed by where the two stand."""
    words = " · ".join(causes)
    left, right = _MIDDLE - _BOX_WIDTH / 2, _MIDDLE + _BOX_WIDTH / 2
    y, to = _Y[start], _Y[end]
    yield f"<g><title>{escape(f'{start}: {words}: {end}')}</title>"
    if end is Stage.REST:
        yield from _home(start, words)
    elif start in _WAY and end is Stage.NOTHING_KEPT:
        yield _line(f"M{right} {y} H{_NOTHING_X - 16} q16 0 16 16 V{to - _BOX_HEIGHT / 2 - 2}", colour=_RIVER)
        yield _text(_NOTHING_X - 22, y - 7, words, anchor="end")
    elif start in _WAY and end is Stage.CANNOT:
        yield _line(f"M{left} {y} H{_CANNOT_X + 16} q-16 0 -16 16 V{to - _BOX_HEIGHT / 2 - 2}", colour=_BRICK)
        yield _text(_CANNOT_X + 22, y + 17, words, anchor="start")
    elif start is end:
        yield _line(f"M{right} {y + 10} h24 q10 0 10 10 v4 q0 10 -10 10 h-44 V{y + _BOX_HEIGHT / 2 + 2}")
        yield _text(right + 42, y + 27, words, anchor="start")
    elif start is Stage.NOTHING_KEPT:
        yield _line(f"M{_NOTHING_X - _BOX_WIDTH / 2} {y} H{right + 2}")
        yield _text((_NOTHING_X + _MIDDLE) / 2, y - 7, words)
    elif to - y == _STEP:
        yield _line(f"M{_MIDDLE} {y + _BOX_HEIGHT / 2} V{to - _BOX_HEIGHT / 2 - 2}")
        yield _text(_MIDDLE + 10, (y + to) / 2 + 5, words, anchor="start")
    else:
        yield from _bend(start, end, words)
    yield "</g>"


def _bend(start: Stage, end: Stage, words: str) -> Iterator[str]:
    """Go around the stages between: forwards on the left, backwards on the right."""
    forwards = _Y[end] > _Y[start]
    side = -1 if forwards else 1
    lane = 42 + 84 * (abs(_Y[end] - _Y[start]) // _STEP - 1)
    edge = _MIDDLE + side * _BOX_WIDTH / 2
    y = _Y[start] + (12 if forwards else -12)
    to = _Y[end] + (-12 if forwards else 12)
    out = edge + side * lane
    turn = 10 if forwards else -10
    yield _line(
        f"M{edge} {y} H{out - side * 10} q{side * 10} 0 {side * 10} {turn} V{to - turn}"
        f" q0 {turn} {-side * 10} {turn} H{edge + side * 2}"
    )
    yield _text(
        out + side * 8,
        _Y[start] + (_STEP if forwards else -_STEP) / 2 + 5,
        words,
        anchor="end" if forwards else "start",
    )


def _home(start: Stage, words: str) -> Iterator[str]:
    """Go back to rest: from 'cannot' and 'done' outside on the left, from 'nothing kept' outside on the right."""
    bottom, top = _Y[start] + _BOX_HEIGHT / 2, _Y[Stage.REST]
    right = start is Stage.NOTHING_KEPT
    home, side = (_HOME_RIGHT, -1) if right else (_HOME_LEFT, 1)
    below = bottom + 36
    edge = _MIDDLE - side * (_BOX_WIDTH / 2 + 2)
    x = _X[start] - (60 if start is Stage.DONE else 0)  # beside the way on to 'taken back'
    yield _line(f"M{x} {bottom} V{below} H{home} V{top - 10} H{edge}", thin=True)
    if start is Stage.DONE:
        yield _text(x - 10, below - 8, words, anchor="end")
    else:
        yield _text(x + 10, below - 8, words, anchor="start")


def _outline(fill: str, *, edge: str = _INK, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="{fill}" stroke="{edge}" stroke-width="2.5"{dashed}'


def _line(path: str, *, colour: str = _INK, thin: bool = False) -> str:
    width = "1.2" if thin else "2"
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" marker-end="url(#tip)"/>'


def _text(x: float, y: float, words: str, *, anchor: str = "middle", size: int = 13, weight: int = 400) -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}"'
    return f"<text {place}>{escape(words)}</text>"


if __name__ == "__main__":  # pragma: no cover - the tests draw, and compare with the file
    PATH.write_text(draw(), encoding="utf-8")
