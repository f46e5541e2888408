"""Every record ends: taken back at once, or when what was consented to ends. The bytes go; a tombstone stays."""

from __future__ import annotations

import itertools

import pytest

from central.store.port import Erasure, Fate, Kept, Link, Tombstone
from edge_agent.wire.fields import FIRST_IN_CHAIN
from edge_agent.wire.receipts import EXPIRED, WITHDRAWN
from tests.contracts.store.entries import AT, DAY, END, EPOCH, commit, recall, refusal, sealed, withdrawal
from tests.unit.central.world import Fleet

pytestmark = pytest.mark.red_line(11)

OTHER = b"o" * 32


def reasons(store):
    return [entry.reason for entry in store.quarantined()]


# -- Taken back --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("take_back", [withdrawal, recall])
def test_what_is_taken_back_is_erased_and_a_tombstone_stays(place, take_back):
    entry = sealed()
    with place.store() as store:
        commit(store, entry)
        taken = take_back(entry)
        assert commit(store, taken, at=AT + 9) == [Fate.ERASED]
    with place.reader() as reader:
        assert reader.sealed(entry.claims.record_id) is None
        signed = taken.raw if take_back is recall else None
        tombstone = Tombstone(entry.claims.record_id, "k1", AT - 5, AT, END, AT + 9, WITHDRAWN, signed)
        assert list(reader.tombstones()) == [tombstone]
        assert reader.find(entry.claims.record_id) == tombstone
        assert entry.claims.record_id not in {kept.record_id for kept in reader.records()}


def test_a_withdrawal_in_the_same_batch_as_its_record_leaves_nothing(store):
    entry = sealed()
    assert commit(store, entry, withdrawal(entry)) == [Fate.STORED, Fate.ERASED]
    assert store.sealed(entry.claims.record_id) is None


def test_a_kiosks_withdrawal_is_a_record_of_its_chain_and_has_no_end(place):
    entry = sealed()
    taken = withdrawal(entry, previous=entry.sha256)
    with place.store() as store:
        commit(store, entry, taken)
        kept = Kept(taken.claims.record_id, "k1", AT, AT, taken.sha256, len(taken.raw), None, entry.claims.record_id)
        assert list(store.records()) == [kept]
        assert store.find(taken.claims.record_id) == kept
        assert store.sealed(taken.claims.record_id) == taken.raw
        assert store.chain("k1") == [
            Link(EPOCH, 1, FIRST_IN_CHAIN, entry.sha256),
            Link(EPOCH, 2, entry.sha256, taken.sha256),
        ]
    with place.keeper() as keeper:
        assert keeper.erase_ended(AT + 1000 * 365 * DAY) == Erasure(0, 0)
    with place.reader() as reader:
        assert reader.sealed(taken.claims.record_id) == taken.raw


def test_what_was_taken_back_is_never_stored_again_and_says_so(store):
    entry = sealed()
    commit(store, entry, withdrawal(entry))
    late = refusal(entry.raw, entry.topic, "revoked", claims=entry.claims, duplicate_if_held=True)
    assert commit(store, entry, late) == [Fate.WITHDRAWN, Fate.WITHDRAWN]
    assert store.sealed(entry.claims.record_id) is None
    assert reasons(store) == []


@pytest.mark.parametrize("take_back", [withdrawal, recall])
def test_what_is_taken_back_before_it_comes_is_not_kept_when_it_comes(store, take_back):
    entry = sealed()
    assert commit(store, take_back(entry)) == [Fate.NOT_HELD]
    assert commit(store, entry, entry) == [Fate.WITHDRAWN, Fate.WITHDRAWN]
    assert store.sealed(entry.claims.record_id) is None
    (tombstone,) = store.tombstones()
    assert (tombstone.because, tombstone.arrived_at) == (WITHDRAWN, AT)
    assert Link(EPOCH, 1, FIRST_IN_CHAIN, entry.sha256) in store.chain("k1")


def test_what_is_taken_back_and_never_comes_has_its_number_and_no_times(store):
    entry = sealed()
    commit(store, withdrawal(entry))
    (tombstone,) = store.tombstones()
    assert (tombstone.issued_at, tombstone.arrived_at, tombstone.ends_at) == (None, None, None)
    assert Link(EPOCH, 1, None, entry.sha256) in store.chain("k1")


