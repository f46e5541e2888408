import secrets

from hypothesis import given, settings
from hypothesis import strategies as st

from central.intake.chain import Broken, Forked, Missing, examine
from central.store.port import Link
from edge_agent.wire.fields import FIRST_IN_CHAIN

EPOCH, LATER = b"e" * 16, b"l" * 16


def chain_of(length: int, epoch: bytes = EPOCH) -> list[Link]:
    links, previous = [], FIRST_IN_CHAIN
    for seq in range(1, length + 1):
        sha256 = secrets.token_bytes(32)
        links.append(Link(epoch, seq, previous, sha256))
        previous = sha256
    return links


def test_a_whole_chain_has_nothing_to_say():
    assert examine(chain_of(5), {EPOCH: 5}) == []


def test_a_kiosk_that_never_sent_anything_has_nothing_to_say():
    assert examine([], {}) == []


def test_numbers_that_never_came_are_missing():
    links = chain_of(6)
    assert examine([links[0], links[3], links[5]], {}) == [Missing(EPOCH, 2, 3), Missing(EPOCH, 5, 5)]


def test_the_first_numbers_are_missed_too():
    assert examine(chain_of(3)[2:], {}) == [Missing(EPOCH, 1, 2)]


def test_what_the_kiosk_vouches_for_is_missed_at_the_end():
    assert examine(chain_of(3), {EPOCH: 5}) == [Missing(EPOCH, 4, 5)]


def test_an_epoch_of_which_nothing_came_is_missed_whole():
    assert examine(chain_of(1), {EPOCH: 1, LATER: 2}) == [Missing(LATER, 1, 2)]


def test_health_that_is_older_than_the_last_record_takes_nothing_back():
    assert examine(chain_of(3), {EPOCH: 1}) == []


def test_records_may_come_in_any_order():
    assert examine(chain_of(5)[::-1], {EPOCH: 5}) == []


def test_a_new_life_of_the_outbox_begins_a_new_chain():
    assert examine(chain_of(2) + chain_of(2, LATER), {EPOCH: 2, LATER: 2}) == []


def test_an_exchanged_record_breaks_the_link_after_it():
    links = chain_of(3)
    links[1] = Link(EPOCH, 2, links[0].sha256, secrets.token_bytes(32))
    assert examine(links, {}) == [Broken(EPOCH, 3)]


def test_a_first_record_that_names_one_before_it_is_broken():
    assert examine([Link(EPOCH, 1, b"x" * 32, b"y" * 32)], {}) == [Broken(EPOCH, 1)]


def test_a_link_to_a_missing_record_is_not_called_broken():
    assert examine([chain_of(3)[2]], {}) == [Missing(EPOCH, 1, 2)]


def test_two_records_for_one_place_are_a_fork():
    links = chain_of(3)
    other = Link(EPOCH, 2, links[0].sha256, secrets.token_bytes(32))
    assert examine(links, {}, [other]) == [Forked(EPOCH, 2)]


def test_a_refused_record_does_not_fill_a_gap():
    links = chain_of(3)
    assert examine([links[0], links[2]], {}, [links[1]]) == [Missing(EPOCH, 2, 2)]


@settings(deadline=None, max_examples=60)
@given(st.sets(st.integers(1, 30)), st.integers(0, 40))
def test_missing_and_kept_together_are_every_number_once(here, reach):
    links = [link for link in chain_of(30) if link.seq in here]
    missing = [
        seq
        for found in examine(links, {EPOCH: reach})
        if isinstance(found, Missing)
        for seq in range(found.first, found.last + 1)
    ]
    assert sorted(missing + sorted(here)) == list(range(1, max([reach, *here]) + 1))
