import pytest

from tests.unit.session.player import Player


@pytest.fixture
def person() -> Player:
    return Player()
