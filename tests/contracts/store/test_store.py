import pytest

from central.store.port import Fate, Heard, Kept, Link, Reach
from edge_agent.errors import StoreError
from edge_agent.wire.fields import FIRST_IN_CHAIN
from tests.contracts.store.entries import AT, END, EPOCH, commit, recall, refusal, sealed


def numbers(store):
    return [entry.number for entry in store.quarantined()]


# -- Records -----------------------------------------------------------------------------------------------------------


def test_a_record_is_found_again_after_a_restart(place):
    entry = sealed()
    with place.store() as store:
        assert commit(store, entry) == [Fate.STORED]
    with place.store() as store:
        assert store.sealed(entry.claims.record_id) == entry.raw
        assert list(store.records()) == [
            Kept(entry.claims.record_id, "k1", AT - 5, AT, entry.sha256, len(entry.raw), END)
        ]


def test_a_record_that_was_never_stored_is_not_found(store):
    assert store.sealed(bytes(16)) is None


def test_the_same_record_again_is_a_duplicate_in_its_batch_and_after(store):
    entry = sealed()
    assert commit(store, entry, entry) == [Fate.STORED, Fate.DUPLICATE]
    assert commit(store, entry) == [Fate.DUPLICATE]
    assert len(list(store.records())) == 1


def test_a_record_id_belongs_to_its_bytes(store):
    first = sealed(seq=1)
    second = sealed(seq=2, record_id=first.claims.record_id)
    assert commit(store, first, second) == [Fate.STORED, Fate.REPLAYED]
    assert store.sealed(first.claims.record_id) == first.raw
    assert [entry.reason for entry in store.quarantined()] == ["replay"]


def test_a_place_in_the_chain_belongs_to_its_bytes(store):
    first, second = sealed(seq=4), sealed(seq=4)
    assert commit(store, first) == [Fate.STORED]
    assert commit(store, second) == [Fate.REPLAYED]
    assert store.sealed(second.claims.record_id) is None
    assert store.quarantined_bytes(numbers(store)[0]) == second.raw


def test_each_kiosk_and_each_epoch_counts_for_itself(store):
    entries = [sealed("k1", 1), sealed("k2", 1), sealed("k1", 1, epoch=b"f" * 16)]
    assert commit(store, *entries) == [Fate.STORED] * 3


def test_fates_come_in_the_order_of_the_entries(store):
    known = sealed(seq=1)
    commit(store, known)
    entries = [refusal(), known, sealed(seq=2), Heard("k1", True, b"m"), sealed(seq=2)]
    assert commit(store, *entries) == [Fate.REFUSED, Fate.DUPLICATE, Fate.STORED, Fate.HEARD, Fate.REPLAYED]


def test_new_reports_and_statuses_in_one_batch_each_have_their_fate(store):
    entries = [sealed(seq=1), Heard("k1", True, b"m", Reach(EPOCH, 2)), sealed(seq=2)]
    assert commit(store, *entries) == [Fate.STORED, Fate.HEARD, Fate.STORED]
    assert commit(store, *entries) == [Fate.DUPLICATE, Fate.HEARD, Fate.DUPLICATE]
    assert [store.sealed(entry.claims.record_id) for entry in (entries[0], entries[2])] == [
        entries[0].raw,
        entries[2].raw,
    ]
    assert store.reach("k1") == {EPOCH: 2}


def test_a_known_report_among_new_ones_keeps_none_of_them_out(store):
    entries = [sealed(seq=seq) for seq in (1, 2, 3)]
    commit(store, entries[1])
    assert commit(store, *entries) == [Fate.STORED, Fate.DUPLICATE, Fate.STORED]
    assert {kept.record_id for kept in store.records()} == {entry.claims.record_id for entry in entries}


def test_records_come_in_the_order_of_their_arrival(store):
    entries = [sealed(seq=seq) for seq in (3, 1, 2)]
    commit(store, *entries)
    assert [kept.record_id for kept in store.records()] == [entry.claims.record_id for entry in entries]


