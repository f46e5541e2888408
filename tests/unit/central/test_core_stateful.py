"""Random traffic against the whole core, with crashes wherever it could be caught between two steps.

The broker here does what a broker promises: it brings every message at least once, in order, until it is acknowledged.
The model is a few lines of dictionaries. The store is the real one, read back through a second connection.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from central.intake.core import Arrival, Intake
from central.store.port import Tombstone
from central.store.sqlite import open_reader, open_store
from central.trust import Floor, LiveTrust
from edge_agent.errors import WireError
from edge_agent.wire import receipts, records
from edge_agent.wire.receipts import Outcome
from edge_agent.wire.topics import Channel
from edge_agent.wire.withdrawal import Withdrawal, Withdrawn
from tests.unit.central.world import NOW, Fleet, Kiosk

NAMES = ("k1", "k2")


class CrashError(Exception):
    """The power goes."""


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    sound: bool  # by its own kiosk, by its own topic, unaltered

    @property
    def sha256(self):
        return hashlib.sha256(self.payload).digest()

    @property
    def claims(self):
        """What it says of itself, None when it has no such form."""
        try:
            return records.parse(self.payload).claims
        except WireError:
            return None


class Model:
    """What must be where."""

    def __init__(self):
        self.stored = {}  # record id -> message
        self.taken = {}  # record id -> message, also of what was erased
        self.places = {}  # kiosk, epoch, seq -> message
        self.recalled = set()  # kiosk and how a withdrawal named it, before it came
        self.erased = set()  # sha256
        self.quarantine = set()  # sha256, topic

    def take(self, message, revoked):
        claims = message.claims
        if message.sha256 in self.erased or (claims and (claims.kiosk, named(message)) in self.recalled):
            self.come_late(message, revoked)
        elif not message.sound:
            self.refuse(message)
        elif self.taken.get(claims.record_id) == message:
            if isinstance(claims, Withdrawal) and claims.kiosk not in revoked and self.may_take_back(claims):
                self.take_back(claims)  # the same answer
        elif claims.kiosk in revoked or self.is_taken(claims) or not self.may_take_back(claims):
            self.refuse(message)
        else:
            self.keep(message)
            if isinstance(claims, Withdrawal):
                self.take_back(claims)

    def come_late(self, message, revoked):
        """What was taken back is kept nowhere; its place is taken once it is known to be its kiosk's."""
        claims = message.claims
        if message.sound and claims.kiosk not in revoked and message.sha256 not in self.erased:
            if self.is_taken(claims):
                self.refuse(message)
                return
            self.keep(message)
            del self.stored[claims.record_id]
            self.erased.add(message.sha256)

    def is_taken(self, claims):
        return claims.record_id in self.taken or (claims.kiosk, claims.epoch, claims.seq) in self.places

    def may_take_back(self, claims):
        if not isinstance(claims, Withdrawal):
            return True
        target = self.taken.get(claims.withdraws.record_id)
        if claims.withdraws.record_id == claims.record_id:
            return False
        if target is None:
            return True
        right = target.claims.kiosk == claims.kiosk and named(target) == claims.withdraws
        return right and not isinstance(target.claims, Withdrawal)

    def keep(self, message):
        claims = message.claims
        self.stored[claims.record_id] = self.taken[claims.record_id] = message
        self.places[claims.kiosk, claims.epoch, claims.seq] = message
        self.quarantine.discard((message.sha256, message.topic))

    def take_back(self, claims):
        target = claims.withdraws
        if target.record_id in self.taken:
            self.stored.pop(target.record_id, None)
            self.erased.add(target.sha256)
        else:
            self.recalled.add((claims.kiosk, target))
        self.quarantine = {entry for entry in self.quarantine if entry[0] != target.sha256}

    def refuse(self, message):
        self.quarantine.add((message.sha256, message.topic))


def named(message):
    claims = message.claims
    return Withdrawn(record_id=claims.record_id, sha256=message.sha256, epoch=claims.epoch, seq=claims.seq)


