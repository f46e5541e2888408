"""The red lines on their page are held by the tests that it names."""

from __future__ import annotations

import pytest

from tests.unit.docs.documents import marked_tests, named_tests, rows

NUMBERS = range(1, 15)
PAGE = "docs/red-lines.md"
HELD = {int(row[0]): row for row in rows(PAGE, "## What holds each line today")}


def test_the_page_has_every_red_line_twice_what_it_is_and_what_holds_it():
    first = [int(row[0]) for row in rows(PAGE, "# Red lines") if row[0].isdecimal()]
    assert first == [*NUMBERS, *NUMBERS]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_test_that_is_named_beside_a_red_line_is_marked_with_it(number):
    named = named_tests(HELD[number][1])
    assert named
    assert all(number in marked_tests().get(name, set()) for name in named)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_red_line_is_held_by_a_marked_test(number):
    assert any(number in marks for marks in marked_tests().values())


def test_no_test_is_marked_with_a_red_line_that_there_is_not():
    assert set().union(*marked_tests().values()) == set(NUMBERS)
