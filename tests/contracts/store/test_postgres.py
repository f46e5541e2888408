"""What PostgreSQL promises beyond the contract: several writers, roles that may just what they need, patience."""

from __future__ import annotations

import threading

import psycopg
import pytest
from psycopg import errors

from central.store import migrations
from central.store.port import Fate, Heard, Reach
from central.store.postgres import REVISION, open_reader
from central.store.postgres_keeper import open_keeper
from central.store.postgres_writer import open_store
from edge_agent.errors import StoreError
from tests.contracts.store.entries import AT, DAY, commit, refusal, sealed, withdrawal
from tests.support.postgres import DESK, INTAKE, OWNER, Postgres


@pytest.fixture
def database(server):
    return server.database()


@pytest.fixture
def conninfo(server, database):
    return server.conninfo(database, INTAKE)


# -- Several intakes ---------------------------------------------------------------------------------------------------


def test_of_many_intakes_with_the_same_records_in_another_order_one_stores_each(conninfo):
    entries = [sealed(seq=seq) for seq in range(1, 61)]
    fates: list[list[Fate]] = []
    begin = threading.Barrier(4)

    def an_intake(turn):
        with open_store(conninfo) as store:
            begin.wait()
            for start in range(0, 60, 20):
                batch = entries[start : start + 20]
                fates.append(commit(store, *(batch if turn % 2 else reversed(batch))))

    intakes = [threading.Thread(target=an_intake, args=(turn,)) for turn in range(4)]
    for intake in intakes:
        intake.start()
    for intake in intakes:
        intake.join()
    told = [fate for batch in fates for fate in batch]
    assert (told.count(Fate.STORED), told.count(Fate.DUPLICATE)) == (60, 180)
    with open_reader(conninfo) as reader:
        assert len(list(reader.records())) == 60


def test_a_place_that_two_intakes_are_given_at_once_belongs_to_the_first_to_commit(server, conninfo):
    first, second = sealed(seq=1), sealed(seq=1)
    with open_store(conninfo) as one, open_store(conninfo) as other:
        assert commit(one, first) == [Fate.STORED]
        assert commit(other, second) == [Fate.REPLAYED]
        assert commit(other, first) == [Fate.DUPLICATE]


def test_an_id_and_a_place_are_taken_over_all_days(conninfo):
    first = sealed(seq=1)
    with open_store(conninfo) as store:
        assert commit(store, first) == [Fate.STORED]
        assert commit(store, sealed(seq=1), sealed(seq=2), at=AT + 3 * DAY) == [Fate.REPLAYED, Fate.STORED]
        assert commit(store, first, at=AT + 9 * DAY) == [Fate.DUPLICATE]
        assert commit(store, sealed(seq=3, record_id=first.claims.record_id), at=AT + 9 * DAY) == [Fate.REPLAYED]


def test_within_a_batch_too_the_first_to_claim_a_place_has_it(conninfo):
    taken = sealed(seq=1)
    with open_store(conninfo) as store:
        commit(store, taken)
        late = sealed(seq=1)
        heir = sealed(seq=2, record_id=late.claims.record_id)
        assert commit(store, late, heir, sealed(seq=2)) == [Fate.REPLAYED, Fate.STORED, Fate.REPLAYED]


def test_a_status_that_a_slower_intake_brings_late_does_not_replace_a_newer_one(conninfo):
    with open_store(conninfo) as one, open_store(conninfo) as other:
        commit(one, Heard("k1", True, b"newer", Reach(b"e" * 16, 5)), at=AT + 60)
        commit(other, Heard("k1", True, b"older", Reach(b"e" * 16, 4)), at=AT)
        (kept,) = one.statuses()
        assert (kept.message, kept.at) == (b"newer", AT + 60)
        assert one.reach("k1") == {b"e" * 16: 5}


# -- Roles -------------------------------------------------------------------------------------------------------------


def refused(server, database, role, statement):
    with (
        psycopg.connect(server.conninfo(database, role), options="-c search_path=homeward") as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE sealed",
        "TRUNCATE records",
        "DELETE FROM records",
        "UPDATE records SET sha256 = ''",
        "UPDATE sealed SET bytes = ''",
        "ALTER TABLE records ADD more text",
        "CREATE TABLE homeward.mine (it text)",
        "DELETE FROM floors",
    ],
)
def test_an_intake_can_not_drop_empty_or_rewrite(server, database, statement):
    refused(server, database, INTAKE, statement)


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM sealed", "INSERT INTO floors VALUES ('registry', 1000)", "SELECT open_day('2030-01-01')"],
)
def test_a_desk_can_only_read(server, database, statement):
    refused(server, database, DESK, statement)


