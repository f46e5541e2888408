"""The fleet's signed documents at an intake: its registry and its bundle, by whatever way a newer one comes.

The office sends them in parts, and each part reaches any one of the intakes that share a queue. So parts are gathered
in the store, and the whole is left there for all: each looks for a newer one before its next batch, verifies it as if
it came from anywhere, and puts it in the place of its own file. No version goes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from central.shared_trust import SharedTrust, version_of
from edge_agent.events import emit

if TYPE_CHECKING:
    from collections.abc import Callable

    from central.store.port import Store
    from central.trust import Floor, LiveTrust, TrustFiles
    from edge_agent.errors import HomewardError
    from edge_agent.wire.roll import TrustPart

_EVERY_S: Final = 1


class Documents(SharedTrust):
    """Gathers, shares and follows them. Making it raises SettingsError when the root can't be read."""

    def __init__(self, store: Store, files: TrustFiles) -> None:
        super().__init__(store, files, _tell)
        self._store = store

    def hear(self, part: TrustPart, have: Floor) -> None:
        """Take a part from the office; take up the whole, for all intakes, once it is there. Raises HomewardError."""
        if part.version <= version_of(have, part.what):
            return
        whole = self._store.gather(part)
        if whole is not None:
            self.take_up(part.what, whole, have)
            self._store.share(part.what, part.version, whole)

    def offer(self) -> None:
        """Leave what is on file in the store, for all who share it. Raises StoreError."""
        for what, version, whole in self.on_file():
            self._store.share(what, version, whole)


class Follower:
    """Looks for newer documents, every second at most. `clock` gives the time in seconds since 1970."""

    def __init__(self, documents: Documents, trust: LiveTrust, clock: Callable[[], int]) -> None:
        self._documents = documents
        self._trust = trust
        self._clock = clock
        self._next = 0

    def __call__(self) -> None:
        """Look, if it is time. Raises StoreError."""
        now = self._clock()
        if now >= self._next:
            self._trust.current()
            self._documents.follow(self._trust.floor)
            self._trust.current()
            self._next = now + _EVERY_S


def _tell(fault: HomewardError) -> None:
    emit("office_not_believed", code=fault.code, problem=fault.what)
