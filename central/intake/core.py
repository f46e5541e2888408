"""The intake itself, whatever brings the messages: verify, commit, answer with receipts, acknowledge. In that order.

The order is the promise. A message is acknowledged only once its bytes are on disk, as a record or in quarantine, so
that a crash anywhere makes the broker bring it again; a record that comes again is a duplicate, and costs nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from central.store.port import Fate, Heard, Reach, Refusal, Sealed
from edge_agent.errors import ReplayError, RevokedError, WireError, WrongTopicError
from edge_agent.wire import receipts, sealing, status
from edge_agent.wire.receipts import Outcome, Receipt
from edge_agent.wire.topics import Address, Channel, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from central.store.port import Entry, Store
    from central.trust import LiveTrust
    from edge_agent.wire.keys import Signer
    from edge_agent.wire.registry import Registry

MAX_BATCH: Final = 50

H = TypeVar("H")


@dataclass(frozen=True, slots=True)
class Arrival(Generic[H]):
    """A message as it came. `handle` is what its carrier needs to acknowledge it."""

    topic: str
    payload: bytes
    handle: H


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to send: a signed receipt on its way to a kiosk."""

    topic: str
    payload: bytes


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
        self, store: Store, trust: LiveTrust, signer: Signer, clock: Callable[[], int], carrier: Carrier[H]
    ) -> None:
        self._store = store
        self._trust = trust
        self._signer = signer
        self._clock = clock
        self._carrier = carrier
        self._begun: _Begun[H] | None = None

    def take(self, batch: Sequence[Arrival[H]]) -> Counter[Fate]:
        """Verify one batch and begin to commit it; then settle the one before, and return its fates.

        Raises StoreError when a batch can't be kept: nothing of it is then answered or acknowledged.
        """
        registry = self._trust.current().registry
        at = self._clock()
        entries = [judge(arrival.topic, arrival.payload, registry) for arrival in batch]
        begun = _Begun(batch, registry.fleet, at, entries, self._store.commit(entries, at))
        before = self.settle()
        self._begun = begun
        return before

    def settle(self) -> Counter[Fate]:
        """Wait until the last batch is on disk, answer and acknowledge it; return how many met which fate."""
        if (begun := self._begun) is None:
            return Counter()
        fates = begun.fates.result()
        answers = [receipt_for(entry, fate, begun.at) for entry, fate in zip(begun.entries, fates, strict=True)]
        self._carrier.publish([self._letter(begun.fleet, receipt) for receipt in answers if receipt is not None])
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
        return _refusal(topic, payload, fault)


def _judge_record(topic: str, payload: bytes, registry: Registry) -> Sealed | Refusal:
    record = sealing.parse_record(payload)
    try:
        registry.verify(record, arrived_on=topic)
    except WireError as fault:
        return _refusal(topic, payload, fault, record.claims.record_id)
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


def _refusal(topic: str, payload: bytes, fault: WireError, record_id: bytes | None = None) -> Refusal:
    sha256 = hashlib.sha256(payload).digest()
    revoked = isinstance(fault, RevokedError)  # the last thing that is checked: all else held
    return Refusal(topic, payload, sha256, fault.code, fault.what, record_id, duplicate_if_held=revoked)


def receipt_for(entry: Entry, fate: Fate, at: int) -> Receipt | None:
    """Say in a receipt what became of a record, to the kiosk by whose topic it came: the broker knows that one.

    None for a status, and for bytes that name no record.
    """
    match entry, fate:
        case Sealed(claims=claims), Fate.REPLAYED:
            return _receipt(entry, claims.record_id, at, Outcome.QUARANTINED, ReplayError.code)
        case Sealed(claims=claims), _:
            return _receipt(entry, claims.record_id, at, Outcome(fate.value))
        case Refusal(record_id=bytes(record_id)), Fate.DUPLICATE:
            return _receipt(entry, record_id, at, Outcome.DUPLICATE)
        case Refusal(record_id=bytes(record_id), reason=reason), _:
            return _receipt(entry, record_id, at, Outcome.QUARANTINED, reason)
        case _:
            return None


def _receipt(
    entry: Sealed | Refusal, record_id: bytes, at: int, outcome: Outcome, reason: str | None = None
) -> Receipt:
    kiosk = parse(entry.topic)[0].kiosk
    return Receipt(kiosk=kiosk, record_id=record_id, sha256=entry.sha256, outcome=outcome, at=at, reason=reason)
