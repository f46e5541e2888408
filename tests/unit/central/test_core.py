import hashlib

import pytest

from central.intake.chain import examine
from central.intake.core import Arrival, Intake, answer, judge
from central.store.port import Fate, Heard, Reach, Refusal, Sealed
from central.store.sqlite_writer import open_store
from central.trust import Floor, LiveTrust
from edge_agent.errors import StoreError
from edge_agent.wire import receipts
from edge_agent.wire.receipts import Outcome
from edge_agent.wire.sealing import parse_record
from edge_agent.wire.topics import Channel
from tests.unit.central.world import NOW, Fleet, Kiosk


@pytest.fixture
def fleet():
    made = Fleet()
    made.add("k1")
    made.add("k2")
    return made


@pytest.fixture
def k1(fleet):
    return fleet.kiosks["k1"]


@pytest.fixture
def k2(fleet):
    return fleet.kiosks["k2"]


class Recorder:
    """A carrier that writes down what it was told, in order."""

    def __init__(self):
        self.deeds = []

    def publish(self, letters):
        self.deeds += [("published", letter) for letter in letters]

    def acknowledge(self, arrivals):
        self.deeds += [("acknowledged", arrival.handle) for arrival in arrivals]

    def letters(self):
        return [letter for deed, letter in self.deeds if deed == "published"]


class Workplace:
    def __init__(self, fleet, folder):
        self.fleet = fleet
        self.files = fleet.write_trust(folder / "trust")
        self.store = open_store(folder / "store.sqlite")
        self.carrier = Recorder()
        trust = LiveTrust(self.files, Floor(), adopted=lambda _: None, refused=lambda _: None)
        self.intake = Intake(self.store, trust, fleet.receipts, lambda: NOW, self.carrier)

    def take(self, *messages):
        """Take one batch in and settle it; return the receipts that it was answered with."""
        before = len(self.carrier.letters())
        self.intake.take([Arrival(topic, payload, number) for number, (topic, payload) in enumerate(messages)])
        self.intake.settle()
        return [self.read(letter) for letter in self.carrier.letters()[before:]]

    def read(self, letter):
        receipt = receipts.trust(letter.payload, self.fleet.trusted_bundle())
        assert letter.topic == f"homeward/1/coast/{receipt.kiosk}/{Channel.RECEIPTS}"
        return receipt

    def take_one(self, topic, payload):
        """Take one message in and settle it; return what its receipt says."""
        (receipt,) = self.take((topic, payload))
        (entry,) = receipt.entries
        return entry


@pytest.fixture
def work(fleet, tmp_path):
    workplace = Workplace(fleet, tmp_path)
    yield workplace
    workplace.store.close()


# -- Records -----------------------------------------------------------------------------------------------------------


def test_a_record_is_stored_and_its_kiosk_gets_a_receipt_for_exactly_these_bytes(work, k1):
    raw = k1.next()
    receipt = work.take_one(k1.topic(), raw)
    (kept,) = work.store.records()
    assert work.store.sealed(kept.record_id) == raw
    assert (receipt.outcome, receipt.record_id) == (Outcome.STORED, kept.record_id)
    assert receipt.sha256 == hashlib.sha256(raw).digest()
    (letter,) = work.carrier.letters()
    assert letter.topic == k1.topic(Channel.RECEIPTS)
    assert work.read(letter).at == NOW


def test_a_batch_is_answered_by_one_receipt_for_each_kiosk(work, k1, k2):
    batch = [(k1.topic(), k1.next()), (k2.topic(), k2.next()), (k1.topic(), k1.next()), (k1.topic(), b"nonsense")]
    answered = {receipt.kiosk: receipt for receipt in work.take(*batch)}
    assert list(answered) == ["k1", "k2"]
    hashes = [hashlib.sha256(payload).digest() for _, payload in batch]
    assert [entry.sha256 for entry in answered["k1"].entries] == [hashes[0], hashes[2]]
    assert [entry.sha256 for entry in answered["k2"].entries] == [hashes[1]]


def test_more_records_than_one_receipt_holds_are_answered_by_several(k1, fleet):
    registry = fleet.registry()
    entries = [judge(k1.topic(), k1.next(), registry) for _ in range(receipts.MAX_ENTRIES + 1)]
    answers = answer(((entry, Fate.STORED) for entry in entries), NOW)
    assert [len(receipt.entries) for receipt in answers] == [receipts.MAX_ENTRIES, 1]
    assert [word.record_id for receipt in answers for word in receipt.entries] == [
        entry.claims.record_id for entry in entries
    ]


