"""Random traffic against the whole core, with crashes wherever it could be caught between two steps.

The broker here does what a broker promises: it brings every message at least once, in order, until it is acknowledged.
The model beside it is a few lines of dictionaries. The stores are the real ones, a file and a PostgreSQL, read back
through a second connection.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from central.intake.core import Arrival, Intake
from central.store import postgres, postgres_writer, sqlite, sqlite_writer
from central.store.port import Tombstone
from central.trust import Floor, LiveTrust
from edge_agent.wire import receipts, records
from edge_agent.wire.receipts import Outcome
from edge_agent.wire.topics import Channel
from edge_agent.wire.withdrawal import Withdrawal, Withdrawn
from tests.support.postgres import INTAKE, Postgres
from tests.unit.central.intake_model import Message, Model, form, may_take, named
from tests.unit.central.world import NOW, Fleet, Kiosk

NAMES = ("k1", "k2")
ASTRAY = ("homeward/1/elsewhere/k1/records", "homeward/1/coast/k1/status", "homeward/1/coast/k1/orders", "a/b")


class CrashError(Exception):
    """The power goes."""


class Broker:
    """Brings what was not acknowledged; checks that nothing is answered or acknowledged before it is on disk."""

    def __init__(self, reader, bundle):
        self.queue = {}  # number -> message, in order
        self.in_hand = set()
        self.count = 0
        self.reader = reader
        self.bundle = bundle
        self.receipted = {}  # record id -> sha256, of records that are kept
        self.taken_back = []  # what sound withdrawals say
        self.crash_in = None

    def send(self, message):
        if isinstance(message.claims, Withdrawal) and message.sound:
            self.taken_back.append(message.claims)
        self.queue[self.count] = message
        self.count += 1

    def bring(self, most):
        numbers = [number for number in self.queue if number not in self.in_hand][:most]
        self.in_hand.update(numbers)
        messages = [(number, self.queue[number]) for number in numbers]
        return [Arrival(sent.topic, sent.payload, number, sent.given_up) for number, sent in messages]

    def publish(self, letters):
        with self.reader() as disk:
            for number, letter in enumerate(letters):
                if self.crash_in == "publish" and number == len(letters) // 2:
                    raise CrashError
                receipt = receipts.trust(letter.payload, self.bundle)
                assert letter.topic == f"homeward/1/coast/{receipt.kiosk}/{Channel.RECEIPTS}"
                for entry in receipt.entries:
                    self.believe(disk, receipt.kiosk, entry)

    def believe(self, disk, kiosk, entry):
        kept = disk.sealed(entry.record_id)
        same = kept is not None and hashlib.sha256(kept).digest() == entry.sha256
        own = entry.sha256 in {link.sha256 for link in disk.chain(kiosk)}
        for_good = kept is not None and isinstance(records.parse(kept).claims, Withdrawal)
        match entry.outcome:
            case Outcome.STORED | Outcome.DUPLICATE:
                # the record may have been taken back in the same batch, after it came
                assert same or isinstance(disk.find(entry.record_id), Tombstone)
                self.receipted[entry.record_id] = entry.sha256
            case Outcome.ERASED | Outcome.NOT_HELD:
                # another kiosk's record is not this one's to take back, and a withdrawal is nobody's
                assert not (same and own) or for_good
            case Outcome.QUARANTINED:
                # or it was taken back, or held, after it came: the next batch is on disk before this one is answered
                here = {quarantined.sha256 for quarantined in disk.quarantined()}
                held = {link.sha256 for name in NAMES for link in disk.chain(name)}
                assert entry.sha256 in here | held or any(
                    entry.sha256 == target.sha256 or entry.record_id == target.record_id
                    for target in (claims.withdraws for claims in self.taken_back)
                )

    def was_taken_back(self, payload):
        """Whether a withdrawal speaks for bytes, and by the kiosk whose they are."""
        said = form(payload)
        return any(
            may_take(claims.kiosk, payload)
            and (
                claims.withdraws.sha256 == hashlib.sha256(payload).digest()
                or (said is not None and claims.withdraws.record_id == said.record_id)
            )
            for claims in self.taken_back
        )

    def acknowledge(self, arrivals):
        with self.reader() as disk:
            here = {kept.sha256 for kept in disk.records()} | {entry.sha256 for entry in disk.quarantined()}
            gone = {link.sha256 for name in NAMES for link in disk.chain(name)}
        for number, arrival in enumerate(arrivals):
            if self.crash_in == "acknowledge" and number == len(arrivals) // 2:
                raise CrashError
            assert hashlib.sha256(arrival.payload).digest() in here | gone or self.was_taken_back(arrival.payload)
            del self.queue[arrival.handle]
            self.in_hand.discard(arrival.handle)


class IntakeMachine(RuleBasedStateMachine):
    """The same for every store: a place says how the one of this example is opened, and in which turn it takes."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.make_a_place()
        self.fleet = Fleet()
        self.kiosks = {name: self.fleet.add(name) for name in NAMES}
        self.stranger = Kiosk("k1", self.kiosks["k1"].recipients)
        self.files = self.fleet.write_trust(self.folder / "trust")
        self.model = Model()
        self.broker = Broker(self.open_reader, self.fleet.trusted_bundle())
        self.sent = []
        self.start()

    def start(self):
        self.store = self.open_store()
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

    def send(self, topic, payload, *, sound, given_up=False):
        message = Message(topic, payload, sound, given_up)
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

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def the_same_again_and_nobody_looks(self, data):
        again = data.draw(st.sampled_from(self.sent))
        self.send(again.topic, again.payload, sound=again.sound, given_up=True)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), topic=st.sampled_from(ASTRAY))
    def the_same_where_no_records_come(self, data, topic):
        again = data.draw(st.sampled_from(self.sent))
        self.send(topic, again.payload, sound=False)

    @precondition(lambda self: self.sent)
    @rule(name=st.sampled_from(NAMES), data=st.data(), record_id=st.binary(min_size=16, max_size=16))
    def a_withdrawal_that_names_any_bytes_under_any_id(self, name, data, record_id):
        named = data.draw(st.sampled_from(self.sent))
        kiosk = self.kiosks[name]
        target = Withdrawn(record_id=record_id, sha256=named.sha256, epoch=kiosk.epoch, seq=99)
        self.send(kiosk.topic(), kiosk.take_back(target), sound=True)

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
        record_id = named(taken).record_id
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
        for message in sorted((self.broker.queue[arrival.handle] for arrival in batch), key=self.turn):
            self.model.take(message, self.fleet.revoked)
        if batch:
            self.intake.take(batch)

    # -- What must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def everything_is_in_its_one_place(self):
        if not hasattr(self, "store") or self.intake.unsettled:
            return
        with self.open_reader() as disk:
            assert self.in_order([kept.record_id for kept in disk.records()]) == self.in_order(self.model.stored)
            for record_id, message in self.model.stored.items():
                assert disk.sealed(record_id) == message.payload
            entries = list(disk.quarantined())
            assert {(entry.sha256, entry.topic) for entry in entries} == set(self.model.quarantine)
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


class InSqlite(IntakeMachine):
    in_order = list

    def turn(self, message):
        return 0

    def make_a_place(self):
        path = self.folder / "store"
        self.open_store = lambda: sqlite_writer.open_store(path)
        self.open_reader = lambda: sqlite.open_reader(path)


class InPostgres(IntakeMachine):
    server: ClassVar[Postgres]
    in_order = sorted

    def turn(self, message):
        """All others of a batch go before its withdrawals."""
        claims = message.claims
        return isinstance(claims, Withdrawal) and message.sound and claims.kiosk not in self.fleet.revoked

    def make_a_place(self):
        conninfo = self.server.conninfo(self.server.database(), INTAKE)
        self.open_store = lambda: postgres_writer.open_store(conninfo)
        self.open_reader = lambda: postgres.open_reader(conninfo)


InSqlite.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
InPostgres.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=20,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # each step asks a server: to make a failing example smaller takes minutes
)
TestIntakeInSqlite = InSqlite.TestCase


class TestIntakeInPostgres(InPostgres.TestCase):
    @classmethod
    def setUpClass(cls):
        InPostgres.server = cls.enterClassContext(Postgres(careful=False))
