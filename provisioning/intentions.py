"""What staff typed, whichever screen they typed it into, made into what an act takes. Every slip gets a sentence."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.errors import LocalError, WireError
from edge_agent.mqtt import split_address
from edge_agent.pins import Pins
from edge_agent.session import languages as spoken
from edge_agent.wire.bundle import Holder
from edge_agent.wire.documents import from_map
from edge_agent.wire.orders import SETTINGS, NoticeWords, OrderedNotice
from provisioning.fleet import Plan
from provisioning.languages import marked, phrase
from provisioning.recipients import recipient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_agent.wire.bundle import Recipient

_LONGEST_LINE: Final = 200  # the wire's own bound
PARTS: Final = {part: part.replace("_", "-") for part in Pins.__struct_fields__}  # as staff write them
BOOLEANS: Final = {"true": True, "yes": True, "false": False, "no": False}
_HOW: Final = {
    "id": marked(
        "the kiosk's name must be lower-case letters, digits and hyphens, at most 32, such as urumqi-station-1"
    ),
    "site.id": marked(
        "the place's id must be lower-case letters, digits and hyphens, at most 32, such as urumqi-station-1"
    ),
    "site.name": marked("the place must be named on one line, in 1 to 200 characters"),
    "site.area": marked("the area must be named on one line, in 1 to 200 characters"),
    "site.latitude": marked("the latitude must lie between -90 and 90 degrees"),
    "site.longitude": marked("the longitude must lie between -180 and 180 degrees"),
    "site.accuracy_m": marked("the place's accuracy must lie between 0 and 100,000 metres"),
    "languages": marked("languages must be codes, such as ug, zh, en"),
    "hardware": marked("the hardware must be raspberry-pi or simulated"),
    "network": marked("the network must be ethernet, wifi or cellular"),
    "screen": marked("whether it has a screen must be yes or no"),
    "voice": marked("whether it has a voice must be yes or no"),
    **{
        f"pins.{part}": marked("a GPIO line is its BCM number, a whole number from 0 to 27")
        for part in Pins.__struct_fields__
    },
}


def pins(texts: Sequence[str]) -> dict[str, str]:
    """Read PART=LINE, such as button=17; a part that is left out is at its usual line. Raises LocalError."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, line = (each.strip() for each in text.partition("="))
        part = name.lower().replace("-", "_")
        if not equals or part not in Pins.__struct_fields__:
            raise LocalError(
                phrase("{text} puts nothing on a GPIO line", text=repr(text)),
                next_step=phrase(
                    "Write PART=LINE, such as button=17; the parts are {parts}.", parts=", ".join(PARTS.values())
                ),
            )
        if part in given:
            raise LocalError(
                phrase("{part} is put on two GPIO lines", part=PARTS[part]), next_step=phrase("Give it one of them.")
            )
        given[part] = line
    return given


def kiosk_plan(values: Mapping[str, object]) -> Plan:
    """Make the plan of a kiosk; numbers may be text. Raises LocalError that names the field."""
    try:
        plan = msgspec.convert(values, Plan, strict=False)
    except msgspec.ValidationError as fault:
        what, _, at = str(fault).partition(" - at `$")
        where = at.strip("`.").partition("[")[0]
        if where == "pins":
            what = phrase("button and lights can't be wired so: {why}", why=what)
        raise LocalError(
            phrase(_HOW[where]) if where in _HOW else what, next_step=phrase("Correct that, and try again.")
        ) from None
    if unknown := [language for language in plan.languages if language not in spoken.codes()]:
        raise LocalError(
            phrase("no kiosk has words in {languages}", languages=", ".join(unknown)),
            next_step=phrase("Choose among these: {languages}.", languages=", ".join(spoken.codes())),
        )
    if not plan.screen and not plan.voice:
        raise LocalError(
            phrase(
                "kiosk {kiosk} would have neither a screen nor a voice: nobody could know there what they agree to",
                kiosk=plan.id,
            ),
            next_step=phrase(
                "Give it one of them. Where a notice on paper hangs beside it, add it with a voice, and write "
                "[printed_notice] in the place of [voice] into kiosk.toml on its card."
            ),
        )
    return plan


def ordered_settings(given: Sequence[str], taken_back: Sequence[str]) -> dict[str, str | float | None]:
    """Read NAME=VALUE and NAME; each value becomes what its setting takes. Raises LocalError."""
    changes: dict[str, str | float | None] = dict.fromkeys(taken_back)
    for text in given:
        name, equals, value = text.partition("=")
        kind = SETTINGS.get(name.strip())
        if not equals or kind is None:
            raise LocalError(
                phrase("{text} orders nothing", text=repr(text)),
                next_step=phrase("Write NAME=VALUE; these can be: {settings}", settings=", ".join(SETTINGS)),
            )
        try:
            changes[name.strip()] = BOOLEANS[value.strip().lower()] if kind is bool else kind(value.strip())
        except (ValueError, KeyError):
            raise LocalError(
                phrase("{name} takes no {value}", name=name, value=repr(value)),
                next_step=phrase("Give it as {kind}.", kind=kind.__name__),
            ) from None
    return changes


def ordered_notice(text: str) -> OrderedNotice:
    """Read a notice in TOML: its `id`, and a table for each language with all five sentences. Raises LocalError."""
    sentences = ", ".join(NoticeWords.__struct_fields__)
    how = f'Write id = "NAME-1", then [en] with {sentences}, each = "…", and the same for each other language.'
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise LocalError(phrase("this is no notice: {why}", why=fault), next_step=how) from None
    words = {name: table for name, table in read.items() if name != "id"}
    try:
        return from_map({"id": read.get("id"), "words": words}, OrderedNotice)
    except WireError as fault:
        raise LocalError(phrase("this notice can't be ordered: {why}", why=fault.what), next_step=how) from None


def one_line(text: str) -> str:
    """Give a text that is one line of a bundle. Raises LocalError."""
    if not 1 <= len(text) <= _LONGEST_LINE or not text.isprintable():
        raise LocalError(
            phrase("{text} must be one line of 1 to 200 characters", text=repr(text[:40])),
            next_step=phrase("Write it shorter."),
        )
    return text


def addresses(texts: Sequence[str]) -> list[str]:
    """Give brokers' addresses. Raises LocalError when there is none, or one that is no host:port."""
    for text in texts:
        split_address(text)
    if not texts:
        raise LocalError(phrase("a fleet needs a broker's address"), next_step=phrase("Give it as host:port."))
    return list(texts)


def first_recipients(caseworkers: Sequence[tuple[str, str]], escrows: Sequence[tuple[str, str]]) -> list[Recipient]:
    """Give a new fleet's recipients, each out of its `.pub` file: where it came from, and its line.

    Raises LocalError, also when one kind is lacking.
    """
    if not caseworkers or not escrows:
        raise LocalError(
            phrase("a fleet needs the key of at least one caseworker, and an escrow's"),
            next_step=phrase(
                "Each makes one with `homeward-desk key`; give the .pub files with --recipient and --escrow."
            ),
        )
    kinds = ((Holder.CASEWORKER, caseworkers), (Holder.ESCROW, escrows))
    return [recipient_of(source, line, holder) for holder, given in kinds for source, line in given]


def recipient_of(source: str, line: str, holder: Holder) -> Recipient:
    """Read one recipient; an error names the file that it came from. Raises LocalError."""
    try:
        return recipient(line, holder)
    except LocalError as fault:
        raise LocalError(f"{source}: {fault.what}", next_step=fault.next_step) from fault
