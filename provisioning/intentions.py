"""What staff typed, whichever screen they typed it into, made into what an act takes. Every slip gets a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.errors import LocalError
from edge_agent.mqtt import split_address
from edge_agent.wire.bundle import Holder
from edge_agent.wire.orders import SETTINGS
from provisioning.fleet import Plan
from provisioning.office import recipient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_agent.wire.bundle import Recipient

_LONGEST_LINE: Final = 200  # the wire's own bound
_BOOLEANS: Final = {"true": True, "yes": True, "false": False, "no": False}
_ID: Final = "lower-case letters, digits and hyphens, at most 32, such as urumqi-station-1"
_HOW: Final = {
    "id": f"the kiosk's name must be {_ID}",
    "site.id": f"the place's id must be {_ID}",
    "site.name": "the place must be named on one line, in 1 to 200 characters",
    "site.area": "the area must be named on one line, in 1 to 200 characters",
    "site.latitude": "the latitude must lie between -90 and 90 degrees",
    "site.longitude": "the longitude must lie between -180 and 180 degrees",
    "site.accuracy_m": "the place's accuracy must lie between 0 and 100,000 metres",
    "languages": "languages must be codes, such as ug, zh, en",
}


def kiosk_plan(values: Mapping[str, object]) -> Plan:
    """Make the plan of a kiosk. Raises LocalError that names the field."""
    try:
        return msgspec.convert(values, Plan)
    except msgspec.ValidationError as fault:
        what, _, at = str(fault).partition(" - at `$")
        where = at.strip("`.").partition("[")[0]
        raise LocalError(_HOW.get(where, what), next_step="Correct that, and try again.") from None


def ordered_settings(given: Sequence[str], taken_back: Sequence[str]) -> dict[str, str | float | None]:
    """Read NAME=VALUE and NAME; each value becomes what its setting takes. Raises LocalError."""
    changes: dict[str, str | float | None] = dict.fromkeys(taken_back)
    for text in given:
        name, equals, value = text.partition("=")
        kind = SETTINGS.get(name.strip())
        if not equals or kind is None:
            raise LocalError(
                f"{text!r} orders nothing", next_step="Write NAME=VALUE; these can be: " + ", ".join(SETTINGS)
            )
        try:
            changes[name.strip()] = _BOOLEANS[value.strip().lower()] if kind is bool else kind(value.strip())
        except (ValueError, KeyError):
            raise LocalError(f"{name} takes no {value!r}", next_step=f"Give it as {kind.__name__}.") from None
    return changes


def one_line(text: str) -> str:
    """Give a text that is one line of a bundle. Raises LocalError."""
    if not 1 <= len(text) <= _LONGEST_LINE or not text.isprintable():
        raise LocalError(f"{text[:40]!r} must be one line of 1 to 200 characters", next_step="Write it shorter.")
    return text


def addresses(texts: Sequence[str]) -> list[str]:
    """Give brokers' addresses. Raises LocalError when there is none, or one that is no host:port."""
    for text in texts:
        split_address(text)
    if not texts:
        raise LocalError("a fleet needs a broker's address", next_step="Give it as host:port.")
    return list(texts)


def first_recipients(caseworkers: Sequence[tuple[str, str]], escrows: Sequence[tuple[str, str]]) -> list[Recipient]:
    """Give a new fleet's recipients, each out of its `.pub` file: where it came from, and its line.

    Raises LocalError, also when one kind is lacking.
    """
    if not caseworkers or not escrows:
        raise LocalError(
            "a fleet needs the key of at least one caseworker, and an escrow's",
            next_step="Each makes one with `homeward-desk key`; give the .pub files with --recipient and --escrow.",
        )
    kinds = ((Holder.CASEWORKER, caseworkers), (Holder.ESCROW, escrows))
    return [recipient_of(source, line, holder) for holder, given in kinds for source, line in given]


def recipient_of(source: str, line: str, holder: Holder) -> Recipient:
    """Read one recipient; an error names the file that it came from. Raises LocalError."""
    try:
        return recipient(line, holder)
    except LocalError as fault:
        raise LocalError(f"{source}: {fault.what}", next_step=fault.next_step) from fault
