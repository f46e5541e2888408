"""The page behind the code on a label. Its address never changes, so it shows nothing of the fleet and sets no cookie.

Cookies know no ports: what is told or set under 127.0.0.1 would go to every other program of this computer that serves
pages there. So this page says how to come in, under the console's own name of this start, and remembers the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning import labels
from provisioning.console.pages import render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from provisioning.console.door import Door


def signpost(request: Request, door: Door) -> Response | None:
    """Give the page for a label's address; None for an address that no label has."""
    kiosk = labels.kiosk_of(request.url.path)
    if kiosk is None:
        return None
    if request.headers["sec-fetch-site"] == "none":  # a person, not another page, asked for it
        door.go_on_to(labels.page(kiosk))
    return render("signpost.html", kiosk=kiosk, somebody_is_in=door.was_used)
