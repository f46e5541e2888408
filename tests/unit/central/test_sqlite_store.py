import sqlite3
import stat

import pytest

from central.store.sqlite import VERSION, open_reader
from central.store.sqlite_writer import open_store
from edge_agent.errors import StoreError
from edge_agent.wire.roll import What
from tests.contracts.store.entries import commit, sealed


def test_the_file_is_for_its_owner_alone(tmp_path):
    open_store(tmp_path / "store").close()
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o600


def test_a_commit_waits_for_the_disk(tmp_path):
    with open_store(tmp_path / "store") as store:
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("opened", [open_store, open_reader])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, opened):
    path = tmp_path / "store"
    path.write_bytes(b"a letter from home, " * 100)
    with pytest.raises(StoreError):
        opened(path)
    assert path.read_bytes() == b"a letter from home, " * 100


@pytest.mark.parametrize("opened", [open_store, open_reader])
def test_another_programs_database_is_refused(tmp_path, opened):
    path = tmp_path / "store"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="no store"):
        opened(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("opened", [open_store, open_reader])
def test_a_store_of_a_later_version_is_refused(tmp_path, opened):
    path = tmp_path / "store"
    open_store(path).close()
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 5")
    later.close()
    with pytest.raises(StoreError, match="version 5"):
        opened(path)


def test_a_store_of_an_earlier_version_is_read_as_it_is_and_carried_over_by_the_first_who_writes(tmp_path):
    path, entry = tmp_path / "store", sealed()
    with open_store(path) as store:
        commit(store, entry)
    with sqlite3.connect(path) as earlier:
        earlier.executescript(
            "DROP INDEX said; DROP INDEX erased; DROP INDEX recalled_bytes;"
            "ALTER TABLE quarantine DROP COLUMN kiosk; ALTER TABLE quarantine DROP COLUMN record_id;"
            "DROP TABLE documents; DROP TABLE parts; PRAGMA user_version = 2;"
        )
    earlier.close()
    with open_reader(path) as reader:
        assert reader.sealed(entry.claims.record_id) == entry.raw
    with open_store(path) as store:
        assert store.shared(What.REGISTRY, 0) is None
        assert store.sealed(entry.claims.record_id) == entry.raw
        assert store._connection.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(StoreError, match="can't be made"):
        open_store(tmp_path / "nowhere" / "store")


def test_a_full_disk_loses_nothing_that_was_said_to_be_kept(tmp_path):
    with open_store(tmp_path / "store") as store:
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="full"):
            store.commit([_large()], 0).result()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 100}")
        assert store.commit([_large()], 0).result() == ["refused"]


def _large():
    from central.store.port import Refusal

    return Refusal("t", bytes(50_000), bytes(32), "malformed", "in words")
