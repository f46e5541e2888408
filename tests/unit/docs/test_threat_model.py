"""Each security property stands beside the threat that it meets, and beside what holds it."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.documents import rows

PROPERTIES = rows("docs/threat-model.md", "## What holds, and where it is held")


@pytest.mark.parametrize("row", PROPERTIES, ids=lambda row: row[0][:40])
def test_each_property_names_its_threat_and_what_holds_it(row):
    _property, threat, held_by = row
    assert threat
    assert re.search(r"`test_\w+`|`[\w/]+\.(py|toml|txt)`", held_by)