@pytest.mark.parametrize("came", [True, False])
def test_the_same_withdrawal_again_changes_nothing_and_gets_the_same_answer(store, came):
    entry = sealed()
    if came:
        commit(store, entry)
    first, again = (Fate.ERASED, Fate.ERASED_AGAIN) if came else (Fate.NOT_HELD, Fate.NOT_HELD_AGAIN)
    for taken, second in ((withdrawal(entry), again), (recall(entry), first)):
        assert commit(store, taken) == [first]
        before = list(store.tombstones()), list(store.records())
        assert commit(store, taken, taken, at=AT + 5) == [second] * 2
        assert (list(store.tombstones()), list(store.records())) == before


def test_nobody_takes_back_another_kiosks_record(store):
    entry = sealed("k1")
    commit(store, entry)
    theirs = withdrawal(entry, kiosk="k2")
    assert commit(store, theirs, recall(entry, kiosk="k2")) == [Fate.FOREIGN, Fate.FOREIGN]
    assert store.sealed(entry.claims.record_id) == entry.raw
    assert reasons(store) == ["wrong-signer"], "a caseworker's is told at the desk, and needs no quarantine"
    assert store.find(theirs.claims.record_id) is None


@pytest.mark.parametrize("wrong", [{"sha256": OTHER}, {"seq": 7}, {"epoch": b"f" * 16}])
def test_a_withdrawal_that_does_not_name_its_record_exactly_erases_nothing(store, wrong):
    entry = sealed()
    commit(store, entry)
    assert commit(store, withdrawal(entry, wrong=wrong), recall(entry, wrong=wrong)) == [Fate.REPLAYED] * 2
    assert store.sealed(entry.claims.record_id) == entry.raw
    assert reasons(store) == ["replay"]
    assert [link.seq for link in store.chain("k1")] == [1]


def test_a_withdrawal_whose_own_place_is_taken_erases_nothing(store):
    entry, other = sealed(seq=1), sealed(seq=2)
    commit(store, entry, other)
    assert commit(store, withdrawal(entry, seq=2)) == [Fate.REPLAYED]
    assert store.sealed(entry.claims.record_id) == entry.raw


def test_a_withdrawal_can_not_be_taken_back(store):
    entry = sealed()
    taken = withdrawal(entry)
    commit(store, entry, taken)
    assert commit(store, withdrawal(taken, seq=3)) == [Fate.REPLAYED]
    assert store.sealed(taken.claims.record_id) == taken.raw


def test_a_withdrawal_reaches_the_copy_in_quarantine(store):
    entry = sealed()
    commit(store, refusal(entry.raw, entry.topic, "unknown-signer", claims=entry.claims))
    assert commit(store, withdrawal(entry)) == [Fate.NOT_HELD]
    assert reasons(store) == []


def test_a_withdrawal_keeps_its_answer_when_another_kiosks_record_has_come_under_the_id(store):
    never_came = sealed("k1")
    taken = withdrawal(never_came)
    commit(store, taken)
    other = sealed("k2", record_id=never_came.claims.record_id)
    assert commit(store, other, taken) == [Fate.STORED, Fate.NOT_HELD_AGAIN]
    assert store.sealed(other.claims.record_id) == other.raw
    assert reasons(store) == []


@pytest.mark.parametrize("came", [True, False])
def test_what_was_taken_back_comes_into_no_quarantine_either_by_whatever_topic(store, came):
    entry = sealed()
    commit(store, *([entry] if came else []), withdrawal(entry))
    stray = refusal(entry.raw, "homeward/1/coast/k2/records", "wrong-topic", claims=entry.claims)
    assert commit(store, stray) == [Fate.WITHDRAWN]
    assert reasons(store) == []


def test_what_was_taken_back_and_finds_its_place_taken_when_it_comes_is_not_kept_either(store):
    never_came = sealed("k1", seq=1)
    assert commit(store, withdrawal(never_came)) == [Fate.NOT_HELD]
    commit(store, sealed("k1", seq=1), sealed("k2", record_id=never_came.claims.record_id))
    assert commit(store, never_came, never_came) == [Fate.WITHDRAWN, Fate.WITHDRAWN]
    assert reasons(store) == []


