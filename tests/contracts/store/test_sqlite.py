import pytest

from central.store.sqlite import open_store
from edge_agent.errors import StoreError
from tests.contracts.store.entries import AT, DAY, commit, sealed, withdrawal


def test_one_intake_at_a_time_writes(tmp_path):
    with open_store(tmp_path / "store"), pytest.raises(StoreError, match="another intake"):
        open_store(tmp_path / "store")
    open_store(tmp_path / "store").close()


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
