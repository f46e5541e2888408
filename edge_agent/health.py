"""The kiosk's signed word about itself, left on the shared mount for the courier to take along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.files import write_whole
from edge_agent.wire import status

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.ports import Clock
    from edge_agent.wire.keys import Signer
    from edge_agent.wire.status import Health

_FOR_THE_COURIER: Final = 0o640  # one group, two users
_AT_LEAST_EVERY_MS: Final = 300_000  # written when something changed, else this rarely: it costs the card a write


class HealthFile:
    """Writes a health message when it says something new."""

    def __init__(self, path: Path, signer: Signer, clock: Clock) -> None:
        self._path = path
        self._signer = signer
        self._clock = clock
        self._said: Health | None = None

    def say(self, health: Health) -> None:
        """Sign and write `health`, whole or not at all, unless the last one says the same. Raises LocalError."""
        if self._said is not None and self._same(self._said, health):
            return
        signed = status.sign_health(health, self._signer)
        write_whole(self._path, signed, mode=_FOR_THE_COURIER, replace=True, lasting=False)  # a start says it anew
        self._said = health

    @staticmethod
    def _same(said: Health, new: Health) -> bool:
        if new.uptime_ms - said.uptime_ms >= _AT_LEAST_EVERY_MS:
            return False
        return all(
            getattr(said, field) == getattr(new, field) for field in new.__struct_fields__ if field != "uptime_ms"
        )
