"""What a courier says of itself and its machine: the status that it sends now and then, and leaves as its will."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent import __version__, authorities
from edge_agent.enrolment import certificates
from edge_agent.errors import LocalError, OutboxError
from edge_agent.outbox import Backlog
from edge_agent.wire import status
from edge_agent.wire.documents import to_cbor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from edge_agent.config import KioskSettings
    from edge_agent.outbox import Outbox

_THERMAL: Final = Path("/sys/class/thermal/thermal_zone0/temp")


class Vitals:
    """The status of one run of the courier, and when to send it. Times are monotonic seconds."""

    def __init__(self, settings: KioskSettings, outbox: Outbox, known: Sequence[x509.Certificate]) -> None:
        self._settings = settings
        self._outbox = outbox
        self._authorities = known
        self._due_at = 0.0
        self._last_word: tuple[int, int] | None = None
        self.backlog = Backlog(0, 0)  # when we last could look

    def hasten(self) -> None:
        """Have it said soon: there is something new."""
        self._due_at = 0.0

    def is_due(self, now: float) -> bool:
        """Say whether to send it: now and then, and at once when the kiosk has something new to say."""
        word = self._word()
        if now < self._due_at and word == self._last_word:
            return False
        self._due_at, self._last_word = now + self._settings.delivery.status_every_s, word
        return True

    def now(self, refused: int, *, online: bool) -> bytes:
        """Give the status as it goes over the wire; `refused` is how many records the intake holds in quarantine."""
        free = _free_bytes(Path(self._settings.shared))
        try:
            self.backlog = self._outbox.backlog()
        except OutboxError:
            free = 0  # whatever the file system says
        try:
            # Where nothing can be written stands what the kiosk once said, not how it fares.
            # A power cut may have left nothing in it.
            health = Path(self._settings.health_file).read_bytes() or None if free else None
        except OSError:
            health = None
        return to_cbor(
            status.Status(
                kiosk=self._settings.kiosk,
                online=online,
                version=__version__,
                health=health,
                backlog=self.backlog.records,
                backlog_bytes=self.backlog.bytes,
                refused=refused,
                free_bytes=free,
                temperature_c=_temperature(),
                certified_by=self._certified_by(),
            )
        )

    def _word(self) -> tuple[int, int] | None:
        """Tell one word of the kiosk's about itself from the next, without reading it."""
        try:
            facts = os.stat(self._settings.health_file)  # noqa: PTH116 - four times a second
        except OSError:
            return None
        return facts.st_ino, facts.st_mtime_ns

    def _certified_by(self) -> bytes | None:
        try:
            held = certificates.read_certificate(Path(self._settings.broker.certificate))
        except LocalError:  # from a card that fails, say: that is to be said, too
            return None
        by = authorities.issuer(held, self._authorities)
        return None if by is None else authorities.name(by)


def _free_bytes(directory: Path) -> int | None:
    """Say how much can still be written there: nothing on a mount that has turned itself read-only."""
    try:
        facts = os.statvfs(directory)
    except OSError:
        return None
    return 0 if facts.f_flag & os.ST_RDONLY else facts.f_bavail * facts.f_frsize


def _temperature() -> float | None:
    try:
        return int(_THERMAL.read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):  # no such sensor here
        return None
