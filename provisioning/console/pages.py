"""How pages are made: templates, times in words, and each command that an error names as a link to its page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from edge_agent.wire.keys import kid
from provisioning.console import vendored
from provisioning.words import moment

if TYPE_CHECKING:
    from edge_agent.errors import HomewardError
    from edge_agent.wire.bundle import Recipient

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_UNITS: Final = ((2 * _DAY, _DAY, "days"), (2 * _HOUR, _HOUR, "hours"), (2 * _MINUTE, _MINUTE, "minutes"))

# What the command line calls by a command, the console has on a page.
_PAGES: Final = {
    "homeward-fleet init": "/begin",
    "homeward-fleet list": "/",
    "homeward-fleet add": "/add",
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
_CARD: Final = re.compile(r"homeward-fleet card ([a-z0-9-]+)")


def ago(seconds: int, now: int) -> str:
    """Say how far a time is from now, in words."""
    apart = abs(seconds - now)
    for least, unit, name in _UNITS:
        if apart >= least:
            amount = f"{apart // unit} {name}"
            return f"in {amount}" if seconds > now else f"{amount} ago"
    return "now" if apart < _MINUTE else ("in a minute" if seconds > now else "a minute ago")


def sentence(text: str) -> str:
    """Begin a sentence as sentences begin, with a full stop at its end."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def linked(text: str) -> Markup:
    """Write a sentence; a command in backticks that the console has a page for is a link to it."""
    parts = _COMMAND.split(text)
    return Markup("").join(_command(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def _command(text: str) -> Markup:
    card = _CARD.fullmatch(text)
    address = f"/kiosks/{quote(card[1])}/card" if card else _PAGES.get(text)
    code = Markup("<code>{}</code>").format(text)
    return Markup('<a href="{}">{}</a>').format(address, code) if address else code


def _fingerprint(who: Recipient) -> str:
    return kid(who.key).hex()


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": moment, "ago": ago, "linked": linked, "sentence": sentence, "fingerprint": _fingerprint}
    made.globals |= {"integrity": vendored.INTEGRITY, "language": "en", "direction": "ltr"}
    return made


_PAGE: Final = _environment()


def render(template: str, *, status: int = 200, **context: object) -> HTMLResponse:
    """Make a page of a template."""
    return HTMLResponse(_PAGE.get_template(template).render(context), status_code=status)


def refusal(status: int, what: str, next_step: str) -> HTMLResponse:
    """Make the page for somebody who may not see anything."""
    return render("outside.html", status=status, what=what, next_step=next_step)


def trouble(fault: HomewardError) -> HTMLResponse:
    """Make the page for what could not be shown at all: no fleet, a damaged one."""
    return render("trouble.html", status=409, fault=fault)
