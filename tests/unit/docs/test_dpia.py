"""The data protection impact assessment says of the software only what a test or a file holds."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.documents import ROOT, marked_tests, rows

PAGE = "docs/dpia.md"
SECTIONS = (
    "## What is done, and what for",
    "## The right to do it",
    "## What could go wrong, and what is done about it",
)
STATEMENTS = [row for section in SECTIONS for row in rows(PAGE, section)]


@pytest.mark.parametrize("row", STATEMENTS, ids=lambda row: row[0][:40])
def test_each_statement_names_what_holds_it_or_leaves_it_to_the_organisation(row):
    held_by = row[-1]
    tests = re.findall(r"`(test_\w+)`", held_by)
    files = re.findall(r"`([\w/.]+/[\w.]*)`", held_by)
    assert tests or files or held_by.startswith("["), "nothing holds this"
    assert all(name in marked_tests() for name in tests)
    assert all((ROOT / name).exists() for name in files)


def test_it_says_enough_to_be_worth_adapting():
    assert len(STATEMENTS) > 20
    assert any("[" in row[1] for row in rows(PAGE, SECTIONS[2]))