@pytest.mark.red_line(11)
def test_a_withdrawal_is_a_record_of_its_kiosks_chain_and_its_receipt_says_what_was_erased(work, k1):
    record = k1.next()
    work.take((k1.topic(), record))
    (receipt,) = work.take((k1.topic(), k1.take_back()))
    own, taken_back = receipt.entries
    assert (own.outcome, own.reason) == (Outcome.STORED, None)
    assert (taken_back.outcome, taken_back.reason) == (Outcome.ERASED, receipts.WITHDRAWN)
    assert taken_back.sha256 == hashlib.sha256(record).digest()
    assert [link.seq for link in work.store.chain("k1")] == [1, 2]
    assert examine(work.store.chain("k1"), {k1.epoch: 2}) == []


@pytest.mark.red_line(11)
def test_a_record_that_comes_after_its_withdrawal_is_not_kept_and_its_kiosk_may_let_go(work, k1):
    record, taken_back = k1.next(), k1.take_back()
    (receipt,) = work.take((k1.topic(), taken_back))
    assert [entry.outcome for entry in receipt.entries] == [Outcome.STORED, Outcome.NOT_HELD]
    assert examine(work.store.chain("k1"), {k1.epoch: 2}) == []
    late = work.take_one(k1.topic(), record)
    assert (late.outcome, late.reason, late.lets_go) == (Outcome.ERASED, receipts.WITHDRAWN, True)
    assert [kept.withdraws for kept in work.store.records()] == [parse_record(record).claims.record_id]
    assert examine(work.store.chain("k1"), {k1.epoch: 2}) == []


def test_a_record_that_has_ended_on_its_way_is_not_kept_and_says_so(work, k1):
    receipt = work.take_one(k1.topic(), k1.next(issued_at=NOW - 10, expires_at=NOW - 1))
    assert (receipt.outcome, receipt.reason, receipt.lets_go) == (Outcome.ERASED, receipts.EXPIRED, True)
    assert list(work.store.records()) == []


def test_a_withdrawal_that_another_kiosk_signed_is_refused(work, k1, k2):
    k1.next()
    forged = Kiosk("k1", k1.recipients, signer=k2.signer)
    assert work.take_one(k1.topic(), forged.take_back(k1.last)).reason == "wrong-signer"


