"""How each kiosk fares, as intakes last told the office, and who needs a person. Pure, but for `RollFile`.

What a kiosk says of itself is signed by its key and verified here again; what its courier and the intake add is theirs.
A kiosk that says nothing is silent: that is what a person must look at first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.errors import WireError
from edge_agent.files import Stamp, stamp, write_whole
from edge_agent.wire import status
from edge_agent.wire.fields import ClockQuality
from edge_agent.wire.registry import Registry
from provisioning.fleet import DAY, Condition
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from edge_agent.wire.roll import Entry, Roll
    from provisioning.fleet import Kiosk, State

SILENT_AFTER_S: Final = 900  # three statuses that did not come
CERTIFICATE_DAYS: Final = 21  # renewal begins 30 days ahead; so late it did not go through
LITTLE_FREE: Final = 512 * 1024 * 1024
HOT_C: Final = 80.0
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a kiosk last said, and what the intake knows of it."""

    kiosk: str
    at: int  # when its last status came to the intake
    online: bool
    version: str
    backlog: int
    backlog_bytes: int
    refused: int
    missing: int  # records that it vouched for and that are not at the intake
    free_bytes: int | None = None
    temperature_c: float | None = None
    doubt: str | None = None  # why its own word could not be verified
    ready: bool | None = None  # this and what follows: by its own word, None without one
    blocked_by: str | None = None
    clock: ClockQuality | None = None
    orders_version: int | None = None
    bundle_version: int | None = None
    models: list[str] = []
    certified_by: str | None = None  # the kid of the CA whose certificate its courier has, in hexadecimal


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an intake said of itself; CAs by their kids, in hexadecimal."""

    intake: str
    at: int
    bundle: int
    registry: int
    authorities: list[str]
    certified_by: str | None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The roll as the office last heard it, `at` by the intake's clock."""

    at: int
    seen: list[Seen]
    signed_by: str = ""  # the kid of the intake's receipt key, in hexadecimal
    intakes: list[Told] = []  # each as it last spoke


class Need(IntEnum):
    """Why a kiosk needs a person, the most urgent first."""

    SILENT = 0
    BLOCKED = 1
    MISSING = 2
    DOUBT = 3
    REFUSED = 4
    CERTIFICATE = 5
    CARD = 6
    CLOCK = 7
    FULL = 8
    HOT = 9
    ORDERS = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One kiosk in the fleet's view; `needs` are why it needs a person, with the sentence to say."""

    kiosk: Kiosk
    condition: Condition
    seen: Seen | None
    needs: list[tuple[Need, str]]


def read(entries: Iterable[Entry], state: State) -> list[Seen]:
    """Read a roll's entries; what can't be read of one is said in its `doubt`."""
    registry = Registry(state.registered)
    return [_seen(entry, registry) for entry in entries]


def _seen(entry: Entry, registry: Registry) -> Seen:
    known = Seen(
        kiosk=entry.kiosk,
        at=entry.at,
        online=False,
        version="",
        backlog=0,
        backlog_bytes=0,
        refused=0,
        missing=entry.missing,
        doubt=entry.doubt,
    )
    try:
        said = status.read(entry.status)
        known = msgspec.structs.replace(
            known,
            online=said.online,
            version=said.version,
            backlog=said.backlog,
            backlog_bytes=said.backlog_bytes,
            refused=said.refused,
            free_bytes=said.free_bytes,
            temperature_c=said.temperature_c,
            certified_by=None if said.certified_by is None else said.certified_by.hex(),
        )
        if said.health is None:
            return known
        health = status.trust_health(said.health, registry)
    except WireError as fault:
        return msgspec.structs.replace(known, doubt=entry.doubt or fault.code)
    return msgspec.structs.replace(
        known,
        ready=health.ready,
        blocked_by=health.blocked_by,
        clock=health.clock,
        orders_version=health.orders_version,
        bundle_version=health.bundle_version,
        models=[model.hex()[:8] for model in health.models],
    )


def with_told(before: View | None, part: Roll) -> list[Told]:
    """Give what intakes last said of themselves, with the one that tells this roll."""
    known = [] if before is None else before.intakes
    if part.by is None:
        return known
    said = Told(
        intake=part.by.intake,
        at=part.at,
        bundle=part.by.bundle,
        registry=part.by.registry,
        authorities=[one.hex() for one in part.by.authorities],
        certified_by=None if part.by.certified_by is None else part.by.certified_by.hex(),
    )
    return sorted([*(one for one in known if one.intake != said.intake), said], key=lambda one: one.intake)


def floor(view: View | None, now: int) -> int:
    """Give the time before which a roll is an old one, played back.

    A view from the future, by an intake whose clock was wrong, holds up none that is right.
    """
    return 0 if view is None or view.at > now else view.at


def rows(state: State, view: View | None, now: int) -> list[Row]:
    """Give every kiosk with what it needs, those first that need a person most; `view` is None before any roll."""
    seen = {} if view is None else {one.kiosk: one for one in view.seen}
    found = [_row(state, kiosk, view, seen.get(kiosk.plan.id), now) for kiosk in state.kiosks]
    order = list(Condition)
    return sorted(
        found,
        key=lambda row: (
            row.condition is Condition.REVOKED,
            min((need for need, _ in row.needs), default=len(Need)),
            order.index(row.condition),
            row.kiosk.plan.id,
        ),
    )