OTHER_COPIES = {
    "signed again by its kiosk": lambda it: sealed(it.claims.kiosk, seq=9, record_id=it.claims.record_id),
    "altered on its way": lambda it: refusal(b"altered", it.topic, "bad-signature", claims=it.claims),
    "altered, by another kiosk's topic": lambda it: refusal(
        b"altered", "homeward/1/coast/k9/records", "wrong-topic", claims=it.claims
    ),
}


@pytest.mark.parametrize("copy", OTHER_COPIES.values(), ids=OTHER_COPIES)
@pytest.mark.parametrize("came", [True, False])
def test_another_copy_of_what_was_taken_back_is_not_kept(store, came, copy):
    entry = sealed()
    commit(store, *([entry] if came else []), withdrawal(entry))
    if not came:
        commit(store, entry)
    assert commit(store, copy(entry)) == [Fate.WITHDRAWN]
    assert reasons(store) == []


@pytest.mark.parametrize("copy", OTHER_COPIES.values(), ids=OTHER_COPIES)
def test_a_withdrawal_reaches_other_copies_in_quarantine_too(store, copy):
    entry = sealed()
    assert commit(store, entry, copy(entry))[0] is Fate.STORED
    assert len(reasons(store)) == 1
    commit(store, withdrawal(entry))
    assert reasons(store) == []


@pytest.mark.parametrize("copy", OTHER_COPIES.values(), ids=OTHER_COPIES)
def test_another_copy_of_a_record_that_nobody_took_back_is_kept_as_evidence(store, copy):
    entry = sealed()
    commit(store, entry)
    assert commit(store, copy(entry))[0] in (Fate.REPLAYED, Fate.REFUSED)
    assert len(reasons(store)) == 1


def test_another_copy_of_what_has_ended_is_not_kept(store):
    entry = sealed(expires_at=AT)
    commit(store, entry)
    altered = refusal(b"altered", entry.topic, "bad-signature", claims=entry.claims)
    assert commit(store, sealed(seq=9, record_id=entry.claims.record_id), altered) == [Fate.EXPIRED] * 2
    assert reasons(store) == []


@pytest.mark.parametrize("came", [True, False])
def test_what_was_taken_back_is_not_kept_where_nobody_looks_at_it_any_more(store, came):
    entry = sealed()
    commit(store, *([entry] if came else []), withdrawal(entry))
    assert commit(store, refusal(entry.raw, entry.topic, "undelivered")) == [Fate.WITHDRAWN]
    assert reasons(store) == []


def test_a_copy_that_nobody_looked_at_keeps_what_was_seen_of_it_before(store):
    entry, again = sealed(), b"altered"
    commit(store, refusal(again, entry.topic, "bad-signature", claims=entry.claims))
    commit(store, refusal(again, entry.topic, "undelivered"))
    commit(store, withdrawal(entry))
    assert reasons(store) == []


@pytest.mark.red_line(14)
@pytest.mark.parametrize("claimed", [True, False])
def test_a_kiosk_can_not_keep_another_kiosks_record_out_of_quarantine(store, claimed):
    raw = Fleet().add("k1").next()
    theirs = sealed("k1", raw=raw)
    commit(store, withdrawal(theirs, kiosk="k2"), recall(theirs, kiosk="k2"))
    said = {"claims": theirs.claims} if claimed else {}
    assert commit(store, refusal(raw, theirs.topic, "undelivered", **said)) == [Fate.REFUSED]
    commit(store, withdrawal(theirs, seq=3, kiosk="k2"))
    assert reasons(store) == ["undelivered"]
    assert commit(store, withdrawal(theirs, kiosk="k1")) == [Fate.NOT_HELD]
    assert reasons(store) == [], "the test sees a withdrawal that may"


def test_a_kiosk_can_not_keep_another_kiosks_record_away(store):
    entry = sealed("k1")
    assert commit(store, withdrawal(entry, kiosk="k2"), recall(entry, kiosk="k2")) == [Fate.NOT_HELD] * 2
    assert commit(store, entry) == [Fate.STORED]
    assert store.sealed(entry.claims.record_id) == entry.raw


# -- Ended -------------------------------------------------------------------------------------------------------------


