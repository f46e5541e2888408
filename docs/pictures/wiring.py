"""Draws how button and lights are wired to a Raspberry Pi: docs/pictures/wiring.svg.

Which line does what comes from the settings' own table of pins (`edge_agent.pins.Pins`), their words too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from docs.pictures.svg import INK, LANTERN, MIST, PAPER, RIVER, SANS, box, opening, text
from edge_agent.pins import Pins

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH: Final = Path(__file__).parent / "wiring.svg"

# The header's pins by their BCM numbers, the same on every Pi with 40 pins (pinout of the Raspberry Pi 1B+ and later).
HEADER: Final = {
    2: 3,
    3: 5,
    4: 7,
    14: 8,
    15: 10,
    17: 11,
    18: 12,
    27: 13,
    22: 15,
    23: 16,
    24: 18,
    10: 19,
    9: 21,
    25: 22,
    11: 23,
    8: 24,
    7: 26,
    0: 27,
    1: 28,
    5: 29,
    6: 31,
    12: 32,
    13: 33,
    19: 35,
    16: 36,
    26: 37,
    20: 38,
    21: 40,
}
GROUNDS: Final = (6, 9, 14, 20, 25, 30, 34, 39)
_PINS: Final = 40
_WIDTH, _HEIGHT = 980, 620
_TOP, _STEP = 108, 24
_LEFT_COLUMN, _RIGHT_COLUMN = 474, 506
_PART, _PART_HEIGHT = 336, 92
_LEFT, _RIGHT = 24, 620


@dataclass(frozen=True, slots=True)
class Wire:
    """A part, by its name in the settings: its line's BCM number, the header's pin for it, and a ground pin beside."""

    name: str
    about: str
    line: int
    pin: int
    ground: int

    @property
    def is_light(self) -> bool:
        """Whether current flows out of the line, and a resistor has to limit it."""
        return self.name.endswith("_light")


def wires(pins: Pins) -> list[Wire]:
    """Find a pin and the nearest ground on its side for each part; no two parts share one. Top to bottom."""
    taken: set[int] = set()
    found = []
    described = msgspec.json.schema(Pins)["$defs"]["Pins"]["properties"]
    for name, facts in described.items():
        line = getattr(pins, name)
        pin = HEADER[line]
        ground = min((at for at in GROUNDS if at % 2 == pin % 2 and at not in taken), key=lambda at: abs(at - pin))
        taken.add(ground)
        found.append(Wire(name, facts["description"], line, pin, ground))
    return sorted(found, key=lambda wire: wire.pin)


def draw(pins: Pins | None = None) -> str:
    """Give the picture as SVG."""
    parts = wires(pins or Pins())
    lines = (
        *opening(_WIDTH, _HEIGHT, "How button and lights are wired", ground=PAPER, font=SANS),
        text(24, 42, "How button and lights are wired", size=22, weight=600),
        text(
            24, 68, "The header from above. Pin 1 is at the end beside the card, in the row away from the board's edge."
        ),
        *_header(parts),
        *(line for side in (1, 0) for line in _side([wire for wire in parts if wire.pin % 2 == side])),
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def _at(pin: int) -> tuple[int, int]:
    return (_LEFT_COLUMN if pin % 2 else _RIGHT_COLUMN), _TOP + (pin - 1) // 2 * _STEP


def _header(parts: list[Wire]) -> Iterator[str]:
    used = {wire.pin for wire in parts}
    grounds = {wire.ground for wire in parts}
    height = (_PINS // 2 - 1) * _STEP + 40
    yield box(_LEFT_COLUMN - 22, _TOP - 20, _RIGHT_COLUMN - _LEFT_COLUMN + 44, height, fill=MIST)
    for pin in range(1, _PINS + 1):
        x, y = _at(pin)
        fill = LANTERN if pin in used else INK if pin in grounds else PAPER
        yield f'<circle cx="{x}" cy="{y}" r="8" fill="{fill}" stroke="{INK}" stroke-width="1.5"/>'
    yield text(_LEFT_COLUMN, _TOP - 26, "1", size=13, anchor="middle")
    yield text(_RIGHT_COLUMN, _TOP - 26, "2", size=13, anchor="middle")
    yield text(
        (_LEFT_COLUMN + _RIGHT_COLUMN) / 2, _TOP + height, "filled: a line; dark: ground", size=13, anchor="middle"
    )


def _side(parts: list[Wire]) -> Iterator[str]:
    """Draw the parts of one side, each beside its pins, none over another."""
    bottom = 0
    for number, wire in enumerate(parts):
        middle = (_at(wire.pin)[1] + _at(wire.ground)[1]) // 2
        last = _HEIGHT - 24 - (len(parts) - number) * (_PART_HEIGHT + 16) + 16
        y = min(max(middle - _PART_HEIGHT // 2, bottom), last)
        bottom = y + _PART_HEIGHT + 16
        yield from _part(wire, y, 12 * number)


def _part(wire: Wire, y: int, aside: int) -> Iterator[str]:
    left = wire.pin % 2 == 1
    x = _LEFT if left else _RIGHT
    edge, turn = (x + _PART, 400 + aside) if left else (x, 580 - aside)
    ends = sorted(((wire.pin, RIVER), (wire.ground, INK)))  # the upper pin's wire leaves above the other
    for (pin, colour), down in zip(ends, (34, 62), strict=True):
        to_x, to_y = _at(pin)
        stop = to_x - 9 if left else to_x + 9
        yield (
            f'<path d="M{edge} {y + down} H{turn} V{to_y} H{stop}" fill="none" stroke="{colour}" stroke-width="2.5"'
            ' stroke-linejoin="round"/>'
        )
    yield box(x, y, _PART, _PART_HEIGHT, edge=RIVER)
    yield text(x + 18, y + 28, f"{wire.name.replace('_', ' ')}: GPIO {wire.line}, pin {wire.pin}", size=15, weight=600)
    yield text(x + 18, y + 52, wire.about, size=13)
    through = "through 330 ohms to its long leg; " if wire.is_light else ""
    yield text(x + 18, y + 76, f"{through}ground: pin {wire.ground}", size=13)