class Broker:
    """Brings what was not acknowledged; checks that nothing is answered or acknowledged before it is on disk."""

    def __init__(self, path, bundle):
        self.queue = {}  # number -> message, in order
        self.in_hand = set()
        self.count = 0
        self.path = path
        self.bundle = bundle
        self.receipted = {}  # record id -> sha256, of records that are kept
        self.crash_in = None

    def send(self, message):
        self.queue[self.count] = message
        self.count += 1

    def bring(self, most):
        numbers = [number for number in self.queue if number not in self.in_hand][:most]
        self.in_hand.update(numbers)
        return [Arrival(self.queue[n].topic, self.queue[n].payload, n) for n in numbers]

    def publish(self, letters):
        with open_reader(self.path) as disk:
            for number, letter in enumerate(letters):
                if self.crash_in == "publish" and number == len(letters) // 2:
                    raise CrashError
                receipt = receipts.trust(letter.payload, self.bundle)
                assert letter.topic == f"homeward/1/coast/{receipt.kiosk}/{Channel.RECEIPTS}"
                for entry in receipt.entries:
                    self.believe(disk, entry)

    def believe(self, disk, entry):
        kept = disk.sealed(entry.record_id)
        same = kept is not None and hashlib.sha256(kept).digest() == entry.sha256
        match entry.outcome:
            case Outcome.STORED | Outcome.DUPLICATE:
                # the record may have been taken back in the same batch, after it came
                assert same or isinstance(disk.find(entry.record_id), Tombstone)
                self.receipted[entry.record_id] = entry.sha256
            case Outcome.ERASED | Outcome.NOT_HELD:
                assert not same
            case Outcome.QUARANTINED:
                # or it was taken back in the same batch, after it came
                here = {quarantined.sha256 for quarantined in disk.quarantined()}
                assert entry.sha256 in here | {link.sha256 for name in NAMES for link in disk.chain(name)}

    def acknowledge(self, arrivals):
        with open_reader(self.path) as disk:
            here = {kept.sha256 for kept in disk.records()} | {entry.sha256 for entry in disk.quarantined()}
            gone = {link.sha256 for name in NAMES for link in disk.chain(name)}
        for number, arrival in enumerate(arrivals):
            if self.crash_in == "acknowledge" and number == len(arrivals) // 2:
                raise CrashError
            assert hashlib.sha256(arrival.payload).digest() in here | gone
            del self.queue[arrival.handle]
            self.in_hand.discard(arrival.handle)


class IntakeMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.fleet = Fleet()
        self.kiosks = {name: self.fleet.add(name) for name in NAMES}
        self.stranger = Kiosk("k1", self.kiosks["k1"].recipients)
        self.files = self.fleet.write_trust(self.folder / "trust")
        self.model = Model()
        self.broker = Broker(self.folder / "store", self.fleet.trusted_bundle())
        self.sent = []
        self.revoked_in_force = set()
        self.start()

    def start(self):
        self.store = open_store(self.folder / "store")
        trust = LiveTrust(self.files, Floor(), adopted=lambda _: None, refused=self.fail)
        self.intake = Intake(self.store, trust, self.fleet.receipts, lambda: NOW, self.broker)

    def fail(self, fault):
        raise AssertionError(fault)

    def restart(self):
        """Begin anew: what was not acknowledged comes again."""
        self.store.close()
        self.broker.in_hand.clear()
        self.broker.crash_in = None
        self.start()

    def send(self, topic, payload, *, sound):
        message = Message(topic, payload, sound)
        self.sent.append(message)
        self.broker.send(message)

    # -- What may arrive -----------------------------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), count=st.integers(1, 4))
    def records(self, name, count):
        kiosk = self.kiosks[name]
        for _ in range(count):
            self.send(kiosk.topic(), kiosk.next(), sound=True)

    @precondition(lambda self: any(message.sound for message in self.sent))
    @rule(name=st.sampled_from(NAMES), data=st.data())
    def a_withdrawal_of_what_was_sent(self, name, data):
        taken_back = data.draw(st.sampled_from([message for message in self.sent if message.sound]))
        kiosk = self.kiosks[name]
        self.send(kiosk.topic(), kiosk.take_back(named(taken_back)), sound=True)

    @rule(name=st.sampled_from(NAMES))
    def a_record_that_its_withdrawal_overtakes(self, name):
        kiosk = self.kiosks[name]
        record = kiosk.next()
        self.send(kiosk.topic(), kiosk.take_back(), sound=True)
        self.send(kiosk.topic(), record, sound=True)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def the_same_again(self, data):
        self.broker.send(data.draw(st.sampled_from(self.sent)))

    @rule(name=st.sampled_from(NAMES))
    def two_records_for_one_place(self, name):
        kiosk = self.kiosks[name]
        self.send(kiosk.topic(), kiosk.seal(), sound=True)
        self.send(kiosk.topic(), kiosk.next(), sound=True)

    @precondition(lambda self: any(message.sound for message in self.sent))
    @rule(name=st.sampled_from(NAMES), data=st.data())
    def another_record_under_the_same_id(self, name, data):
        taken = data.draw(st.sampled_from([message for message in self.sent if message.sound]))
        kiosk = self.kiosks[name]
        record_id = taken.claims.record_id
        self.send(kiosk.topic(), kiosk.next(record_id=record_id), sound=True)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def an_altered_one(self, data):
        raw = bytearray(data.draw(st.sampled_from(self.sent)).payload or b"?")
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        altered = bytes(raw)
        if altered not in {message.payload for message in self.sent}:
            self.send(self.kiosks["k1"].topic(), altered, sound=False)

    @rule()
    def a_strangers(self):
        self.send(self.stranger.topic(), self.stranger.next(), sound=False)

    @rule()
    def one_by_another_kiosks_topic(self):
        self.send(self.kiosks["k2"].topic(), self.kiosks["k1"].next(), sound=False)

    @rule(payload=st.binary(max_size=40))
    def nonsense(self, payload):
        self.send(self.kiosks["k1"].topic(), payload, sound=False)

    # -- What may happen -----------------------------------------------------------------------------------------------

    @rule(most=st.integers(1, 8))
    def a_batch_is_taken(self, most):
        self.take(most)

    @rule()
    def a_quiet_moment(self):
        self.intake.settle()

    @rule(most=st.integers(1, 8), where=st.sampled_from(["publish", "acknowledge"]))
    def the_power_goes(self, most, where):
        self.broker.crash_in = where
        try:
            self.take(most)
            self.intake.settle()
        except CrashError:
            pass
        self.restart()

    @rule(name=st.sampled_from(NAMES))
    def a_kiosk_is_revoked_or_taken_back(self, name):
        self.fleet.revoked ^= {name}
        self.fleet.write_registry(self.files)

    def take(self, most):
        batch = self.broker.bring(most)
        for arrival in batch:
            self.model.take(self.broker.queue[arrival.handle], self.fleet.revoked)
        if batch:
            self.intake.take(batch)

    # -- What must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def everything_is_in_its_one_place(self):
        if not hasattr(self, "store") or self.intake.unsettled:
            return
        with open_reader(self.folder / "store") as disk:
            assert [kept.record_id for kept in disk.records()] == list(self.model.stored)
            for record_id, message in self.model.stored.items():
                assert disk.sealed(record_id) == message.payload
            entries = list(disk.quarantined())
            assert {(entry.sha256, entry.topic) for entry in entries} == self.model.quarantine
            assert len(entries) == len(self.model.quarantine)

    def teardown(self):
        if not hasattr(self, "store"):
            return
        while self.broker.queue:
            self.take(8)
            self.intake.settle()
        self.everything_is_in_its_one_place()
        kept = {key: message.sha256 for key, message in self.model.stored.items()}
        assert kept.items() <= self.broker.receipted.items()
        self.store.close()
        shutil.rmtree(self.folder)


IntakeMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestIntake = IntakeMachine.TestCase
