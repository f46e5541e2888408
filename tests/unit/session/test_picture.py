"""The picture of the session in docs/."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from edge_agent.session.picture import PATH, draw
from edge_agent.session.table import TABLE

SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_in_the_docs_is_the_table_of_today():
    assert PATH.read_text(encoding="utf-8") == draw(), "draw it again: python -m edge_agent.session.picture"


def test_the_picture_has_every_row_of_the_table_and_no_other():
    drawn = set()
    for title in ET.fromstring(draw()).findall(f"{SVG}g/{SVG}title"):
        start, _, rest = title.text.partition(": ")
        causes, _, end = rest.rpartition(": ")
        drawn |= {(start, cause, end) for cause in causes.split(" · ")}
    assert drawn == {(start, cause, end) for start, row in TABLE.items() for cause, end in row.items()}
