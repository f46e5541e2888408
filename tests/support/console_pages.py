"""Every page of the console that can be looked at, by its route: addresses in a fleet with three kiosks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.support.browser import judge, picture

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDE, NARROW = 1280, 360
LIST = (
    "id,place,area,latitude,longitude,time-zone,languages,network\n"
    'north-1,"Station, north",Ürümqi,43.8,87.6,Asia/Urumqi,"ug,zh",wifi\n'
    "south-1,火车站,ئۈرۈمچى,43.79,87.58,Asia/Urumqi,ug zh en,cellular\n"
)

PAGES = {
    "/": ["/", "/?q=nothing-like-that", "/?state=revoked"],
    "/add": ["/add"],
    "/add/many": [
        "/add/many",
        f"/add/many?shown=yes&list-pasted={quote(LIST)}",
        f"/add/many?shown=with-slips&list-pasted={quote(LIST.replace('north-1', 'North').replace('43.8', '143.8'))}",
    ],
    "/kiosks/{kiosk}": ["/kiosks/waiting-1", "/kiosks/working-1", "/kiosks/gone-1", "/kiosks/nobody"],
    "/kiosks/{kiosk}/card": ["/kiosks/waiting-1/card"],
    "/kiosks/{kiosk}/certify": ["/kiosks/waiting-1/certify"],
    "/kiosks/{kiosk}/revoke": ["/kiosks/working-1/revoke", "/kiosks/gone-1/revoke"],
    "/kiosks/{kiosk}/replace": ["/kiosks/gone-1/replace"],
    "/order": ["/order", "/order?kiosk=working-1", "/order?kiosk=working-1&look=yes&mode=pause", "/order?look=yes"],
    "/enrol": ["/enrol"],
    "/recipients": ["/recipients"],
    "/recipients/add": ["/recipients/add"],
    "/recipients/sign": ["/recipients/sign?change=renew"],
    "/paper/restore": ["/paper/restore"],
    "/rotation": ["/rotation"],
    "/rotation/{key}": ["/rotation/receipts", "/rotation/orders", "/rotation/ca", "/rotation/nothing"],
    "/servers": ["/servers"],
    "/servers/mosquitto": ["/servers/mosquitto"],
    "/servers/rabbitmq": ["/servers/rabbitmq"],
    "/servers/intake": ["/servers/intake"],
    "/servers/check": ["/servers/check"],
    "/log": ["/log", "/log?noted=0000"],
    "/no-such-page": ["/no-such-page"],
}


def assert_can_be_used(page: Page, address: str, width: int, name: str) -> None:
    """Judge the page in a window of this width, and leave a picture of it, as `name` and its address."""
    page.set_viewport_size({"width": width, "height": 800})
    found = judge(page)
    if width < WIDE:  # cells that are scrolled out of sight can't be judged, only seen to break something
        found = [each for each in found if each.startswith("breaks")]
    assert not found, (address, width, found)
    across = page.evaluate("document.documentElement.scrollWidth")
    assert across <= width, f"{address} is {across} px wide in a window of {width}"
    picture(page, f"console/{name}{address.replace('/', '-').replace('?', '-')[:60]}")
