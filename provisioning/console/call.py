"""One request as the pages see it, and the two shapes that a page has: something to look at, and a form that acts."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge_agent.errors import HomewardError, LocalError
from provisioning.console.pages import refusal, render
from provisioning.console.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import HTMLResponse

    from provisioning.broker_check import Finding
    from provisioning.console.door import Door
    from provisioning.console.downloads import Downloads
    from provisioning.console.reception import Reception
    from provisioning.office import Office
    from provisioning.revocation import Step

    Show = Callable[["Call"], Response]
    Act = Callable[["Call", "Form"], Response]

# Every field whose name begins so is secret: never shown again, never kept.
PASSPHRASE: Final = "passphrase"  # noqa: S105 - a field's name
TOKEN: Final = "form-token"  # noqa: S105 - a field's name
_LARGEST_FILE: Final = 64 * 1024
_MOST_FIELDS: Final = 100


@dataclass(frozen=True, slots=True)
class Done:
    """What an act did, told on a page of its own, so that a reload never acts again."""

    title: str
    lines: list[str]
    downloads: Mapping[str, str] = field(default_factory=dict)  # words to address
    next_pages: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()


@dataclass
class Console:
    """What lives as long as the server. No passphrase is in it, and no key but while the reception is open."""

    office: Callable[[], Office]  # made anew for each request, with the time of then
    door: Door
    downloads: Downloads
    stop: Callable[[], None] = lambda: None
    work: Work[Finding] = field(default_factory=Work)
    done: dict[str, Done] = field(default_factory=dict)
    draft: dict[str, str] = field(default_factory=dict)  # a fleet that is being begun
    reception: Reception | None = None  # open while kiosks may come in
    sheets: list[str] = field(default_factory=list)  # the root's words, until the paper was read back


@dataclass(frozen=True, slots=True)
class Form:
    """What a browser sent."""

    values: Mapping[str, list[str]]
    files: Mapping[str, list[tuple[str, bytes]]]

    def text(self, name: str) -> str:
        """Give a field's text, stripped; nothing when it was left out."""
        return self.values.get(name, [""])[0].strip()

    def secret(self, name: str = PASSPHRASE) -> str:
        """Give a passphrase, as it was typed. Raises LocalError when there is none."""
        found = self.values.get(name, [""])[0]
        if not found:
            raise LocalError("the passphrase is empty", next_step="Type it, and send the form again.")
        return found

    def new_secret(self, name: str, whose: str) -> str:
        """Give a new passphrase that was typed twice. Raises LocalError."""
        found = self.secret(name)
        if found != self.values.get(f"{name}-again", [""])[0]:
            raise LocalError(f"the two passphrases of {whose} differ", next_step="Type both again.")
        return found

    def number(self, name: str) -> float:
        """Give a number. Raises LocalError."""
        try:
            return float(self.text(name))
        except ValueError:
            raise LocalError(
                f"{name.replace('-', ' ')}: {self.text(name)!r} is no number", next_step="Write it like 43.8."
            ) from None

    def lines(self, name: str) -> list[tuple[str, str]]:
        """Give the texts of uploaded files with their names, then the lines that were pasted."""
        try:
            sent = [(file, content.decode("utf-8")) for file, content in self.files.get(name, []) if content]
        except UnicodeDecodeError as fault:
            raise LocalError("a file is no text", next_step="Choose the right one.") from fault
        return sent + [("the pasted line", line) for line in self.text(f"{name}-pasted").splitlines() if line.strip()]

    def file(self, name: str) -> bytes:
        """Give an uploaded file's content. Raises LocalError when there is none."""
        for _, content in self.files.get(name, []):
            if content:
                return content
        raise LocalError(f"the file for {name} is missing", next_step="Choose it, and send the form again.")

    @property
    def shown_again(self) -> dict[str, str]:
        """What may stand in the form again after a slip."""
        return {name: texts[0] for name, texts in self.values.items() if not name.startswith((PASSPHRASE, TOKEN))}


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the console, the office at this moment, what was typed before, what went wrong."""

    console: Console
    office: Office
    path: Mapping[str, str]
    typed: Mapping[str, str]
    fault: HomewardError | None = None

    def page(self, template: str, **context: object) -> HTMLResponse:
        """Make a page within the console's frame."""
        return render(
            template,
            status=200 if self.fault is None else 422,
            form_token=self.console.door.form_token,
            now=self.office.now,
            who=self.office.who,
            folder=self.office.directory.path,
            typed=self.typed,
            fault=self.fault,
            **context,
        )

    def tell(self, done: Done) -> Response:
        """Go to a page that says what was done."""
        name = secrets.token_urlsafe(8)
        self.console.done[name] = done
        return go(f"/done/{name}")


def go(address: str) -> Response:
    """Go on to another page."""
    return RedirectResponse(address, status_code=303)


def looking(path: str, show: Show) -> Route:
    """Make a page that only shows."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(show, _call(request, dict(request.query_params)))

    return Route(path, endpoint, methods=["GET"])


def acting(path: str, show: Show, act: Act) -> Route:
    """Make a page with a form: `show` gives it, `act` does it; after a slip `show` says why."""

    async def endpoint(request: Request) -> Response:
        if request.method != "POST":
            return await run_in_threadpool(show, _call(request, dict(request.query_params)))
        form = await _read(request)
        console: Console = request.app.state.console
        if not console.door.is_form(form.text(TOKEN)):
            return refusal(403, "this form is not one of the console's", "Nothing was changed. Open the page again.")
        try:
            return await run_in_threadpool(act, _call(request, form.shown_again), form)
        except HomewardError as fault:
            return await run_in_threadpool(show, _call(request, form.shown_again, fault))

    return Route(path, endpoint, methods=["GET", "POST"])


def _call(request: Request, typed: Mapping[str, str], fault: HomewardError | None = None) -> Call:
    console: Console = request.app.state.console
    return Call(console, console.office(), request.path_params, typed, fault)


async def _read(request: Request) -> Form:
    values: dict[str, list[str]] = {}
    files: dict[str, list[tuple[str, bytes]]] = {}
    async with request.form(max_files=32, max_fields=_MOST_FIELDS, max_part_size=_LARGEST_FILE) as sent:
        for name, value in sent.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read(_LARGEST_FILE + 1)
                if len(content) > _LARGEST_FILE:
                    raise HTTPException(413, "this file is larger than any key or request")
                files.setdefault(name, []).append((value.filename or "a file", content))
            else:
                values.setdefault(name, []).append(value)
    return Form(values, files)