def test_what_has_ended_is_named_first_and_erased_then(place):
    short, long = sealed(seq=1, expires_at=AT + 10 * DAY), sealed(seq=2)
    with place.store() as store:
        commit(store, short, long)
        assert list(store.ended(AT + 9 * DAY)) == []
        assert [kept.record_id for kept in store.ended(AT + 11 * DAY)] == [short.claims.record_id]
    with place.keeper() as keeper:
        assert keeper.erase_ended(AT + 9 * DAY) == Erasure(0, 0)
        assert keeper.erase_ended(AT + 11 * DAY) == Erasure(1, 0)
        assert keeper.erase_ended(AT + 11 * DAY) == Erasure(0, 0)
    with place.store() as store:
        assert store.sealed(short.claims.record_id) is None
        assert store.sealed(long.claims.record_id) == long.raw
        (tombstone,) = store.tombstones()
        assert (tombstone.record_id, tombstone.because) == (short.claims.record_id, EXPIRED)
        assert (tombstone.issued_at, tombstone.arrived_at, tombstone.ends_at) == (AT - 5, AT, AT + 10 * DAY)
        assert [link.seq for link in store.chain("k1")] == [1, 2]
        assert commit(store, short, at=AT + 12 * DAY) == [Fate.EXPIRED]


def test_what_had_ended_before_it_came_is_not_kept(store):
    late = sealed(expires_at=AT)
    assert commit(store, late, late) == [Fate.EXPIRED, Fate.EXPIRED]
    assert store.sealed(late.claims.record_id) is None
    assert [tombstone.because for tombstone in store.tombstones()] == [EXPIRED]
    assert [link.seq for link in store.chain("k1")] == [1]


def test_a_record_of_a_kiosk_that_did_not_know_the_time_ends_counted_from_its_arrival(place):
    entry = sealed(issued_at=0, expires_at=30 * DAY)
    with place.store() as store:
        assert commit(store, entry) == [Fate.STORED]
        assert store.find(entry.claims.record_id).ends_at == AT + 30 * DAY


def test_no_clock_makes_a_record_that_never_ends(store):
    entry = sealed(issued_at=(1 << 53) - 9, expires_at=(1 << 53) - 1)
    assert commit(store, entry) == [Fate.STORED]
    assert store.find(entry.claims.record_id).ends_at == AT + 99_999 * DAY


def test_quarantine_ends_too_with_what_it_claims_or_after_ninety_days(place):
    named = sealed(expires_at=AT + 10 * DAY)
    with place.store() as store:
        commit(store, refusal(named.raw, named.topic, "revoked", claims=named.claims), refusal(b"nonsense"))
        assert [entry.ends_at for entry in store.quarantined()] == [AT + 10 * DAY, AT + 90 * DAY]
        commit(store, refusal(b"nonsense"), at=AT + 50 * DAY)
    with place.keeper() as keeper:
        assert keeper.erase_ended(AT + 91 * DAY) == Erasure(0, 1)
    with place.reader() as reader:
        assert reasons(reader) == ["malformed"]
    with place.keeper() as keeper:
        assert keeper.erase_ended(AT + 141 * DAY) == Erasure(0, 1)


def test_after_an_end_a_withdrawal_still_gets_its_answer(place):
    entry = sealed(expires_at=AT + DAY)
    with place.store() as store:
        commit(store, entry)
    with place.keeper() as keeper:
        keeper.erase_ended(AT + 3 * DAY)
    with place.store() as store:
        assert commit(store, withdrawal(entry), at=AT + 4 * DAY) == [Fate.ERASED]
        (tombstone,) = store.tombstones()
        assert (tombstone.because, tombstone.erased_at) == (EXPIRED, AT + 3 * DAY)


@pytest.mark.red_line(11)
@pytest.mark.parametrize("order", list(itertools.permutations(("it", "the same by another topic", "its withdrawal"))))
def test_what_is_taken_back_is_in_no_quarantine_whatever_came_with_it_in_one_batch(store, order):
    entry = sealed()
    by_another_topic = refusal(entry.raw, "homeward/1/coast/k9/records", "wrong-topic", claims=entry.claims)
    named = {"it": entry, "the same by another topic": by_another_topic, "its withdrawal": withdrawal(entry)}
    commit(store, *(named[name] for name in order))
    assert store.sealed(entry.claims.record_id) is None
    assert list(store.quarantined()) == []
