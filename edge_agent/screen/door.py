"""Who may come in: one browser on this machine, that was told the secret, and no page of anybody else's.

Pure: a request's head in, the wanted path out. Whoever is refused learns nothing of why.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

HOST: Final = "127.0.0.1"
_ONCE: Final = frozenset({b"host", b"origin", b"sec-fetch-site"})


class RefusedError(Exception):
    """Not for this asker. There is no more to say."""


@dataclass(frozen=True, slots=True)
class Door:
    """The one door: an address on loopback, and the secret that belongs to it."""

    port: int
    secret: str = field(repr=False)

    @property
    def authority(self) -> str:
        """What a browser that came by this address names as its host."""
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """Where the page is. Whoever has it can watch."""
        return f"http://{self.authority}/{self.secret}/"

    def enter(self, method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Give the path behind the secret. Raises RefusedError.

        The Host must be our own, so that no name that somebody points at 127.0.0.1 leads here (DNS rebinding). What a
        browser says of where a request comes from (Origin, Sec-Fetch-Site) must be this page, or somebody who typed.
        """
        said: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in _ONCE and said.setdefault(name, value) != value:
                raise RefusedError
        authority = self.authority.encode()
        allowed = (
            method == b"GET"
            and said.get(b"host") == authority
            and said.get(b"origin", b"http://" + authority) == b"http://" + authority
            and said.get(b"sec-fetch-site", b"none") in {b"none", b"same-origin"}
        )
        secret, slash, path = target.removeprefix(b"/").partition(b"/")
        if not hmac.compare_digest(secret, self.secret.encode()) or not slash or not allowed:
            raise RefusedError
        try:
            return path.decode("ascii")
        except UnicodeDecodeError:
            raise RefusedError from None
