"""Draws the way of a report from the button to the caseworker: docs/pictures/way.svg.

Stages, channels, who may use which, what is outside and inside a sealed record, and who can open it come from the code
that does these things, so that the picture can't tell another story.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from docs.pictures.svg import INK, LANTERN, LEAF, MIST, PAPER, RIVER, SANS, arrow, box, opening, text
from edge_agent.session.consent import Purpose
from edge_agent.session.table import HOLDING, SEEING, Stage
from edge_agent.wire.bundle import Holder
from edge_agent.wire.report import Report
from edge_agent.wire.sealing import Claims
from edge_agent.wire.topics import Channel
from provisioning import mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATH: Final = Path(__file__).parent / "way.svg"

_WIDTH, _HEIGHT = 1080, 660
_LEFT, _MIDDLE, _RIGHT = 48, 420, 748  # where the three columns begin
_COLUMN, _ENVELOPE = 284, 256  # how wide they are
_TOP, _TOP_HEIGHT = 112, 286
_BETWEEN, _BETWEEN_HEIGHT = 424, 44
_BOTTOM, _BOTTOM_HEIGHT = 494, 124
_BROKER = (482, 132)  # its left edge and width
_SIDE_STAGES: Final = (Stage.TAKEN_BACK, Stage.NOTHING_KEPT, Stage.CANNOT)


def draw() -> str:
    """Give the picture as SVG."""
    lines = (
        *opening(_WIDTH, _HEIGHT, "The way of a report", ground=PAPER, font=SANS),
        text(24, 42, "The way of a report", size=22, weight=600),
        *_places(),
        *_kiosk(),
        *_envelope(),
        *_desk(),
        *_between(),
        *_bottom(),
        *(line for channel in Channel for line in _channel(channel)),
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def allowed(client: str) -> dict[Channel, str]:
    """Read out of the broker's own ACL what a client may do with each channel: `read` or `write`."""
    found: dict[Channel, str] = {}
    for line in mosquitto.acl("fleet", ["intake"]).splitlines():
        kind, *rest = line.split(" ")
        if kind == ("pattern" if client == "kiosk" else "topic"):
            act, topic = rest
            *_, where, last = topic.split("/")
            if last in set(Channel) and where in {"+", "%u"}:  # enrolment and the office have ways of their own
                found[Channel(last)] = act
    return found


def _places() -> Iterator[str]:
    for x, width, words in (
        (24, 332, "at a station, in a shelter"),
        (724, 332, "at the NGO, and on its servers"),
    ):
        yield box(x, 64, width, 572, fill=MIST, edge=MIST)
        yield text(x + 24, 94, words, size=15)


def _kiosk() -> Iterator[str]:
    yield box(_LEFT, _TOP, _COLUMN, _TOP_HEIGHT)
    yield text(_LEFT + 18, _TOP + 30, "homeward-kiosk", size=17, weight=600)
    yield text(_LEFT + 18, _TOP + 52, "camera, one button, no network")
    stages = [stage for stage in Stage if stage not in _SIDE_STAGES]
    rows = _rows(stages)
    for number, stage in enumerate(stages):
        x = _LEFT + 30 + number // rows * 138
        y = _TOP + 84 + number % rows * 26
        fill = LANTERN if stage in SEEING else PAPER
        dash = ' stroke-dasharray="4 2"' if stage in HOLDING else ""
        yield f'<circle cx="{x}" cy="{y - 5}" r="8" fill="{fill}" stroke="{INK}" stroke-width="2"{dash}/>'
        yield text(x + 16, y, stage)
    yield text(_LEFT + 18, _TOP + 222, "filled: the camera is on", size=13)
    yield text(_LEFT + 18, _TOP + 242, "dashed: pixels are held, in memory", size=13)
    yield text(_LEFT + 18, _TOP + 268, f"asked: {', '.join(map(_plain, Purpose))}", size=13)


def _envelope() -> Iterator[str]:
    yield box(_MIDDLE - 10, _TOP, _ENVELOPE, _TOP_HEIGHT, edge=RIVER)
    x, y = _MIDDLE + 8, _TOP + 58
    outside = [_plain(field.name) for field in fields(Claims)]
    inside = [_plain(field.encode_name) for field in msgspec.structs.fields(Report)]
    yield text(x, _TOP + 30, "a sealed record", size=17, weight=600)
    yield text(x, y, "outside, signed:", weight=600)
    yield from _columns(x, y, outside)
    y += 20 * (_rows(outside) + 1) + 12
    yield text(x, y, "inside, for few to read:", weight=600)
    yield from _columns(x, y, inside)


