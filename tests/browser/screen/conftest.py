from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import photographs
from tests.support.stand import Stand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """What the camera sees: one person, in the oval."""
    return photographs.in_the_oval(tmp_path / "alone.png")


@pytest.fixture
def stand(tmp_path: Path, alone: Path) -> Iterator[Stand]:
    with Stand(tmp_path / "fleet", [alone]) as one:
        yield one


@pytest.fixture
def stands(tmp_path: Path) -> Iterator[Callable[..., Stand]]:
    """Make a stand with photographs and settings of the test's own."""
    made: list[Stand] = []

    def make(*seen: Path, **settings: str) -> Stand:
        made.append(Stand(tmp_path / f"fleet-{len(made)}", list(seen), **settings))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()
