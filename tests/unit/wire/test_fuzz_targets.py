from __future__ import annotations

import pytest

from edge_agent.errors import WireError
from tests.fuzz import targets

SEEDS = list(targets.seeds())


def test_no_seed_breaks_a_promise() -> None:
    for seed in SEEDS:
        targets.run(seed)
    targets.run(b"")


@pytest.mark.parametrize("number", range(len(targets.TARGETS)))
def test_each_decoder_has_a_seed_that_it_reads(number: int) -> None:
    def is_read(data: bytes) -> bool:
        try:
            targets.TARGETS[number](data)
        except WireError:
            return False
        return True

    assert any(is_read(seed[1:]) for seed in SEEDS if seed[0] == number)


def test_a_decoder_that_writes_other_bytes_than_it_read_is_found_out() -> None:
    with pytest.raises(targets.BrokenPromiseError):
        targets._same(b"one", b"other")
