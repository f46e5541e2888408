"""What every store decides alike, once it has looked: fates and ends. Pure, so that no two stores can differ in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from central.store.port import Fate, Refusal, Sealed
from edge_agent.errors import ReplayError, WireError, WrongSignerError
from edge_agent.wire import records
from edge_agent.wire.receipts import EXPIRED, WITHDRAWN
from edge_agent.wire.sealing import Claims
from edge_agent.wire.withdrawal import Withdrawal

if TYPE_CHECKING:
    from central.store.port import Entry
    from edge_agent.wire.withdrawal import Withdrawn

_DAY_S: Final = 86_400
_LONGEST_S: Final = (
    99_999 * _DAY_S
)  # what can be consented to at most (`days` in homeward.cddl): a kiosk's clock may err
_QUARANTINE_S: Final = 90 * _DAY_S  # after its last arrival; the kiosk of a record sends it again far sooner

REFUSALS: Final = frozenset({Fate.REPLAYED, Fate.FOREIGN})  # of a withdrawal: it goes to quarantine, nothing is erased
_AGAIN: Final = {None: Fate.DUPLICATE, WITHDRAWN: Fate.WITHDRAWN, EXPIRED: Fate.EXPIRED}


Found = tuple[str, bytes, bytes, int, bytes | None]
Report = tuple[str, bytes]  # as its bytes name it: kiosk and id


def end_of(claims: Claims | Withdrawal, at: int) -> int | None:
    """Say when the bytes of what arrived at `at` must go, both in seconds since 1970; None for a withdrawal."""
    return None if isinstance(claims, Withdrawal) else min(claims.ends_at(at), at + _LONGEST_S)


def is_past(claims: Claims | Withdrawal, at: int) -> bool:
    """Whether what was consented to had ended when it arrived at `at`, in seconds since 1970."""
    ends_at = end_of(claims, at)
    return ends_at is not None and ends_at <= at


def end_of_refused(refusal: Refusal, at: int) -> int:
    """Say when bytes in quarantine must go that came last at `at`: with what they claim, or after 90 days."""
    own = None if refusal.claims is None else end_of(refusal.claims, at)
    return at + _QUARANTINE_S if own is None else min(own, at + _QUARANTINE_S)


def fate_of_record(because: str | None) -> Fate:
    """Say what becomes of a record that is new, given why it is not kept, if it isn't."""
    return Fate.STORED if because is None else _AGAIN[because]


def held_fate(because: str | None) -> Fate:
    """Say what becomes of bytes that were here before, given why they were erased, if they were."""
    return _AGAIN[because]


def report_of(entry: Sealed | Refusal) -> Report | None:
    """Name the report that bytes are or say they are; None where they are none, or where nobody looked."""
    claims = entry.claims
    return (claims.kiosk, claims.record_id) if isinstance(claims, Claims) else None


def fate_of_other_bytes(ended: Fate | None) -> Fate:
    """Say what becomes of a record whose id or place is taken by other bytes.

    They are evidence, and go to quarantine; unless what they say they are has ended, which `ended` says: another copy
    of what a person took back is not kept either.
    """
    return ended or Fate.REPLAYED


def fate_of_refused(refusal: Refusal, held: Fate | None, ended: Fate | None) -> Fate:
    """Say what becomes of refused bytes.

    `held` is what became before of exactly these bytes, `ended` of the record that they say they are. What was erased
    goes into no quarantine either, by whatever topic it comes.
    """
    if held is Fate.DUPLICATE:
        return held if refusal.duplicate_if_held else Fate.REFUSED
    return held or ended or Fate.REFUSED


def fate_of_withdrawal(kiosk: str, named: Withdrawn, found: Found | None) -> Fate:
    """Say what becomes of a withdrawal by this kiosk, or in its name.

    `found` is what is or was here under the id that it names: kiosk, SHA-256, epoch, number, and what that takes back
    itself.
    """
    if found is None:
        return Fate.NOT_HELD
    if found[0] != kiosk:
        return Fate.FOREIGN
    exact = found[1:] == (named.sha256, named.epoch, named.seq, None)
    return Fate.ERASED if exact else Fate.REPLAYED


def may_take_back(kiosk: str, raw: bytes) -> bool:
    """Say whether refused bytes, which a withdrawal by this kiosk names by their hash, go with it, or never come in.

    Another kiosk's record stays, and so does a withdrawal: neither was the kiosk's to take back.
    """
    try:
        claims = records.parse(raw).claims
    except WireError:
        return True  # nobody else's, as far as anyone can say
    return isinstance(claims, Claims) and claims.kiosk == kiosk


def again(fate: Fate) -> Fate:
    """Say what becomes of a withdrawal that was here before: the same, and known as such.

    It was good then. If it names another record by now, what it named had not come, and never did.
    """
    return Fate.ERASED_AGAIN if fate is Fate.ERASED else Fate.NOT_HELD_AGAIN


def refusal_for(entry: Entry, fate: Fate) -> Refusal | None:
    """Say what of an entry goes to quarantine, given what became of it."""
    match entry, fate:
        case Refusal(), Fate.REFUSED:
            return entry
        case Sealed(), Fate.FOREIGN:
            return _refuse(entry, WrongSignerError.code, "it takes back another kiosk's record")
        case Sealed(), Fate.REPLAYED:
            why = "its id or place, or that of what it takes back, is taken by other bytes"
            return _refuse(entry, ReplayError.code, why)
        case _:
            return None


def _refuse(entry: Sealed, code: str, why: str) -> Refusal:
    return Refusal(entry.topic, entry.raw, entry.sha256, code, why, entry.claims)
