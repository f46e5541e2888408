"""The intake itself, whatever brings the messages: verify, commit, answer with receipts, acknowledge. In that order.

The order is the promise. A message is acknowledged only once its bytes are on disk, as a record or in quarantine, so
that a crash anywhere makes the broker bring it again; a record that comes again is a duplicate, and costs nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from central.store.port import Fate, Heard, Reach, Refusal, Sealed
from edge_agent.errors import (
    ReplayError,
    RevokedError,
    WireError,
    WrongSignerError,
    WrongTopicError,
)
from edge_agent.wire import receipts, records, status
from edge_agent.wire.receipts import MAX_ENTRIES, Outcome, Receipt
from edge_agent.wire.topics import Address, Channel, parse
from edge_agent.wire.withdrawal import Withdrawal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from central.intake.office import OfficeWindow
    from central.store.port import Entry
    from central.trust import LiveTrust
    from edge_agent.wire.keys import Signer
    from edge_agent.wire.registry import Registry
    from edge_agent.wire.sealing import Claims
    from edge_agent.wire.withdrawal import Withdrawn

MAX_BATCH: Final = 50
UNDELIVERED: Final = "undelivered"  # the reason in quarantine of what nobody looked at

H = TypeVar("H")


@dataclass(frozen=True, slots=True)
class Arrival(Generic[H]):
    """A message as it came. `handle` is what its carrier needs to acknowledge it.

    `given_up`: the broker brought it again and again, and nobody acknowledged it. Looking at it may be what ends an
    intake, so it goes into quarantine unread.
    """

    topic: str
    payload: bytes
    handle: H
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to send: a signed receipt on its way to a kiosk."""

    topic: str
    payload: bytes


class Vault(Protocol):
    """What keeps batches: a store, or something that watches one."""

    def commit(self, entries: Sequence[Entry], at: int) -> Future[list[Fate]]:
        """Begin to keep all entries, or none; see the store's port."""
        ...


class Carrier(Protocol[H]):
    """What brings messages and takes receipts: an MQTT connection, a queue."""

    def publish(self, letters: Sequence[Letter]) -> None:
        """Send receipts; return when each was taken by the broker, or given up with a line in the log.

        A receipt that is lost loses no record: the kiosk sends its record again and gets another.
        """
        ...

    def acknowledge(self, arrivals: Sequence[Arrival[H]]) -> None:
        """Tell the broker, in order, that it need not bring these again."""
        ...


@dataclass(frozen=True, slots=True)
class _Begun(Generic[H]):
    """A batch that is being committed."""

    batch: Sequence[Arrival[H]]
    fleet: str
    at: int
    entries: list[Entry]
    fates: Future[list[Fate]]


class Intake(Generic[H]):
    """Takes messages in, batch by batch: while the disk takes one, the next is verified.

    `clock` gives the time in seconds since 1970.
    """

    def __init__(
        self,
        store: Vault,
        trust: LiveTrust,
        signer: Signer,
        clock: Callable[[], int],
        carrier: Carrier[H],
        office: OfficeWindow | None = None,
    ) -> None:
        self._store = store
        self._trust = trust
        self._signer = signer
        self._clock = clock
        self._carrier = carrier
        self._office = office
        self._begun: _Begun[H] | None = None

    def take(self, batch: Sequence[Arrival[H]]) -> Counter[Fate]:
        """Verify one batch and begin to commit it; then settle the one before, and return its fates.

        Raises StoreError when a batch can't be kept: nothing of it is then answered or acknowledged.
        """
        registry = self._trust.current().registry
        at = self._clock()
        entries = [
            _unread(arrival) if arrival.given_up else judge(arrival.topic, arrival.payload, registry)
            for arrival in batch
            if self._office is None or not self._office.hear(arrival.topic, arrival.payload)
        ]
        begun = _Begun(batch, registry.fleet, at, entries, self._store.commit(entries, at))
        before = self.settle()
        self._begun = begun
        return before

    def settle(self) -> Counter[Fate]:
        """Wait until the last batch is on disk, answer and acknowledge it; return how many met which fate."""
        if self._office is not None and (told := self._office.answers()):
            self._carrier.publish([Letter(self._office.answers_by, part) for part in told])
        if (begun := self._begun) is None:
            return Counter()
        fates = begun.fates.result()
        answers = answer(zip(begun.entries, fates, strict=True), begun.at)
        self._carrier.publish([self._letter(begun.fleet, receipt) for receipt in answers])
        self._carrier.acknowledge(begun.batch)
        self._begun = None
        return Counter(fates)

    @property
    def unsettled(self) -> bool:
        """Whether a batch still waits to be answered."""
        return self._begun is not None

    def _letter(self, fleet: str, receipt: Receipt) -> Letter:
        return Letter(Address(fleet, receipt.kiosk).topic(Channel.RECEIPTS), receipts.sign(receipt, self._signer))


def judge(topic: str, payload: bytes, registry: Registry) -> Entry:
    """Decide what a message is: a record that holds, a status, or bytes for the quarantine. Never raises."""
    try:
        address, channel = parse(topic)
        if address.fleet != registry.fleet:
            raise WrongTopicError("it came by another fleet's topic")
        match channel:
            case Channel.RECORDS:
                return _judge_record(topic, payload, registry)
            case Channel.STATUS:
                return _judge_status(address, payload, registry)
            case Channel.RECEIPTS | Channel.ORDERS:
                raise WrongTopicError("kiosks send nothing by this topic")
    except WireError as fault:
        return _refusal(topic, payload, fault, _said(payload), astray=not _is_for_records(topic, registry.fleet))


