"""All that is known of one kiosk, for the command line: what staff said it is, and what it last said of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.fleet import Hardware
from provisioning.words import moment, until, wired

if TYPE_CHECKING:
    from provisioning.fleet import Kiosk, Plan, State
    from provisioning.fleet_view import Row, Seen

Facts = list[tuple[str, str]]


def particulars(state: State, row: Row) -> Facts:
    """Give the facts, each with its name."""
    kiosk = row.kiosk
    facts = [("state", f"{row.condition}; {until(row.condition, kiosk)}")]
    facts += [("needs a person", words) for _, words in row.needs]
    facts += _planned(kiosk.plan)
    facts.append(("added", moment(kiosk.added_at)))
    if kiosk.claim.used_at is not None:
        facts.append(("in service since", moment(kiosk.claim.used_at)))
    if kiosk.successor_of:
        facts.append(("in the place of", kiosk.successor_of))
    return facts + ([] if row.seen is None else _said(state, kiosk, row.seen))


def _planned(plan: Plan) -> Facts:
    site = plan.site
    facts = [
        ("place", f"{site.name}, {site.area}"),
        ("where exactly", f"{site.latitude}, {site.longitude}, give or take {site.accuracy_m} m"),
        ("languages", ", ".join(plan.languages)),
        ("time zone", plan.time_zone),
        ("made of", str(plan.hardware)),
        ("screen", _yes(plan.screen)),
        ("voice", _yes(plan.voice)),
        ("network", str(plan.network)),
    ]
    return facts + ([("button and lights", wired(plan.pins))] if plan.hardware is Hardware.RASPBERRY_PI else [])


def _said(state: State, kiosk: Kiosk, seen: Seen) -> Facts:
    free = None if seen.free_bytes is None else f"{seen.free_bytes // (1024 * 1024)} MiB"
    hot = None if seen.temperature_c is None else f"{seen.temperature_c:.1f} °C"
    ready = seen.ready if seen.ready is None else _yes(seen.ready) + (f": {seen.blocked_by}" if seen.blocked_by else "")
    ordered, signed = kiosk.orders.version if kiosk.orders else 0, state.trusted.content.version
    return [
        ("heard", f"{moment(seen.at)}, {'online' if seen.online else 'not connected'}"),
        ("takes reports", _or_none(ready)),
        (
            "waiting in its outbox",
            f"{seen.backlog} report{'' if seen.backlog == 1 else 's'}, {seen.backlog_bytes // 1024} KiB",
        ),
        ("missing in its chain", str(seen.missing or "none")),
        ("in quarantine", str(seen.refused or "none")),
        ("clock", _or_none(seen.clock)),
        ("free space", _or_none(free)),
        ("temperature", _or_none(hot)),
        ("version", seen.version or _or_none(None)),
        ("models", ", ".join(seen.models) or _or_none(None)),
        ("runs orders", f"{_or_none(seen.orders_version)}; ordered: {ordered}"),
        ("has bundle", f"{_or_none(seen.bundle_version)}; signed: {signed}"),
    ]


def _yes(has: bool) -> str:  # noqa: FBT001 - the one thing it says
    return "yes" if has else "no"


def _or_none(said: object) -> str:
    return "no word of it" if said is None else str(said)