def test_an_empty_batch_is_fine(store):
    assert commit(store) == []


def test_one_commit_may_follow_the_other_before_anybody_asks_for_results(store):
    futures = [store.commit([sealed(seq=seq)], AT) for seq in range(1, 6)]
    assert [future.result() for future in futures] == [[Fate.STORED]] * 5
    assert len(list(store.records())) == 5


@pytest.mark.parametrize("number", [1, (1 << 63) - 1])
def test_numbers_are_kept_up_to_the_largest(store, number):
    commit(store, sealed(seq=number))
    assert [link.seq for link in store.chain("k1")] == [number]


def test_a_batch_that_can_not_be_kept_leaves_nothing(place):
    with place.store() as store:
        broken = sealed(seq=2, raw=b"x")
        object.__setattr__(broken.claims, "epoch", None)  # what no store takes
        with pytest.raises(StoreError):
            commit(store, sealed(seq=1), broken)
        assert list(store.records()) == []
        assert commit(store, sealed(seq=1)) == [Fate.STORED]


# -- Quarantine --------------------------------------------------------------------------------------------------------


def test_what_is_refused_is_kept_with_all_that_is_known_of_it(place):
    entry = refusal(b"some bytes", "a/topic", "bad-signature")
    with place.store() as store:
        assert commit(store, entry) == [Fate.REFUSED]
    with place.reader() as reader:
        (kept,) = reader.quarantined()
        assert (kept.topic, kept.sha256, kept.reason, kept.explanation) == (
            "a/topic",
            entry.sha256,
            "bad-signature",
            "in words",
        )
        assert (kept.first_at, kept.last_at, kept.arrivals, kept.size) == (AT, AT, 1, 10)
        assert reader.quarantined_bytes(kept.number) == b"some bytes"


def test_the_same_bytes_by_the_same_topic_are_one_entry_with_the_latest_reason(store):
    commit(store, refusal(reason="unknown-signer"))
    commit(store, refusal(reason="revoked"), refusal(reason="revoked"), at=AT + 9)
    (kept,) = store.quarantined()
    assert (kept.reason, kept.first_at, kept.last_at, kept.arrivals) == ("revoked", AT, AT + 9, 3)


def test_the_same_bytes_by_another_topic_are_another_entry(store):
    commit(store, refusal(topic="a"), refusal(topic="b"))
    assert [entry.topic for entry in store.quarantined()] == ["a", "b"]


def test_quarantine_ends_when_the_bytes_are_stored_after_all(store):
    entry = sealed()
    commit(store, refusal(entry.raw, entry.topic), refusal(entry.raw, "elsewhere"))
    assert commit(store, entry) == [Fate.STORED]
    assert [kept.topic for kept in store.quarantined()] == ["elsewhere"]


def test_what_is_only_acceptable_when_held_is_a_duplicate_when_it_is(store):
    entry = sealed()
    late = refusal(entry.raw, entry.topic, "revoked", claims=entry.claims, duplicate_if_held=True)
    assert commit(store, late) == [Fate.REFUSED]
    assert commit(store, entry, late) == [Fate.STORED, Fate.DUPLICATE]
    assert numbers(store) == []


def test_other_bytes_under_a_held_id_are_no_duplicate(store):
    entry = sealed()
    late = refusal(b"other", entry.topic, "revoked", claims=entry.claims, duplicate_if_held=True)
    assert commit(store, entry, late) == [Fate.STORED, Fate.REFUSED]


def test_a_number_that_is_not_in_quarantine_has_no_bytes(store):
    assert store.quarantined_bytes(1) is None


# -- Kiosks ------------------------------------------------------------------------------------------------------------


