"""Which language a page speaks: the one that was chosen on a page, or else the first that the browser asks for.

The choice is a cookie of this console alone. Choosing changes nothing else, so it is a link: the guard lets nobody
follow it from another page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from edge_agent.catalogues import SOURCE
from provisioning import languages
from provisioning.console.call import go

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from provisioning.console.call import Console

COOKIE: Final = "homeward-language"
_MOST_ASKED: Final = 20  # languages; a browser names a few


def routes() -> list[Route]:
    """Give the links that choose a language."""
    return [Route("/language/{code}", _choose, methods=["GET"])]


class Speaking:
    """ASGI middleware: lets everything behind it speak the request's language."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            request = Request(scope)
            chosen = request.cookies.get(COOKIE, "")
            asked = request.headers.get("accept-language", "")
            languages.speak(chosen if chosen in languages.codes() else asked_for(asked))
        await self._app(scope, receive, send)


def asked_for(header: str) -> str:
    """Give the language that a browser likes best of those that there are words for (RFC 9110, 12.5.4)."""
    liked: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:_MOST_ASKED]):
        tag, _, weight = part.partition(";")
        code = tag.strip().partition("-")[0].lower()
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if code in languages.codes() and quality > 0:
            liked.append((-quality, place, code))
    return min(liked)[2] if liked else SOURCE


async def _choose(request: Request) -> Response:
    """Keep the choice, and go back to the page on which it was made."""
    console: Console = request.app.state.console
    code = request.path_params["code"]
    if code not in languages.codes():
        raise HTTPException(404)
    page = request.headers.get("referer", "")  # our own, whole: by our Referrer-Policy and the guard
    answer = go(page if page.startswith(f"{console.door.origin}/") else "/")
    answer.set_cookie(COOKIE, code, httponly=True, samesite="strict", path="/")
    return answer
