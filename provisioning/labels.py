"""What the code on a kiosk's label says: where the console, on staff's own computer, has that kiosk's page.

The address is the same in every console and holds no secret. Under it the console shows nothing of the fleet: it says
how to come in, and goes on to that kiosk's page once somebody has (`provisioning.console.signpost`).
"""

from __future__ import annotations

import re
from typing import Final

PORT: Final = 8018  # the console's, unless it is taken
_PAGE: Final = re.compile(r"/kiosks/([a-z0-9-]{1,32})")
_ADDRESS: Final = re.compile(rf"http://127\.0\.0\.1:[0-9]{{1,5}}{_PAGE.pattern}", re.IGNORECASE)  # as scanners type it


def page(kiosk: str) -> str:
    """Give the path of a kiosk's page."""
    return f"/kiosks/{kiosk}"


def address(kiosk: str) -> str:
    """Give what the code says."""
    return f"http://127.0.0.1:{PORT}{page(kiosk)}"


def kiosk_of(path: str) -> str | None:
    """Give the kiosk whose page has this path; None for every other path."""
    found = _PAGE.fullmatch(path)
    return found[1] if found else None


def kiosk_scanned(text: str) -> str | None:
    """Give the kiosk whose label was scanned; None for every other text."""
    found = _ADDRESS.fullmatch(text)
    return found[1].lower() if found else None