def test_a_record_that_comes_again_is_a_duplicate_and_stays_one(work, k1):
    raw = k1.next()
    outcomes = [work.take_one(k1.topic(), raw).outcome for _ in range(3)]
    assert outcomes == [Outcome.STORED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert len(list(work.store.records())) == 1


def test_the_same_record_twice_in_one_batch_is_stored_once(work, k1):
    raw = k1.next()
    (receipt,) = work.take((k1.topic(), raw), (k1.topic(), raw))
    assert [entry.outcome for entry in receipt.entries] == [Outcome.STORED, Outcome.DUPLICATE]


def test_other_bytes_under_a_record_id_that_is_taken_go_to_quarantine(work, k1):
    record_id = b"r" * 16
    first = k1.next(record_id=record_id)
    work.take((k1.topic(), first))
    receipt = work.take_one(k1.topic(), k1.next(record_id=record_id))
    assert (receipt.outcome, receipt.reason, receipt.lets_go) == (Outcome.QUARANTINED, "replay", False)
    assert work.store.sealed(record_id) == first


def test_other_bytes_for_a_place_in_the_chain_that_is_taken_go_to_quarantine(work, k1):
    first, second = k1.seal(), k1.seal()
    (receipt,) = work.take((k1.topic(), first), (k1.topic(), second))
    said = [(entry.outcome, entry.reason) for entry in receipt.entries]
    assert said == [(Outcome.STORED, None), (Outcome.QUARANTINED, "replay")]
    (entry,) = work.store.quarantined()
    assert work.store.quarantined_bytes(entry.number) == second


def test_a_record_that_was_altered_is_kept_in_quarantine_with_the_reason(work, k1):
    raw = bytearray(k1.next())
    raw[-1] ^= 1
    receipt = work.take_one(k1.topic(), bytes(raw))
    (entry,) = work.store.quarantined()
    assert (receipt.outcome, receipt.reason) == (Outcome.QUARANTINED, "bad-signature")
    assert (entry.reason, entry.topic, entry.sha256) == ("bad-signature", k1.topic(), hashlib.sha256(raw).digest())
    assert work.store.quarantined_bytes(entry.number) == bytes(raw)
    assert not list(work.store.records())


def test_a_record_by_another_kiosks_topic_is_answered_to_who_sent_it_and_not_to_whose_it_is(work, k1, k2):
    (receipt,) = work.take((k2.topic(), k1.next()))
    assert (receipt.kiosk, receipt.entries[0].reason) == ("k2", "wrong-topic")
    assert work.carrier.letters()[0].topic == k2.topic(Channel.RECEIPTS)


def test_a_record_signed_by_another_kiosk_than_it_names_is_refused(work, k1, k2):
    forged = Kiosk("k1", k1.recipients, signer=k2.signer)
    assert work.take_one(k1.topic(), forged.next()).reason == "wrong-signer"


def test_a_stranger_is_refused_and_welcome_once_registered(work, fleet, k1):
    stranger = Kiosk("k3", k1.recipients)
    raw = stranger.next()
    assert work.take_one(stranger.topic(), raw).reason == "unknown-signer"
    fleet.kiosks["k3"] = stranger
    fleet.write_registry(work.files)
    assert work.take_one(stranger.topic(), raw).outcome is Outcome.STORED
    assert not list(work.store.quarantined())


def test_a_revoked_kiosk_is_refused_without_a_restart(work, fleet, k1):
    work.take((k1.topic(), k1.next()))
    fleet.revoked.add("k1")
    fleet.write_registry(work.files)
    receipt = work.take_one(k1.topic(), k1.next())
    assert (receipt.outcome, receipt.reason) == (Outcome.QUARANTINED, "revoked")


def test_what_a_revoked_kiosk_had_sent_before_is_still_a_duplicate(work, fleet, k1):
    raw = k1.next()
    work.take((k1.topic(), raw))
    fleet.revoked.add("k1")
    fleet.write_registry(work.files)
    assert work.take_one(k1.topic(), raw).outcome is Outcome.DUPLICATE
    assert not list(work.store.quarantined())


def test_bytes_that_are_no_record_are_kept_and_nobody_is_answered(work, k1):
    assert work.take((k1.topic(), b"nonsense"), (k1.topic(), b"")) == []
    assert [entry.reason for entry in work.store.quarantined()] == ["malformed", "malformed"]
    assert [handle for deed, handle in work.carrier.deeds if deed == "acknowledged"] == [0, 1]


def test_what_comes_again_and_again_does_not_grow_the_quarantine(work, k1):
    for _ in range(3):
        work.take((k1.topic(), b"nonsense"), (k1.topic(), b"nonsense"))
    (entry,) = work.store.quarantined()
    assert entry.arrivals == 6


@pytest.mark.parametrize(
    "topic",
    [
        "homeward/1/elsewhere/k1/records",
        "homeward/1/coast/k1/orders",
        "homeward/1/coast/k.*/records",
        "homeward/2/coast/k1/records",
        "",
        "a/b",
    ],
)
def test_messages_by_topics_that_are_not_ours_are_kept_in_quarantine(work, k1, topic):
    assert work.take((topic, k1.next())) == []
    assert len(list(work.store.quarantined())) == 1


ASTRAY = ["homeward/1/elsewhere/k1/records", "homeward/1/coast/k1/status", "homeward/1/coast/k1/orders", "a/b"]


@pytest.mark.red_line(11)
@pytest.mark.parametrize("topic", ASTRAY)
def test_what_was_taken_back_is_not_kept_by_whatever_topic_it_comes_and_nobody_is_answered_there(work, k1, topic):
    record = k1.next()
    work.take((k1.topic(), record), (k1.topic(), k1.take_back()))
    assert work.take((topic, record)) == []
    assert list(work.store.quarantined()) == []


@pytest.mark.red_line(11)
def test_another_copy_of_what_was_taken_back_is_not_kept_and_its_kiosk_may_let_go(work, k1):
    record = k1.next()
    record_id = parse_record(record).claims.record_id
    work.take((k1.topic(), record), (k1.topic(), k1.take_back()))
    copy = work.take_one(k1.topic(), k1.next(record_id=record_id))
    assert (copy.outcome, copy.reason, copy.lets_go) == (Outcome.ERASED, receipts.WITHDRAWN, True)
    altered = record[:-1] + bytes([record[-1] ^ 1])
    assert work.take_one(k1.topic(), altered).outcome is Outcome.ERASED
    assert list(work.store.quarantined()) == []


@pytest.mark.red_line(14)
def test_another_kiosks_record_under_an_id_that_was_taken_back_is_kept_as_evidence(work, k1, k2):
    record_id = parse_record(record := k1.next()).claims.record_id
    work.take((k1.topic(), record), (k1.topic(), k1.take_back()))
    theirs = work.take_one(k2.topic(), k2.next(record_id=record_id))
    assert (theirs.outcome, theirs.reason, theirs.lets_go) == (Outcome.QUARANTINED, "replay", False)
    assert len(list(work.store.quarantined())) == 1


@pytest.mark.red_line(11)
def test_what_was_taken_back_is_not_kept_when_the_broker_gives_it_up_either(work, k1):
    record = k1.next()
    work.take((k1.topic(), record), (k1.topic(), k1.take_back()))
    work.intake.take([Arrival(k1.topic(), record, 9, given_up=True)])
    work.intake.settle()
    assert list(work.store.quarantined()) == []


@pytest.mark.red_line(10)
def test_two_reports_of_one_person_stay_two_records(work, k1, k2):
    same = b"\x43abc"
    work.take((k1.topic(), k1.next(same)), (k1.topic(), k1.next(same)), (k2.topic(), k2.next(same)))
    assert len(list(work.store.records())) == 3


@pytest.mark.red_line(7)
def test_nothing_that_was_sealed_is_legible_in_the_store(work, k1, tmp_path):
    work.take((k1.topic(), k1.next(b"\x58\x20" + b"a face, a name, a place, a time!")))
    work.store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"a face, a name" not in written
    assert b"k1" in written


# -- The order ---------------------------------------------------------------------------------------------------------


def test_receipts_go_out_before_anything_is_acknowledged(work, k1):
    work.take(*[(k1.topic(), k1.next()) for _ in range(3)])
    assert [deed for deed, _ in work.carrier.deeds] == ["published"] + ["acknowledged"] * 3


def test_a_batch_is_answered_while_the_next_is_on_its_way_to_the_disk(work, k1):
    work.intake.take([Arrival(k1.topic(), k1.next(), "first")])
    assert work.carrier.deeds == []
    work.intake.take([Arrival(k1.topic(), k1.next(), "second")])
    assert [what for deed, what in work.carrier.deeds if deed == "acknowledged"] == ["first"]
    work.intake.settle()
    assert [what for deed, what in work.carrier.deeds if deed == "acknowledged"] == ["first", "second"]
    assert not work.intake.unsettled


def test_what_the_store_can_not_keep_is_neither_answered_nor_acknowledged(work, k1, tmp_path):
    work.store.close()
    with pytest.raises(StoreError):
        work.take((k1.topic(), k1.next()))
    assert work.carrier.deeds == []


# -- Status ------------------------------------------------------------------------------------------------------------


def test_a_status_with_verified_health_says_how_far_the_chain_has_come(work, fleet, k1):
    heard = judge(k1.topic(Channel.STATUS), k1.status(health=k1.health(highest_seq=7)), fleet.registry())
    assert isinstance(heard, Heard)
    assert (heard.kiosk, heard.online, heard.reach, heard.doubt) == ("k1", True, Reach(k1.epoch, 7), None)


def test_the_latest_status_is_kept_and_nobody_is_answered(work, k1):
    first, second = k1.status(health=k1.health()), k1.status(online=False)
    assert work.take((k1.topic(Channel.STATUS), first), (k1.topic(Channel.STATUS), second)) == []
    (kept,) = work.store.statuses()
    assert (kept.kiosk, kept.online, kept.message, kept.at) == ("k1", False, second, NOW)


def test_health_that_another_kiosk_signed_is_doubted_and_vouches_for_nothing(work, k1, k2):
    work.take((k1.topic(Channel.STATUS), k1.status(health=k2.health(highest_seq=99))))
    (kept,) = work.store.statuses()
    assert kept.doubt == "wrong-topic"
    assert work.store.reach("k1") == work.store.reach("k2") == {}


def test_a_status_by_another_kiosks_topic_goes_to_quarantine(work, k1, k2):
    work.take((k2.topic(Channel.STATUS), k1.status()))
    assert [entry.reason for entry in work.store.quarantined()] == ["wrong-topic"]
    assert work.store.statuses() == []


def test_a_record_by_the_status_topic_is_no_status(fleet, k1):
    refused = judge(k1.topic(Channel.STATUS), k1.next(), fleet.registry())
    assert isinstance(refused, Refusal)
    assert answer([(refused, Fate.REFUSED)], NOW) == [], "nobody waits there for a word about it"


def test_judging_a_sound_record_gives_its_claims(fleet, k1):
    sealed = judge(k1.topic(), k1.next(), fleet.registry())
    assert isinstance(sealed, Sealed)
    assert (sealed.claims.kiosk, sealed.claims.seq) == ("k1", 1)


def test_every_fate_is_counted(work, k1):
    work.intake.take([Arrival(k1.topic(), k1.next(), 0), Arrival(k1.topic(), b"", 1)])
    assert work.intake.settle() == {Fate.STORED: 1, Fate.REFUSED: 1}
    assert work.intake.settle() == {}
