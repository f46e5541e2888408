import fcntl
import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from central.store.port import Erasure, Fate
from central.store.sqlite_writer import open_store
from central.store.turns import Turns, alone
from edge_agent.errors import StoreError
from tests.contracts.store.entries import AT, DAY, commit, recall, refusal, sealed, withdrawal
from tests.support.waiting import until


def test_several_programs_write_in_turns_and_none_loses_what_another_kept(tmp_path):
    entries = [sealed(seq=seq) for seq in range(1, 41)]
    with open_store(tmp_path / "store") as one, open_store(tmp_path / "store") as other:
        kept = [store.commit([entry], AT) for entry, store in zip(entries, itertools.cycle((one, other)))]
        assert [fate for done in kept for fate in done.result()] == [Fate.STORED] * 40
        assert commit(one, entries[1]) == commit(other, entries[0]) == [Fate.DUPLICATE]
        assert commit(other, recall(entries[0])) == [Fate.ERASED]
        assert commit(one, entries[0]) == [Fate.WITHDRAWN], "what the other one did a moment ago holds here"


def test_a_batch_that_fails_ends_its_turn(tmp_path):
    entry = sealed()
    with open_store(tmp_path / "store") as one, open_store(tmp_path / "store") as other:
        with pytest.raises(AttributeError):
            one.commit([replace(entry, claims=None)], AT).result()
        assert commit(other, entry) == [Fate.STORED]


def test_whoever_waits_has_a_turn_before_the_one_who_has_just_had_one(tmp_path):
    with ExitStack() as resources:
        busy, patient = (Turns(tmp_path / "store", resources) for _ in range(2))
        turns = []

        def wait_for_one():
            with patient.mine():
                turns.append("patient")

        busy.take()
        waiting = resources.enter_context(ThreadPoolExecutor(1)).submit(wait_for_one)
        until(lambda: not is_free(tmp_path / "store.front"), "somebody who waits")
        busy.give()
        with busy.mine():
            turns.append("busy")
        waiting.result()
    assert turns == ["patient", "busy"]


def test_a_program_that_dies_in_its_turn_keeps_nobody_from_theirs(tmp_path):
    words = "from central.store.sqlite_writer import open_store; import pathlib, sys; "
    words += "store = open_store(pathlib.Path(sys.argv[1])); store._turns.take(); print('mine', flush=True); input()"
    command = [sys.executable, "-c", words, str(tmp_path / "store")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as dying:
        assert dying.stdout.readline() == b"mine\n"
        dying.kill()
    with open_store(tmp_path / "store") as store:
        assert commit(store, sealed()) == [Fate.STORED]


def test_much_that_has_ended_is_erased_in_several_turns(tmp_path):
    with open_store(tmp_path / "store") as store:
        commit(store, *(sealed(seq=seq, expires_at=AT + DAY) for seq in range(1, 452)))
        commit(store, refusal())
        assert store.erase_ended(AT + 100 * DAY) == Erasure(451, 1)
        assert store.erase_ended(AT + 100 * DAY) == Erasure(0, 0)
        assert len(list(store.tombstones())) == 451


def test_a_file_is_for_one_running_intake(tmp_path):
    with alone(tmp_path / "store"):
        with pytest.raises(StoreError, match="another intake"), alone(tmp_path / "store"):
            pass
        with open_store(tmp_path / "store") as beside:
            assert commit(beside, sealed()) == [Fate.STORED]
    with alone(tmp_path / "store"):
        pass


def is_free(lock):
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.red_line(11)
@pytest.mark.parametrize("end", ["taken back", "ended"])
def test_what_is_erased_is_nowhere_in_the_files_any_more(tmp_path, end):
    entry = sealed(raw=b"these are sealed bytes" * 2000, expires_at=AT + DAY)

    def written():
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    with open_store(tmp_path / "store") as store:
        commit(store, entry)
        assert entry.raw[:22] in written()
        if end == "ended":
            store.erase_ended(AT + 2 * DAY)
        else:
            commit(store, withdrawal(entry))
        assert entry.raw[:22] not in written()
    assert entry.raw[:22] not in written()
