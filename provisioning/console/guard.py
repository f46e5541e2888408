"""What every request passes before a page sees it: whose it is, which name it used, and which page sent it.

| a hostile page would | what stops it |
|---|---|
| give its own name our address (DNS rebinding) | the Host must be ours, to the letter |
| post a form, or fetch | the cookie is SameSite=Strict; Origin and Sec-Fetch-Site must be ours; forms carry a token |
| put us into a frame and borrow a click | frame-ancestors 'none' |
| run a script that it slipped into a text | no inline script or style, nothing from elsewhere |

Under the address that labels carry (`provisioning.labels`) there is a page that says how to come in, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from provisioning.console.pages import refusal
from provisioning.console.signpost import signpost
from provisioning.languages import phrase

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from provisioning.console.door import Door

COOKIE: Final = "homeward-fleet"
ENTER: Final = "/enter/"
STATIC: Final = "/static/"
_READING: Final = frozenset({"GET", "HEAD"})
_OURS: Final = frozenset({"same-origin", "none"})  # who may look: our own page, or a person

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # not stricter: a form would then name no origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: answers what must not pass, and puts the headers on what does."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        request = Request(scope)
        if request.headers.get("host") == self._door.labels_host:
            answer = self._for_a_label(request)
        else:
            why_not = self._why_not(request)
            answer = self._app if why_not is None else refusal(*why_not)
        await answer(scope, receive, with_headers)

    def _for_a_label(self, request: Request) -> ASGIApp:
        """Answer at the address that labels carry. No page of the fleet is ever reached from here."""
        if request.method in _READING and request.headers.get("sec-fetch-site") in _OURS:
            if request.url.path.startswith(STATIC):
                return self._app
            if (page := signpost(request, self._door)) is not None:
                return page
        return refusal(*_another_name())

    def _why_not(self, request: Request) -> tuple[int, str, str] | None:
        """Give status, reason and next step, or nothing when the request may pass."""
        headers, path, reading = request.headers, request.url.path, request.method in _READING
        if headers.get("host") != self._door.host:
            return _another_name()
        if not reading and headers.get("origin") != self._door.origin:
            return 403, phrase("another page tried to act here"), phrase("Nothing was changed. Close the other page.")
        from_link = path.startswith(ENTER) and reading
        wanted = _OURS if reading else {"same-origin"}
        if not from_link and headers.get("sec-fetch-site") not in wanted:
            return 403, phrase("another page tried to look in here"), phrase("Nothing was shown. Close the other page.")
        if not (from_link or path.startswith(STATIC) or self._door.knows(request.cookies.get(COOKIE, ""))):
            return (
                403,
                phrase("this browser was not let in"),
                phrase(
                    "The link in the terminal works once, in one browser. Stop the console (Ctrl-C) and start it again."
                ),
            )
        return None


def _another_name() -> tuple[int, str, str]:
    return 421, phrase("this is not the console's name"), phrase("Open the link that the terminal shows.")
