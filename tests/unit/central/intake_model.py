"""What an intake must have done with what arrived: a few lines of dictionaries, by which the real one is judged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from edge_agent.errors import WireError
from edge_agent.wire import records
from edge_agent.wire.sealing import Claims
from edge_agent.wire.withdrawal import Withdrawal, Withdrawn


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    sound: bool  # by its own kiosk, by its own topic, unaltered
    given_up: bool = False

    @property
    def sha256(self):
        return hashlib.sha256(self.payload).digest()

    @property
    def claims(self):
        """What it says of itself, None when it has no such form, or nobody looks at it."""
        return None if self.given_up else form(self.payload)


class Model:
    """What must be where."""

    def __init__(self):
        self.stored = {}  # record id -> message
        self.taken = {}  # record id -> message, also of what was erased
        self.places = {}  # kiosk, epoch, seq -> message
        self.recalled = set()  # kiosk and how a withdrawal named it, before it came
        self.erased = {}  # sha256 -> message
        self.quarantine = {}  # sha256, topic -> message

    def take(self, message, revoked):
        claims = message.claims
        sound = message.sound and not message.given_up and claims.kiosk not in revoked
        if sound and not self.is_taken(claims) and self.may_take_back(claims):
            self.keep(message)
            if isinstance(claims, Withdrawal):
                self.take_back(claims)
            elif self.is_recalled(message):
                self.erase(message)  # it keeps its place alone
        elif self.has_ended(message):
            pass  # what was taken back is kept nowhere
        elif message.sound and not message.given_up and self.taken.get(claims.record_id) == message:
            if sound and isinstance(claims, Withdrawal):
                self.quarantine.pop((message.sha256, message.topic), None)
                if self.may_take_back(claims):
                    self.take_back(claims)  # the same answer
        else:
            self.refuse(message)

    def has_ended(self, message):
        """Whether its kiosk took it back: exactly it, or the record that it says it is."""
        if message.claims is None and message.sha256 in self.erased:
            return True
        ended = {(kiosk, target.record_id, target.sha256) for kiosk, target in self.recalled} | {
            (erased.claims.kiosk, erased.claims.record_id, erased.sha256) for erased in self.erased.values()
        }
        if message.claims is None:
            return any(message.sha256 == sha256 and may_take(kiosk, message.payload) for kiosk, _, sha256 in ended)
        said = (message.claims.kiosk, message.claims.record_id)
        return isinstance(message.claims, Claims) and said in {(kiosk, record_id) for kiosk, record_id, _ in ended}

    def is_recalled(self, message):
        """A withdrawal is not: it can't be taken back."""
        claims = message.claims
        return isinstance(claims, Claims) and (claims.kiosk, named(message)) in self.recalled

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
        self.quarantine.pop((message.sha256, message.topic), None)

    def take_back(self, claims):
        target = claims.withdraws
        if target.record_id in self.taken:
            self.erase(self.taken[target.record_id])
        else:
            self.recalled.add((claims.kiosk, target))
        self.quarantine = {
            key: message for key, message in self.quarantine.items() if not self.goes_with(claims, message)
        }

    def erase(self, message):
        self.stored.pop(message.claims.record_id, None)
        self.erased[message.sha256] = message

    def goes_with(self, withdrawal, message):
        target = withdrawal.withdraws
        named = message.claims is not None and message.claims.record_id == target.record_id
        return (named or message.sha256 == target.sha256) and may_take(withdrawal.kiosk, message.payload)

    def refuse(self, message):
        key = message.sha256, message.topic
        if key not in self.quarantine or not message.given_up:  # what was looked at once is known
            self.quarantine[key] = message


def form(payload):
    """What bytes say of themselves, None when they have no such form."""
    try:
        return records.parse(payload).claims
    except WireError:
        return None


def may_take(kiosk, payload):
    """Whether a kiosk's withdrawal speaks for bytes: of its own reports, and of what nobody can read."""
    said = form(payload)
    return said is None or (isinstance(said, Claims) and said.kiosk == kiosk)


def named(message):
    claims = form(message.payload)
    return Withdrawn(record_id=claims.record_id, sha256=message.sha256, epoch=claims.epoch, seq=claims.seq)