def _columns(x: float, y: float, names: Sequence[str]) -> Iterator[str]:
    """Write names in two columns below `y`."""
    rows = _rows(names)
    for number, name in enumerate(names):
        yield text(x + number // rows * 124, y + 20 * (1 + number % rows), name, size=13)


def _rows(names: Sequence[str]) -> int:
    return (len(names) + 1) // 2


def _desk() -> Iterator[str]:
    yield box(_RIGHT, _TOP, _COLUMN, _TOP_HEIGHT)
    x = _RIGHT + 18
    yield text(x, _TOP + 30, "homeward-desk", size=17, weight=600)
    yield text(x, _TOP + 52, "a caseworker's own computer")
    yield text(x, _TOP + 92, "Only these keys open a report:")
    for number, holder in enumerate(Holder):
        y = _TOP + 120 + number * 28
        yield f'<circle cx="{x + 8}" cy="{y - 5}" r="6" fill="none" stroke="{INK}" stroke-width="2"/>'
        yield f'<path d="M{x + 14} {y - 5} h16 v6 m-6 -6 v4" fill="none" stroke="{INK}" stroke-width="2"/>'
        yield text(x + 42, y, holder)
    for number, words in enumerate(
        ("It verifies everything again,", "says the consent in words, and", "writes files for its owner alone.")
    ):
        yield text(x, _TOP + 210 + number * 24, words)


def _between() -> Iterator[str]:
    for x, name, words in (
        (_LEFT, "outbox", "until a signed receipt"),
        (_RIGHT, "store", "sealed, each record once"),
    ):
        yield box(x, _BETWEEN, _COLUMN, _BETWEEN_HEIGHT, edge=RIVER)
        yield text(x + 18, _BETWEEN + 28, name, weight=600)
        yield text(x + 86, _BETWEEN + 28, words)
    left, right = _LEFT + _COLUMN / 2, _RIGHT + _COLUMN / 2
    yield arrow(left, _TOP + _TOP_HEIGHT, left, _BETWEEN - 2)
    yield arrow(left, _BETWEEN + _BETWEEN_HEIGHT, left, _BOTTOM - 2)
    yield arrow(right, _BOTTOM, right, _BETWEEN + _BETWEEN_HEIGHT + 2)
    yield arrow(right, _BETWEEN, right, _TOP + _TOP_HEIGHT + 2)


def _bottom() -> Iterator[str]:
    for x, name, does, never in (
        (_LEFT, "homeward-courier", "the network, sealed bytes", "never the camera or a pixel"),
        (_RIGHT, "homeward-intake", "verifies, keeps, signs receipts", "can't open a report"),
    ):
        yield box(x, _BOTTOM, _COLUMN, _BOTTOM_HEIGHT)
        yield text(x + 18, _BOTTOM + 30, name, size=17, weight=600)
        yield text(x + 18, _BOTTOM + 54, does)
        yield text(x + 18, _BOTTOM + 76, never)
    x, width = _BROKER
    yield box(x, _BOTTOM, width, _BOTTOM_HEIGHT, edge=LEAF)
    middle = x + width / 2
    yield text(middle, _BOTTOM + 52, "mosquitto", size=17, weight=600, anchor="middle")
    yield text(middle, _BOTTOM + 76, "MQTT 5, TLS 1.3", size=13, anchor="middle")


def _channel(channel: Channel) -> Iterator[str]:
    """Draw a channel as the broker's ACL allows it: who writes, and who reads."""
    y = _BOTTOM + 22 + 30 * list(Channel).index(channel)
    broker, width = _BROKER
    kiosk, intake = allowed("kiosk").get(channel), allowed("intake").get(channel)
    ends = (
        (kiosk, _LEFT + _COLUMN, broker, "write"),
        (intake, broker + width, _RIGHT, "read"),
    )
    yield f"<g><title>{channel}: kiosk {kiosk}, intake {intake}</title>"
    for act, left, right, rightwards in ends:
        if act is None:
            continue
        start, end = (left, right - 2) if act == rightwards else (right, left + 2)
        yield arrow(start, y, end, y)
        yield text((left + right) / 2, y - 6, channel, size=13, anchor="middle")
    if intake is None:  # NGO staff write there, and no server does
        yield text((broker + width + _RIGHT) / 2, y + 3, "signed by staff", size=13, anchor="middle")
    yield "</g>"


def _plain(name: str) -> str:
    return name.replace("_", " ")