def _row(state: State, kiosk: Kiosk, view: View | None, seen: Seen | None, now: int) -> Row:
    condition = state.condition(kiosk, now)
    needs: list[tuple[Need, str]] = []
    if condition is Condition.CARD_EXPIRED:
        needs.append((Need.CARD, phrase("its card has expired: `homeward-fleet card {kiosk}`", kiosk=kiosk.plan.id)))
    if condition is Condition.IN_SERVICE:
        needs += _needs_in_service(kiosk, now)
        if view is not None:
            needs += _needs_seen(kiosk, view, seen, now)
    return Row(kiosk, condition, seen, sorted(needs))


def _needs_in_service(kiosk: Kiosk, now: int) -> Iterable[tuple[Need, str]]:
    end = max(held.not_after for held in kiosk.certificates)
    if end < now:
        yield Need.CERTIFICATE, phrase("its certificate has ended: it can't deliver; make another card")
    elif end - now < CERTIFICATE_DAYS * DAY:
        days = (end - now) // DAY
        yield Need.CERTIFICATE, phrase("its certificate ends in {days} days: let the office listen", days=days)


def _needs_seen(kiosk: Kiosk, view: View, seen: Seen | None, now: int) -> Iterable[tuple[Need, str]]:
    if seen is None:
        yield Need.SILENT, phrase("it has never been heard")
        return
    silent = max(now, view.at) - seen.at
    if not seen.online or silent > SILENT_AFTER_S:
        yield Need.SILENT, phrase("silent for {duration}", duration=_duration(silent))
    if seen.ready is False:
        why = seen.blocked_by or phrase("no reason given")
        yield Need.BLOCKED, phrase("it takes no reports: {why}", why=why)
    yield from _needs_of_records(seen)
    yield from _needs_of_machine(seen)
    if lags(kiosk, seen):
        given = kiosk.orders.version if kiosk.orders else 0
        yield Need.ORDERS, phrase("it runs orders {runs}, not {given}", runs=seen.orders_version, given=given)


def _needs_of_records(seen: Seen) -> Iterable[tuple[Need, str]]:
    if seen.missing:
        yield Need.MISSING, phrase("{count} of its records are missing: `homeward-intake gaps`", count=seen.missing)
    if seen.doubt is not None:
        yield Need.DOUBT, phrase("its own word can't be verified: {why}", why=seen.doubt)
    if seen.refused:
        said = phrase("{count} of its records are in quarantine: `homeward-intake quarantine`", count=seen.refused)
        yield Need.REFUSED, said


def _needs_of_machine(seen: Seen) -> Iterable[tuple[Need, str]]:
    if seen.clock is ClockQuality.UNSET:
        yield Need.CLOCK, phrase("its clock was never set")
    if seen.free_bytes == 0:
        said = phrase("its card takes no writes: it is full to the last byte, or worn out and read-only")
        yield Need.BLOCKED, said
    elif seen.free_bytes is not None and seen.free_bytes < LITTLE_FREE:
        yield Need.FULL, phrase("only {size} MiB are free", size=seen.free_bytes // (1024 * 1024))
    if seen.temperature_c is not None and seen.temperature_c > HOT_C:
        yield Need.HOT, phrase("it is {degrees} °C hot", degrees=round(seen.temperature_c))


def lags(kiosk: Kiosk, seen: Seen) -> bool:
    """Say whether a kiosk, by its own verified word, runs older orders than it was given."""
    return kiosk.orders is not None and seen.orders_version is not None and seen.orders_version < kiosk.orders.version


def _duration(seconds: int) -> str:
    if seconds >= 2 * DAY:
        return phrase("{count} days", count=seconds // DAY)
    if seconds >= 2 * _HOUR:
        return phrase("{count} hours", count=seconds // _HOUR)
    if seconds >= 2 * _MINUTE:
        return phrase("{count} minutes", count=seconds // _MINUTE)
    return phrase("{count} seconds", count=seconds)


def plain(row: Row) -> dict[str, object]:
    """Give a row as plain values, for scripts."""
    return {
        "kiosk": row.kiosk.plan.id,
        "condition": str(row.condition),
        "plan": msgspec.to_builtins(row.kiosk.plan),
        "needs": [words for _, words in row.needs],
        "orders": row.kiosk.orders.version if row.kiosk.orders else 0,
        "certificate_ends": max((held.not_after for held in row.kiosk.certificates), default=None),
        "seen": None if row.seen is None else msgspec.to_builtins(row.seen),
    }


class RollFile:
    """The view as the office keeps it between two times that it listened. It can be thrown away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked: tuple[Stamp, View | None] | None = None

    def read(self) -> View | None:
        """Give what was kept; None when there is nothing that can be read."""
        try:
            now = stamp(self._path)
            if self._looked is None or self._looked[0] != now:
                self._looked = (now, self._decoded())
            return self._looked[1]
        except OSError:
            return None

    def _decoded(self) -> View | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=View)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def write(self, view: View) -> None:
        """Keep a view, whole. Raises LocalError."""
        write_whole(self._path, msgspec.json.encode(view), replace=True)