def test_a_chain_is_given_link_by_link(store):
    first = sealed(seq=1)
    second = sealed(seq=2, previous=first.sha256)
    commit(store, first, second, sealed("k2"))
    assert store.chain("k1") == [
        Link(EPOCH, 1, FIRST_IN_CHAIN, first.sha256),
        Link(EPOCH, 2, first.sha256, second.sha256),
    ]


def test_how_far_a_kiosk_has_come_never_goes_back(store):
    for seq in (3, 5, 4):
        commit(store, Heard("k1", True, b"m", Reach(EPOCH, seq)))
    commit(store, Heard("k1", True, b"m", Reach(b"f" * 16, 1)))
    assert store.reach("k1") == {EPOCH: 5, b"f" * 16: 1}
    assert store.reach("k2") == {}


def test_the_latest_status_of_each_kiosk_is_kept(store):
    commit(store, Heard("k2", True, b"old", Reach(EPOCH, 3)), Heard("k1", True, b"one"))
    commit(store, Heard("k2", False, b"will", doubt="bad-signature"), at=AT + 1)
    one, two = store.statuses()
    assert (one.kiosk, one.online, one.message, one.at, one.doubt) == ("k1", True, b"one", AT, None)
    assert (two.kiosk, two.online, two.message, two.at, two.doubt) == ("k2", False, b"will", AT + 1, "bad-signature")
    assert store.reach("k2") == {EPOCH: 3}


def test_every_kiosk_with_a_record_or_a_verified_health_is_named(store):
    commit(store, sealed("k3"), Heard("k1", True, b"m", Reach(EPOCH, 1)), Heard("k2", True, b"m"))
    assert store.kiosks() == ["k1", "k3"]


# -- Floors ------------------------------------------------------------------------------------------------------------


def test_a_floor_rises_never_sinks_and_outlives_a_restart(place):
    with place.store() as store:
        assert store.floor("bundle") == 1
        store.raise_floor("bundle", 7)
        store.raise_floor("bundle", 3)
    with place.store() as store:
        assert (store.floor("bundle"), store.floor("registry")) == (7, 1)


# -- Opening -----------------------------------------------------------------------------------------------------------


def test_a_reader_sees_what_was_committed_while_the_writer_goes_on(place):
    with place.store() as store, place.reader() as reader:
        commit(store, sealed(seq=1))
        assert len(list(reader.records())) == 1
        commit(store, sealed(seq=2))
        assert len(list(reader.records())) == 2


def test_there_is_nothing_to_read_where_no_store_is(place):
    with pytest.raises(StoreError, match="no store"):
        place.nothing()


def test_closing_twice_is_fine(place):
    store = place.store()
    store.close()
    store.close()
    with pytest.raises(StoreError):
        commit(store, sealed())


# -- What the roll is counted from -------------------------------------------------------------------------------------


def test_the_epochs_of_a_chain_are_named_whatever_is_known_of_them(store):
    came, heard, recalled = b"c" * 16, b"h" * 16, b"r" * 16
    assert store.epochs("k1") == []
    commit(store, sealed(seq=1, epoch=came), sealed(seq=2, epoch=came), sealed("k2", 1, epoch=b"2" * 16))
    commit(store, Heard("k1", True, b"status", Reach(heard, 3)), recall(sealed(seq=1, epoch=recalled)))
    assert store.epochs("k1") == [came, heard, recalled]


def test_the_numbers_that_are_accounted_for_are_given_in_order_and_between_two_of_them(store):
    entries = {seq: sealed(seq=seq) for seq in (4, 1, 2, 7, 6)}
    commit(store, *(entries[seq] for seq in (4, 1, 2, 7)), sealed(seq=3, epoch=b"f" * 16))
    commit(store, recall(entries[1]), recall(entries[6]))
    assert store.numbers("k1", EPOCH, 1) == [1, 2, 4, 6, 7]
    assert store.numbers("k1", EPOCH, 2, 6) == [2, 4, 6]
    assert store.numbers("k1", EPOCH, 8) == []
    assert store.numbers("k2", EPOCH, 1) == []
