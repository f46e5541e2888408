"""How pages are made: templates, times in words, and each command that an error names as a link to its page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from edge_agent.wire.fields import ClockQuality
from edge_agent.wire.keys import kid
from provisioning import languages
from provisioning.console import vendored
from provisioning.fleet import Condition, Hardware, Network
from provisioning.languages import marked, phrase, spoken, without_isolates
from provisioning.words import moment, recorded, wired

if TYPE_CHECKING:
    from edge_agent.errors import HomewardError
    from edge_agent.wire.bundle import Recipient

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

# What the command line calls by a command, the console has on a page.
_PAGES: Final = {
    "homeward-fleet init": "/begin",
    "homeward-fleet list": "/",
    "homeward-fleet add": "/add",
    "homeward-fleet add-many": "/add/many",
    "homeward-fleet list --ask": "/enrol",
    "homeward-fleet enrol": "/enrol",
    "homeward-fleet audit": "/log",
    "homeward-fleet backup prove": "/paper",
    "homeward-fleet backup restore": "/paper/restore",
    "homeward-fleet recipients list": "/recipients",
    "homeward-fleet recipients renew": "/recipients/sign?change=renew",
    "homeward-fleet broker": "/servers",
    "homeward-fleet broker check": "/servers/check",
    "homeward-fleet intake": "/servers/intake",
}
_COMMAND: Final = re.compile(r"`([^`]+)`")
_TERMS: Final = {
    "needs a person": marked("needs a person"),
    Condition.CARD_EXPIRED: marked("card expired"),
    Condition.WAITING: marked("waiting for first boot"),
    Condition.IN_SERVICE: marked("in service"),
    Condition.REVOKED: marked("revoked"),
    Hardware.RASPBERRY_PI: marked("Raspberry Pi"),
    Hardware.SIMULATED: marked("simulated"),
    Network.ETHERNET: marked("Ethernet"),
    Network.WIFI: marked("Wi-Fi"),
    Network.CELLULAR: marked("cellular"),
    ClockQuality.SYNCHRONISED: marked("synchronised"),
    ClockQuality.HOLDOVER: marked("holdover"),
    ClockQuality.UNSET: marked("unset"),
}
_STOPS: Final = (".", "?", "!", "。", "？", "！", "؟")  # noqa: RUF001 - Chinese and Uyghur ones
_CARD: Final = re.compile(r"homeward-fleet card ([a-z0-9-]+)")


def term(value: str) -> str:
    """Say one of the fleet's fixed terms, such as a kiosk's condition."""
    return phrase(_TERMS[value])


def ago(seconds: int, now: int) -> str:
    """Say how far a time is from now, in words."""
    apart, ahead = abs(seconds - now), seconds > now
    if apart < _MINUTE:
        return phrase("now")
    if apart < 2 * _MINUTE:
        return phrase("in a minute") if ahead else phrase("a minute ago")
    if apart < 2 * _HOUR:
        count = apart // _MINUTE
        return phrase("in {count} minutes", count=count) if ahead else phrase("{count} minutes ago", count=count)
    if apart < 2 * _DAY:
        count = apart // _HOUR
        return phrase("in {count} hours", count=count) if ahead else phrase("{count} hours ago", count=count)
    count = apart // _DAY
    return phrase("in {count} days", count=count) if ahead else phrase("{count} days ago", count=count)


def sentence(text: str) -> str:
    """Begin a sentence as sentences begin, with a full stop at its end."""
    stop = "" if text.endswith(_STOPS) else "。" if spoken().code == "zh" and spoken().writes(text) else "."
    return text[:1].upper() + text[1:] + stop


def linked(text: str) -> Markup:
    """Write a sentence; a command in backticks that the console has a page for is a link to it.

    A sentence that is still in English is marked as such, and runs as English does.
    """
    parts = _COMMAND.split(text)
    said = Markup("").join(_command(part) if index % 2 else escape(part) for index, part in enumerate(parts))
    return said if spoken().writes(text) else Markup('<bdi lang="en" dir="ltr">{}</bdi>').format(said)


def _command(marked: str) -> Markup:
    text = without_isolates(marked)
    card = _CARD.fullmatch(text)
    address = f"/kiosks/{quote(card[1])}/card" if card else _PAGES.get(text)
    code = Markup('<code dir="ltr">{}</code>').format(text)
    return Markup('<a href="{}">{}</a>').format(address, code) if address else code


def _fingerprint(who: Recipient) -> str:
    return kid(who.key).hex()


def _gettext(english: str) -> str:
    return spoken().words.gettext(english)


def _ngettext(one: str, many: str, count: int) -> str:
    return spoken().words.ngettext(one, many, count)


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": moment, "ago": ago, "recorded": recorded}
    made.filters |= {"linked": linked, "sentence": sentence, "fingerprint": _fingerprint}
    made.globals |= {"term": term, "wired": wired, "integrity": vendored.INTEGRITY, "languages": languages.every}
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's own method
        _gettext, _ngettext, newstyle=True
    )
    return made


TEMPLATES: Final = _environment()


def render(template: str, *, status: int = 200, **context: object) -> HTMLResponse:
    """Make a page of a template."""
    return HTMLResponse(TEMPLATES.get_template(template).render(context, spoken=spoken()), status_code=status)


def refusal(status: int, what: str, next_step: str) -> HTMLResponse:
    """Make the page for somebody who may not see anything."""
    return render("outside.html", status=status, what=what, next_step=next_step)


def trouble(fault: HomewardError) -> HTMLResponse:
    """Make the page for what could not be shown at all: no fleet, a damaged one."""
    return render("trouble.html", status=409, fault=fault)
