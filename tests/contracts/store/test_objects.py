"""What object storage promises beyond the contract: bytes before rows, nothing overwritten, orphans found."""

from __future__ import annotations

import time

import psycopg
import pytest

from central.store.blobs import BlobsError, Name
from central.store.objects import Bucket, Objects
from central.store.port import Fate
from central.store.postgres import day_of, open_reader
from central.store.postgres_keeper import open_keeper
from central.store.postgres_writer import open_store
from edge_agent.errors import KeyFileError, SettingsError, StoreError
from provisioning.throwaway import free_port
from tests.contracts.store.entries import AT, DAY, END, commit, sealed, withdrawal
from tests.support.postgres import INTAKE


@pytest.fixture
def objects(storage, tmp_path):
    return storage.objects(tmp_path)


@pytest.fixture
def conninfo(server):
    return server.conninfo(server.database(), INTAKE)


def kept(objects):
    return [name for name, _ in objects.names()]


def name_of(entry):
    return Name(day_of(END), entry.sha256)


def test_bytes_are_an_object_named_by_its_end_and_hash_and_no_row(server, objects):
    database = server.database()
    entry = sealed()
    with open_store(server.conninfo(database, INTAKE), objects=objects) as store:
        commit(store, entry)
    assert kept(objects) == [name_of(entry)]
    with psycopg.connect(server.conninfo(database)) as connection:
        assert connection.execute("SELECT count(*) FROM homeward.sealed").fetchone() == (0,)
    with open_reader(server.conninfo(database, INTAKE)) as blind, pytest.raises(StoreError, match="in object storage"):
        blind.sealed(entry.claims.record_id)


def test_nobody_overwrites_an_object(objects):
    entry = sealed()
    objects.put([(name_of(entry), entry.raw)])
    objects.put([(name_of(entry), b"other bytes")])
    assert objects.get(name_of(entry)) == entry.raw


def test_an_object_that_is_not_what_its_name_says_is_found(objects):
    name = Name(day_of(END), b"h" * 32)
    objects.put([(name, b"other bytes")])
    with pytest.raises(BlobsError, match="other bytes"):
        objects.get(name)
    assert objects.get(Name(day_of(END), b"n" * 32)) is None


def test_a_crash_between_object_and_row_leaves_an_orphan_that_the_record_takes_over_when_it_comes_again(
    conninfo, objects
):
    entry = sealed()
    objects.put([(name_of(entry), entry.raw)])
    with open_store(conninfo, objects=objects) as store:
        assert commit(store, entry) == [Fate.STORED]
        assert store.sealed(entry.claims.record_id) == entry.raw
    assert kept(objects) == [name_of(entry)]


def test_orphans_are_swept_and_nothing_else(server, objects):
    database = server.database()
    entry, orphan = sealed(), sealed(seq=2)
    with open_store(server.conninfo(database, INTAKE), objects=objects) as store:
        commit(store, entry)
    objects.put([(name_of(orphan), orphan.raw)])
    with open_keeper(server.conninfo(database), objects) as keeper:
        assert keeper.sweep(int(time.monotonic())) == 0, "they are too young"
        assert keeper.sweep(1 << 40) == 1
        assert keeper.sweep(1 << 40) == 0
    assert kept(objects) == [name_of(entry)]


@pytest.mark.red_line(11)
def test_what_was_taken_back_leaves_no_object_not_even_when_it_comes_again(conninfo, objects):
    entry = sealed()
    with open_store(conninfo, objects=objects) as store:
        commit(store, entry, withdrawal(entry))
        assert kept(objects) == []
        assert commit(store, entry) == [Fate.WITHDRAWN]
    assert kept(objects) == []


@pytest.mark.red_line(11)
def test_the_objects_of_a_day_go_with_it(server, objects):
    database = server.database()
    with open_store(server.conninfo(database, INTAKE), objects=objects) as store:
        commit(store, sealed(seq=1, expires_at=AT + DAY), sealed(seq=2, expires_at=AT + 9 * DAY))
    with open_keeper(server.conninfo(database), objects) as keeper:
        assert keeper.erase_ended(AT + 3 * DAY).records == 1
    assert [name.day for name in kept(objects)] == [day_of(AT + 9 * DAY)]


def test_a_storage_that_is_away_is_waited_for_and_nothing_is_kept_meanwhile(conninfo, storage, tmp_path):
    bucket = storage.bucket(tmp_path)
    away = Objects(Bucket(f"http://127.0.0.1:{free_port()}", bucket.name, bucket.region, bucket.credentials))
    with open_store(conninfo, objects=away) as store:
        with pytest.raises(BlobsError) as fault:
            commit(store, sealed())
        assert fault.value.next_step
        assert list(store.records()) == []


def test_a_bucket_that_is_not_there_is_found_before_anything_is_put(storage, tmp_path):
    bucket = storage.bucket(tmp_path)
    Objects(bucket).check()
    with pytest.raises(BlobsError):
        Objects(Bucket(bucket.endpoint, "nowhere", bucket.region, bucket.credentials)).check()


def test_credentials_are_for_their_owner_alone(storage, tmp_path):
    bucket = storage.bucket(tmp_path)
    bucket.credentials.chmod(0o644)
    with pytest.raises(KeyFileError, match="open to others"):
        Objects(bucket)
    bucket.credentials.write_text("[other]\n", encoding="utf-8")
    bucket.credentials.chmod(0o600)
    with pytest.raises(SettingsError, match="no credentials"):
        Objects(bucket)
