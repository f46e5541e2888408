"""Who may come in: one link that works once, and the one browser that it let in. Nothing of it outlives the server."""

from __future__ import annotations

import hmac
import secrets
import threading
from typing import Final

_BYTES: Final = 32


class Door:
    """The link, the session behind it, and that session's token for forms.

    The host's name is drawn anew at each start, below `localhost`: browsers look such a name up nowhere, and they keep
    its cookie from every other port of this computer, which they would not do for 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self.host = f"fleet-{secrets.token_hex(4)}.localhost:{port}"
        self.labels_host = f"127.0.0.1:{port}"  # what the codes on labels name; no session is ever known there
        self.form_token = secrets.token_urlsafe(_BYTES)
        self._link: str | None = secrets.token_urlsafe(_BYTES)
        self._session: str | None = None
        self._wanted = "/"
        self._lock = threading.Lock()

    @property
    def origin(self) -> str:
        """The only origin that may act."""
        return f"http://{self.host}"

    @property
    def link(self) -> str:
        """The address that lets one browser in, once."""
        return f"{self.origin}/enter/{self._link}"

    def enter(self, link: str) -> str | None:
        """Give the session for the link, which is dead from then on; nothing for a wrong or a used one."""
        with self._lock:
            if self._link is None or not _same(link, self._link):
                return None
            self._link, self._session = None, secrets.token_urlsafe(_BYTES)
            return self._session

    @property
    def was_used(self) -> bool:
        """Whether the link let somebody in."""
        return self._session is not None

    def go_on_to(self, page: str) -> None:
        """Remember the page, a path of ours, that somebody wanted to see before the link let them in."""
        self._wanted = page

    def wanted(self) -> str:
        """Give the page to go on to, once."""
        page, self._wanted = self._wanted, "/"
        return page

    def knows(self, session: str) -> bool:
        """Say whether this is the browser that was let in."""
        return self._session is not None and _same(session, self._session)

    def is_form(self, token: str) -> bool:
        """Say whether a form is one that we gave out."""
        return _same(token, self.form_token)

    def close(self) -> None:
        """Let nobody in any more."""
        with self._lock:
            self._link = self._session = None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
