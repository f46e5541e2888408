"""What a store does for the fleet's signed documents: parts become whole, and no version goes back."""

import itertools

import pytest

from edge_agent.wire import roll
from edge_agent.wire.documents import from_cbor
from edge_agent.wire.roll import TrustPart, What


def parts_of(whole, version, what=What.REGISTRY):
    return [from_cbor(part, TrustPart) for part in roll.split(what, version, whole, 4)]


@pytest.fixture
def other(place):
    """Another intake, on the same store."""
    with place.store() as opened:
        yield opened


def test_a_document_is_whole_with_its_last_part_whoever_brings_which(store, other):
    *some, last = parts_of(b"the whole registry", 7)
    for part, intake in zip(reversed(some), itertools.cycle((store, other)), strict=False):
        assert intake.gather(part) is None
    assert other.gather(last) == b"the whole registry"
    assert store.gather(last) == b"the whole registry", "brought again, by a broker that was not told"


def test_parts_of_different_versions_and_documents_are_kept_apart(store):
    first, second = parts_of(b"registry", 7)
    assert store.gather(first) is None
    assert store.gather(parts_of(b"registry", 8)[1]) is None
    assert store.gather(parts_of(b"a bundle", 7, What.BUNDLE)[1]) is None
    assert store.gather(second) == b"registry"


def test_a_part_that_comes_again_takes_the_place_of_what_was_forged(store):
    first, second = parts_of(b"registry", 7)
    store.gather(parts_of(b"forgery!", 7)[0])
    store.gather(second)
    assert store.gather(first) == b"registry"


def test_a_shared_document_is_there_for_all_and_an_older_one_never_takes_its_place(store, other):
    assert store.shared(What.REGISTRY, 0) is None
    store.share(What.REGISTRY, 7, b"seven")
    assert other.shared(What.REGISTRY, 6) == b"seven"
    assert other.shared(What.REGISTRY, 7) is None
    assert other.shared(What.BUNDLE, 0) is None
    other.share(What.REGISTRY, 6, b"six")
    assert store.shared(What.REGISTRY, 0) == b"seven"
    other.share(What.REGISTRY, 8, b"eight")
    assert store.shared(What.REGISTRY, 7) == b"eight"


def test_a_document_is_still_there_after_a_restart(place):
    with place.store() as store:
        store.share(What.BUNDLE, 3, b"three")
        store.gather(parts_of(b"registry", 7)[0])
    with place.store() as store:
        assert store.shared(What.BUNDLE, 0) == b"three"
        assert store.gather(parts_of(b"registry", 7)[1]) == b"registry"


def test_what_is_shared_lets_go_of_its_parts(store):
    first, second = parts_of(b"registry", 7)
    store.gather(first)
    store.share(What.REGISTRY, 7, b"registry")
    assert store.gather(second) is None
