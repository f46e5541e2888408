"""Reading rows off a SQLite file without SQLite agrees with SQLite, and holds against any bytes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.outbox.pages import Pages

PAGE = 1024
LONGEST = 1 << 20
columns = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-2, 2), st.binary(max_size=6000), st.text(max_size=80)
)
tables = st.dictionaries(st.integers(1, 2**62), st.tuples(columns, columns), max_size=25)


def written(rows: dict[int, tuple[object, object]], dropped: set[int]) -> tuple[bytes, int]:
    with TemporaryDirectory() as folder, closing(sqlite3.connect(Path(folder) / "some.db")) as database:
        database.execute(f"PRAGMA page_size={PAGE}")
        database.execute("CREATE TABLE some (id INTEGER PRIMARY KEY, a, b)")
        database.executemany("INSERT INTO some VALUES (?, ?, ?)", [(key, *values) for key, values in rows.items()])
        database.executemany("DELETE FROM some WHERE id = ?", [(key,) for key in dropped])
        database.commit()
        ((root,),) = database.execute("SELECT rootpage FROM sqlite_schema")
        return (Path(folder) / "some.db").read_bytes(), root


@settings(deadline=None, max_examples=60)
@given(tables, st.data())
def test_every_row_under_the_root_reads_as_sqlite_wrote_it(
    rows: dict[int, tuple[object, object]], data: st.DataObject
) -> None:
    dropped = data.draw(st.sets(st.sampled_from(sorted(rows)))) if rows else set()
    file, root = written(rows, dropped)
    read = [row.values for row in Pages(file, PAGE).rows((root,), LONGEST) if row.in_tree]
    assert sorted(read, key=lambda row: row[0]) == [[key, *rows[key]] for key in sorted(rows.keys() - dropped)]


@settings(deadline=None, max_examples=25)
@given(tables)
@example({2**62: (None, 1)})  # a row number that takes nine bytes
def test_without_the_root_the_leaves_are_found_adrift(rows: dict[int, tuple[object, object]]) -> None:
    file, _ = written(rows, set())
    adrift = {row.values[0] for row in Pages(file, PAGE).rows((), LONGEST) if not row.in_tree}
    assert rows.keys() <= adrift | {1}


@settings(deadline=None, max_examples=60)
@given(tables, st.lists(st.tuples(st.integers(0, 2**20), st.binary(min_size=1, max_size=8)), max_size=40))
def test_whatever_the_bytes_are_reading_ends_and_raises_nothing(
    rows: dict[int, tuple[object, object]], damages: list[tuple[int, bytes]]
) -> None:
    file, root = written(rows, set(list(rows)[::2]))
    broken = bytearray(file)
    for somewhere, new in damages:
        at = somewhere % len(broken)
        broken[at : at + len(new)] = new
    for row in Pages(bytes(broken), PAGE).rows((root, 999), 4000):
        assert isinstance(row.values, list)


def test_a_row_longer_than_any_of_ours_is_passed_over() -> None:
    file, root = written({1: (bytes(3000), None), 2: (b"short", None)}, set())
    assert [row.values[0] for row in Pages(file, PAGE).rows((root,), 2000)] == [2]


def test_a_tree_that_bites_its_tail_or_points_nowhere_ends() -> None:
    inner = bytearray(PAGE)
    inner[0] = 0x05
    inner[3:5] = (2).to_bytes(2)  # two cells
    inner[8:12] = (1).to_bytes(4)  # the rightmost child: this page itself
    inner[12:16] = (100).to_bytes(2) + (200).to_bytes(2)
    inner[100:104] = (77).to_bytes(4)  # no such page
    inner[200:204] = (1).to_bytes(4)
    assert list(Pages(bytes(inner), PAGE).rows((1,), LONGEST)) == []


def test_a_row_whose_overflow_chain_or_leaf_ends_too_early_is_passed_over() -> None:
    file, root = written({1: (bytes(range(256)) * 20, None)}, set())
    assert list(Pages(file[: root * PAGE + PAGE], PAGE).rows((root,), LONGEST)) == []
    leaf = bytearray(file)
    start = (root - 1) * PAGE
    leaf[start + 8 : start + 10] = (PAGE - 5).to_bytes(2)  # the cell, moved to the very end
    leaf[start + PAGE - 5 : start + PAGE] = b"\x87\x68\x01ab"  # a row of 1000 bytes
    assert list(Pages(bytes(leaf), PAGE).rows((root,), LONGEST)) == []
