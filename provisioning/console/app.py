"""All pages behind one guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from edge_agent.errors import HomewardError
from provisioning.console import (
    beginning,
    enrolment,
    kiosks,
    kiosks_list,
    language,
    log,
    orders,
    recipients,
    rotation,
    servers,
)
from provisioning.console.call import acting, go, looking
from provisioning.console.guard import COOKIE, ENTER, STATIC, Guard
from provisioning.console.pages import refusal, render, trouble
from provisioning.console.vendored import STATIC as STATIC_FILES
from provisioning.languages import phrase

if TYPE_CHECKING:
    from starlette.requests import Request

    from provisioning.console.call import Call, Console, Form

_NOT_FOUND: Final = 404


def build(console: Console) -> Starlette:
    """Give the application."""
    app = Starlette(
        routes=[
            Route(f"{ENTER}{{link}}", _enter, methods=["GET"]),
            Mount(STATIC.rstrip("/"), StaticFiles(directory=STATIC_FILES)),
            looking("/done/{name}", _done),
            looking("/download/{token}", _download),
            acting("/leave", _show_leave, _leave),
            *language.routes(),
            *beginning.routes(),
            *recipients.routes(),
            *servers.routes(),
            *kiosks.routes(),
            *kiosks_list.routes(),
            *enrolment.routes(),
            *orders.routes(),
            *rotation.routes(),
            *log.routes(),
        ],
        middleware=[Middleware(language.Speaking), Middleware(Guard, door=console.door)],
        exception_handlers={HomewardError: _trouble, HTTPException: _refused, 500: _ours},
    )
    app.state.console = console
    return app


async def _enter(request: Request) -> Response:
    """Exchange the link for a session. The page then goes on by itself: the first step within our own site."""
    console: Console = request.app.state.console
    session = console.door.enter(request.path_params["link"]) if request.method == "GET" else None
    if session is None:
        return refusal(
            403,
            phrase("this link was used already, or is not this console's"),
            phrase("If it was not you who used it, stop the console (Ctrl-C). Start it again for a new link."),
        )
    answer = render("enter.html", address=console.door.wanted())
    answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", path="/")
    return answer


def _done(call: Call) -> Response:
    done = call.console.done.get(call.path["name"])
    return go("/") if done is None else call.page("done.html", done=done, state=call.office.state())


def _download(call: Call) -> Response:
    name, content = call.console.downloads.take(call.path["token"])
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},  # made of an id: letters, digits, hyphens
    )


def _show_leave(_call: Call) -> Response:
    return go("/")


def _leave(call: Call, _form: Form) -> Response:
    """Let nobody in any more, and end the server once this page is out."""
    call.console.door.close()
    answer = refusal(
        200, phrase("The console is closed"), phrase("You can close this page. The terminal is free again.")
    )
    answer.background = BackgroundTask(call.console.stop)
    return answer


async def _trouble(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HomewardError)
    return trouble(fault)


async def _refused(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    if fault.status_code == _NOT_FOUND:
        return refusal(_NOT_FOUND, phrase("there is no such page"), phrase("Go to the fleet's page."))
    return refusal(fault.status_code, fault.detail, phrase("Nothing was changed. Go back."))


async def _ours(_request: Request, _fault: Exception) -> Response:
    return refusal(
        500,
        phrase("the console has a fault"),
        phrase("Look at the fleet: each act happened or did not. The terminal shows the fault."),
    )
