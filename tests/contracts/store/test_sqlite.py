import pytest

from central.store.sqlite import open_store
from edge_agent.errors import StoreError


def test_one_intake_at_a_time_writes(tmp_path):
    with open_store(tmp_path / "store"), pytest.raises(StoreError, match="another intake"):
        open_store(tmp_path / "store")
    open_store(tmp_path / "store").close()