def test_a_desk_reads_records(server, database, conninfo):
    entry = sealed()
    with open_store(conninfo) as store:
        commit(store, entry)
    with open_reader(server.conninfo(database, DESK)) as reader:
        assert [kept.record_id for kept in reader.records()] == [entry.claims.record_id]
        assert reader.sealed(entry.claims.record_id) == entry.raw


# -- Migrations --------------------------------------------------------------------------------------------------------


def test_this_program_is_written_for_the_newest_step():
    assert migrations.head() == REVISION


def test_migrating_again_changes_nothing(server, database, conninfo):
    with open_store(conninfo) as store:
        commit(store, sealed())
    migrations.apply(server.conninfo(database))
    with open_reader(conninfo) as reader:
        assert len(list(reader.records())) == 1


def test_only_somebody_who_may_change_a_database_migrates_it(server):
    empty = server.empty_database()
    with pytest.raises(StoreError, match="permission denied"):
        migrations.apply(server.conninfo(empty, DESK))
    with pytest.raises(StoreError, match="no store"):
        open_store(server.conninfo(empty, OWNER))


def test_a_schema_of_another_version_is_refused(server, database):
    with psycopg.connect(server.conninfo(database)) as connection:
        connection.execute("UPDATE homeward.alembic_version SET version_num = 'r9999'")
    with pytest.raises(StoreError, match="r9999"):
        open_store(server.conninfo(database, INTAKE))


# -- A server that goes away -------------------------------------------------------------------------------------------


def test_a_server_that_comes_back_finds_its_intake_waiting_and_nothing_is_lost_or_doubled():
    with Postgres() as server:
        conninfo = server.conninfo(server.database(), INTAKE)
        waits = []

        def bring_it_back(fault):
            waits.append(fault)
            server.start()
            return True

        with open_store(conninfo, bring_it_back) as store:
            entry = sealed(seq=1)
            assert commit(store, entry) == [Fate.STORED]
            server.kill()
            assert commit(store, entry, sealed(seq=2)) == [Fate.DUPLICATE, Fate.STORED]
            server.stop()
            assert commit(store, sealed(seq=3), refusal()) == [Fate.STORED, Fate.REFUSED]
            assert len(list(store.records())) == 3
        assert len(waits) == 2


def test_a_server_that_stays_away_is_a_fault_with_a_next_step():
    with Postgres(careful=False) as server:
        store = open_store(server.conninfo(server.database(), INTAKE))
        server.stop()
        with pytest.raises(StoreError, match="PostgreSQL") as fault:
            commit(store, sealed())
        assert fault.value.next_step
        store.close()


# -- Ends --------------------------------------------------------------------------------------------------------------


def partitions(server, database):
    with psycopg.connect(server.conninfo(database)) as connection:
        rows = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent::regclass::text ~ 'sealed$'"
        )
        return sorted(name for (name,) in rows)


@pytest.mark.red_line(11)
def test_all_that_ended_on_a_day_goes_by_dropping_one_table(server, database, conninfo):
    entries = [sealed(seq=seq, expires_at=AT + seq * DAY) for seq in (1, 2, 3)]
    with open_store(conninfo) as store:
        commit(store, *entries)
    before = partitions(server, database)
    with open_keeper(server.conninfo(database)) as keeper:
        assert keeper.erase_ended(AT + 3 * DAY).records == 2
    assert (len(before), partitions(server, database)) == (3, before[2:])


def test_a_day_that_was_dropped_comes_back_when_an_intake_still_needs_it(server, database, conninfo):
    with open_store(conninfo) as store:
        commit(store, sealed(seq=1, expires_at=AT + DAY))
        with open_keeper(server.conninfo(database)) as keeper:
            keeper.erase_ended(AT + 3 * DAY)
        assert commit(store, sealed(seq=2, expires_at=AT + DAY)) == [Fate.STORED], "its clock is behind"


@pytest.mark.red_line(11)
def test_a_record_and_its_withdrawal_at_two_intakes_at_once_leave_a_tombstone_alone(conninfo):
    with open_store(conninfo) as one, open_store(conninfo) as other:
        for seq in range(1, 40, 2):
            entry = sealed(seq=seq)
            stored = one.commit([entry], AT)
            taken = other.commit([withdrawal(entry, seq + 1)], AT)
            told = (stored.result()[0], taken.result()[0])
            assert told in {(Fate.STORED, Fate.ERASED), (Fate.WITHDRAWN, Fate.NOT_HELD)}
            assert one.sealed(entry.claims.record_id) is None
        assert len(list(one.tombstones())) == 20