def _said(payload: bytes) -> Claims | Withdrawal | None:
    """Give what bytes say of themselves, by whatever topic they came; None when they have no such form."""
    try:
        return records.parse(payload).claims
    except WireError:
        return None


def _is_for_records(topic: str, fleet: str) -> bool:
    try:
        address, channel = parse(topic)
    except WireError:
        return False
    return address.fleet == fleet and channel is Channel.RECORDS


def _unread(arrival: Arrival[H]) -> Refusal:
    why = "the broker brought it again and again, and no intake acknowledged it"
    return Refusal(arrival.topic, arrival.payload, hashlib.sha256(arrival.payload).digest(), UNDELIVERED, why)


def _judge_record(topic: str, payload: bytes, registry: Registry) -> Sealed | Refusal:
    record = records.parse(payload)
    try:
        registry.verify(record, arrived_on=topic)
    except WireError as fault:
        return _refusal(topic, payload, fault, record.claims)
    return Sealed(topic, payload, hashlib.sha256(payload).digest(), record.claims)


def _judge_status(address: Address, payload: bytes, registry: Registry) -> Heard:
    heard = status.read(payload)
    if heard.kiosk != address.kiosk:
        raise WrongTopicError("a status of one kiosk, by the topic of another")
    if heard.health is None:
        return Heard(heard.kiosk, heard.online, payload)
    reach, doubt = None, None
    try:
        health = status.trust_health(heard.health, registry)
        if health.kiosk != heard.kiosk:
            raise WrongTopicError("health of one kiosk in the status of another")
        reach = Reach(health.epoch, health.highest_seq)
    except WireError as fault:  # the courier's half of the message is still worth knowing
        doubt = fault.code
    return Heard(heard.kiosk, heard.online, payload, reach, doubt)


def _refusal(
    topic: str, payload: bytes, fault: WireError, claims: Claims | Withdrawal | None, *, astray: bool = False
) -> Refusal:
    sha256 = hashlib.sha256(payload).digest()
    revoked = isinstance(fault, RevokedError)  # the last thing that is checked: all else held
    return Refusal(topic, payload, sha256, fault.code, fault.what, claims, duplicate_if_held=revoked, astray=astray)


def answer(settled: Iterable[tuple[Entry, Fate]], at: int) -> list[Receipt]:
    """Say in receipts what became of records: one for each kiosk, or a few when one can't hold all.

    Each goes to the kiosk by whose topic its records came: the broker knows that one. A status, bytes that name no
    record, and what came by another topic are not answered. `at` is in seconds since 1970.
    """
    by_kiosk = defaultdict[str, list[receipts.Entry]](list)
    for entry, fate in settled:
        if isinstance(entry, Sealed | Refusal) and entry.claims is not None and not _is_astray(entry):
            by_kiosk[parse(entry.topic)[0].kiosk] += _words(entry, entry.claims, fate)
    return [
        Receipt(kiosk=kiosk, at=at, entries=words[first : first + MAX_ENTRIES])
        for kiosk, words in by_kiosk.items()
        for first in range(0, len(words), MAX_ENTRIES)
    ]


def _is_astray(entry: Sealed | Refusal) -> bool:
    return isinstance(entry, Refusal) and entry.astray


def _words(entry: Sealed | Refusal, claims: Claims | Withdrawal, fate: Fate) -> list[receipts.Entry]:
    """Say what became of one record, and of the one that it takes back."""
    outcome, reason = _outcome(entry, fate)
    words = [receipts.Entry(record_id=claims.record_id, sha256=entry.sha256, outcome=outcome, reason=reason)]
    if isinstance(entry, Sealed) and isinstance(claims, Withdrawal) and outcome is not Outcome.QUARANTINED:
        words.append(taken_back(claims.withdraws, fate))
    return words


def _outcome(entry: Sealed | Refusal, fate: Fate) -> tuple[Outcome, str | None]:
    match fate, entry:
        case ((Fate.STORED | Fate.ERASED | Fate.NOT_HELD), _):
            return Outcome.STORED, None
        case ((Fate.DUPLICATE | Fate.ERASED_AGAIN | Fate.NOT_HELD_AGAIN), _):
            return Outcome.DUPLICATE, None
        case ((Fate.WITHDRAWN | Fate.EXPIRED), _):
            return Outcome.ERASED, fate.value
        case Fate.REFUSED, Refusal(reason=reason):
            return Outcome.QUARANTINED, reason
        case Fate.FOREIGN, _:
            return Outcome.QUARANTINED, WrongSignerError.code
        case _:
            return Outcome.QUARANTINED, ReplayError.code


def taken_back(named: Withdrawn, fate: Fate) -> receipts.Entry:
    """Say what became of a record that was taken back, by the fate of its withdrawal."""
    outcome = Outcome.ERASED if fate in (Fate.ERASED, Fate.ERASED_AGAIN) else Outcome.NOT_HELD
    return receipts.Entry(record_id=named.record_id, sha256=named.sha256, outcome=outcome, reason=receipts.WITHDRAWN)
