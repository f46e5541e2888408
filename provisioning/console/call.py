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
from provisioning.console.overview import Lookout
from provisioning.console.pages import refusal, render
from provisioning.console.work import Work
from provisioning.languages import Language, phrase, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import HTMLResponse

    from provisioning.acts.revocation import Step
    from provisioning.broker_check import Finding
    from provisioning.console.door import Door
    from provisioning.console.downloads import Downloads
    from provisioning.console.reception import Reception
    from provisioning.office import Office

    Show = Callable[["Call"], Response]
    Act = Callable[["Call", "Form"], Response]

# Every field whose name begins so is secret: never shown again, never kept.
PASSPHRASE: Final = "passphrase"  # noqa: S105 - a field's name
TOKEN: Final = "form-token"  # noqa: S105 - a field's name
_LARGEST: Final = 64 * 1024  # of a file or a text, in bytes: larger than any key or request
_MOST_FIELDS: Final = 100


@dataclass(frozen=True, slots=True)
class Done:
    """What an act did, told on a page of its own, so that a reload never acts again."""

    title: str
    lines: list[str]
    downloads: Mapping[str, str] = field(default_factory=dict)  # words to address
    next_pages: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    language: Language = field(default_factory=spoken)  # in which it is told, whatever is chosen later


@dataclass
class Console:
    """What lives as long as the server. No passphrase is in it, and no key but while the reception is open."""

    office: Callable[[], Office]  # made anew for each request, with the time of then
    door: Door
    downloads: Downloads
    stop: Callable[[], None] = lambda: None
    work: Work[Finding] = field(default_factory=Work)
    done: dict[str, Done] = field(default_factory=dict)
    lookout: Lookout = field(default_factory=Lookout)
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
            raise LocalError(phrase("the passphrase is empty"), next_step=phrase("Type it, and send the form again."))
        return found

    def new_secret(self, name: str, whose: str) -> str:
        """Give a new passphrase that was typed twice. Raises LocalError."""
        found = self.secret(name)
        if found != self.values.get(f"{name}-again", [""])[0]:
            raise LocalError(
                phrase("the two passphrases of {whose} differ", whose=whose), next_step=phrase("Type both again.")
            )
        return found

    def number(self, name: str) -> float:
        """Give a number. Raises LocalError."""
        try:
            return float(self.text(name))
        except ValueError:
            raise LocalError(
                phrase("{field}: {typed} is no number", field=name.replace("-", " "), typed=repr(self.text(name))),
                next_step=phrase("Write it like 43.8."),
            ) from None

    def lines(self, name: str) -> list[tuple[str, str]]:
        """Give the texts of uploaded files with their names, then the lines that were pasted. Raises LocalError."""
        return self._sent(name) + [
            (phrase("the pasted line"), line) for line in self.text(f"{name}-pasted").splitlines() if line.strip()
        ]

    def document(self, name: str) -> str:
        """Give the text of an uploaded file, or what was pasted in its place. Raises LocalError."""
        found = next((text for _, text in self._sent(name)), self.text(f"{name}-pasted"))
        if not found:
            raise LocalError(phrase("there is no list"), next_step=phrase("Choose its file, or paste its lines."))
        return found

    def _sent(self, name: str) -> list[tuple[str, str]]:
        try:
            return [(file, content.decode("utf-8")) for file, content in self.files.get(name, []) if content]
        except UnicodeDecodeError as fault:
            raise LocalError(
                phrase("the file is not UTF-8 text"),
                next_step=phrase("Choose the right one, or save it again in UTF-8."),
            ) from fault

    def file(self, name: str) -> bytes:
        """Give an uploaded file's content. Raises LocalError when there is none."""
        for _, content in self.files.get(name, []):
            if content:
                return content
        raise LocalError(
            phrase("the file for {name} is missing", name=name), next_step=phrase("Choose it, and send the form again.")
        )

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


def acting(path: str, show: Show, act: Act, *, largest: int = _LARGEST) -> Route:
    """Make a page with a form: `show` gives it, `act` does it; after a slip `show` says why.

    No file that it takes has more than `largest` bytes.
    """

    async def endpoint(request: Request) -> Response:
        if request.method != "POST":
            return await run_in_threadpool(show, _call(request, dict(request.query_params)))
        form = await _read(request, largest)
        console: Console = request.app.state.console
        if not console.door.is_form(form.text(TOKEN)):
            return refusal(
                403,
                phrase("this form is not one of the console's"),
                phrase("Nothing was changed. Open the page again."),
            )
        try:
            return await run_in_threadpool(act, _call(request, form.shown_again), form)
        except HomewardError as fault:
            return await run_in_threadpool(show, _call(request, form.shown_again, fault))

    return Route(path, endpoint, methods=["GET", "POST"])


def _call(request: Request, typed: Mapping[str, str], fault: HomewardError | None = None) -> Call:
    console: Console = request.app.state.console
    return Call(console, console.office(), request.path_params, typed, fault)


async def _read(request: Request, largest: int) -> Form:
    values: dict[str, list[str]] = {}
    files: dict[str, list[tuple[str, bytes]]] = {}
    # A file that was shown comes back as a text, in which each end of a line is two bytes.
    async with request.form(max_files=32, max_fields=_MOST_FIELDS, max_part_size=2 * largest) as sent:
        for name, value in sent.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read(largest + 1)
                if len(content) > largest:
                    raise HTTPException(
                        413, phrase("this file is larger than {size} KiB, the most that is taken", size=largest // 1024)
                    )
                files.setdefault(name, []).append((value.filename or "a file", content))
            else:
                values.setdefault(name, []).append(value)
    return Form(values, files)
