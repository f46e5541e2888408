"""By which CAs the courier knows its broker: the card's, or those that orders brought.

A CA more takes nothing away: it is trusted at once. One less is tried first: a connection must stand without it before
it is let go, so that no order, whoever slipped it in and whenever it came, leaves the kiosk with a broker that it can't
know. What is in force lies beside the courier's own key, where no other process writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent import authorities
from edge_agent.enrolment.certificates import next_to
from edge_agent.errors import LocalError
from edge_agent.events import emit
from edge_agent.files import PUBLIC, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from edge_agent.config import KioskSettings

_AGAIN_S: Final = 3600.0


class CaTrust:
    """The CAs in force, and those that are `wanted`: what the orders in force say. Times are monotonic seconds."""

    def __init__(self, settings: KioskSettings, wanted: Sequence[x509.Certificate]) -> None:
        self._own = Path(settings.broker.key).with_suffix(".ca.pem")
        self._card = Path(settings.broker.ca)
        self._wanted = list(wanted)
        self._try_at = 0.0
        if self._in_force() != self._wanted and set(self._in_force()) <= set(self._wanted):
            self._write(self._own)

    @property
    def path(self) -> Path:
        """The file of those in force."""
        return self._own if self._own.exists() else self._card

    @property
    def next_path(self) -> Path:
        """The file of those that are tried."""
        return next_to(self._own)

    def to_try(self, now: float) -> bool:
        """Say whether those that are wanted are to be tried now; not again for an hour."""
        if now < self._try_at or self._in_force() == self._wanted:
            return False
        self._try_at = now + _AGAIN_S
        return self._write(self.next_path)

    def install(self) -> None:
        """Put those that were tried in force."""
        self.next_path.replace(self._own)

    def _in_force(self) -> list[x509.Certificate]:
        """Give them; none when their file can't be read: then those of the orders, which were verified, count."""
        try:
            return authorities.read(self.path)
        except LocalError:
            return []

    def _write(self, path: Path) -> bool:
        try:
            write_whole(path, authorities.pem(self._wanted), mode=PUBLIC, replace=True)
        except LocalError as fault:
            emit("authorities_not_kept", code=fault.code)
            return False
        return True
