"""The pictures in docs/ show the code of today."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from docs.pictures import demo, way, wiring
from edge_agent.pins import Pins
from edge_agent.session.table import Stage
from edge_agent.wire.topics import Channel
from provisioning import demo as demonstration

SVG = "{http://www.w3.org/2000/svg}"


def _words(picture: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture).iter(f"{SVG}text")]


def test_the_way_of_a_report_is_that_of_today():
    assert way.PATH.read_text(encoding="utf-8") == way.draw(), "draw it again: python -m docs.pictures"


def test_every_stage_on_the_way_and_every_channel_is_in_the_picture():
    words = _words(way.draw())
    assert {*Stage} - {Stage.TAKEN_BACK, Stage.NOTHING_KEPT, Stage.CANNOT} <= set(words)
    assert set(Channel) <= set(words)


def test_the_channels_go_as_the_broker_allows():
    assert way.allowed("kiosk") == {
        Channel.RECORDS: "write",
        Channel.RECEIPTS: "read",
        Channel.STATUS: "write",
        Channel.ORDERS: "read",
    }
    assert way.allowed("intake") == {Channel.RECORDS: "read", Channel.RECEIPTS: "write", Channel.STATUS: "read"}


def test_the_wiring_is_that_of_the_settings():
    assert wiring.PATH.read_text(encoding="utf-8") == wiring.draw(), "draw it again: python -m docs.pictures"


def test_every_line_has_its_pin_and_a_ground_of_its_own():
    parts = wiring.wires(Pins())
    assert {part.name for part in parts} == set(Pins.__struct_fields__)
    pins = [pin for part in parts for pin in (part.pin, part.ground)]
    assert len(set(pins)) == len(pins)
    assert {part.line: part.pin for part in parts} == {4: 7, 5: 29, 6: 31, 7: 26}  # as printed on every Pi's pinout
    assert set(wiring.HEADER) == set(range(28))
    assert not set(wiring.HEADER.values()) & {*wiring.GROUNDS, 1, 2, 4, 17}  # the last four give power


def test_what_the_demonstration_says_in_the_picture_it_says_today():
    spoken = [line for line in _words(demo.PATH.read_text(encoding="utf-8")) if line.startswith("· ")]
    sentences = [*demonstration._SENTENCES.values(), *demonstration._STAGES.values()]
    templates = [re.sub(r"\\\{.*?\\\}", ".+", re.escape(sentence)) for sentence in sentences]
    ours = [line for line in spoken if any(re.fullmatch(f"· {template}", line) for template in templates)]
    assert spoken[0].startswith("· A fleet")
    assert ours == spoken[1:], "draw it again: python -m docs.pictures --demo"


def test_a_line_too_long_for_the_terminal_is_shortened_and_the_last_is_broken():
    drawn = _words(demo.draw(["x" * 200, '{"outcome": "sent", "words": "' + "y " * 60 + '"}']))
    assert drawn[1].endswith("\N{HORIZONTAL ELLIPSIS}")
    assert all(len(line) <= 92 for line in drawn)
    assert len(drawn) == 4
