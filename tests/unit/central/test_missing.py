"""How many records of a kiosk are missing: the same as its chain says, for work that doesn't grow with the chain."""

from contextlib import contextmanager

import pytest

from central.intake import chain
from central.intake.missing import Missing
from central.store.port import Heard, Reach
from central.store.sqlite import open_reader
from central.store.sqlite_writer import open_store
from tests.contracts.store.entries import EPOCH, commit, recall, sealed

OTHER = b"o" * 16


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as opened:
        yield opened


def told(store, kiosk="k1"):
    found = chain.examine(store.chain(kiosk), store.reach(kiosk))
    return sum(hole.last - hole.first + 1 for hole in found if isinstance(hole, chain.Missing))


def test_it_is_what_the_chain_says_however_records_come_and_go(store):
    missing = Missing()
    late = sealed(seq=5)
    for arrivals, wanted in [
        ([], 0),
        ([sealed(seq=1), sealed(seq=2)], 0),
        ([sealed(seq=9), sealed(seq=4)], 5),
        ([sealed(seq=7)], 4),
        ([Heard("k1", True, b"status", Reach(EPOCH, 12))], 7),
        ([sealed(seq=3, epoch=OTHER), sealed("k2", 8)], 9),
        ([recall(late)], 8),
        ([late, sealed(seq=6), sealed(seq=8)], 6),
        ([sealed(seq=seq) for seq in (3, 10, 11, 12)], 2),
        ([sealed(seq=seq, epoch=OTHER) for seq in (2, 1)], 0),
    ]:
        commit(store, *arrivals)
        assert missing.count(store, "k1") == told(store) == wanted
    assert Missing().count(store, "k1") == 0


@contextmanager
def steps_of(path):
    """Count the steps that SQLite's machine takes over a reader."""
    steps = []
    with open_reader(path) as reader:
        reader._connection.set_progress_handler(lambda: steps.append(1) or 0, 1)
        yield reader, steps


def work(path, missing):
    with steps_of(path) as (reader, steps):
        count = missing.count(reader, "k1")
    return len(steps), count


def test_once_read_a_long_chain_costs_as_much_as_a_short_one(store, tmp_path):
    missing = Missing()
    commit(store, sealed(seq=1), sealed(seq=3))
    missing.count(store, "k1")
    short = work(tmp_path / "store", missing)
    commit(store, *(sealed(seq=seq) for seq in range(4, 1504)))
    growing = work(tmp_path / "store", missing)
    long = work(tmp_path / "store", missing)
    assert long == short
    assert growing > (1000, 1), "the steps are those that look at records"
