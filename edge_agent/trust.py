"""The signed recipient bundle as it lies on this kiosk, taken up anew when a newer one is put there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.errors import SettingsError
from edge_agent.wire import bundle

if TYPE_CHECKING:
    from edge_agent.config import Trust
    from edge_agent.wire.bundle import TrustedBundle


class TrustFile:
    """A bundle's file, verified under the fleet's root whenever it changes. An older version is never taken up."""

    def __init__(self, settings: Trust) -> None:
        self._path = Path(settings.bundle)
        self._root = _read_root(Path(settings.root))
        self._seen = self._stamp()
        self._bundle = bundle.trust(self._read(), self._root)

    def current(self) -> TrustedBundle:
        """Give the bundle in force. Raises SettingsError when the file is gone, a WireError when it is not a bundle."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._bundle = bundle.trust(self._read(), self._root, at_least=self._bundle.content.version)
            self._seen = stamp
        return self._bundle

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as fault:
            raise self._unreadable(fault) from fault

    def _stamp(self) -> tuple[int, int]:
        try:
            facts = self._path.stat()
        except OSError as fault:
            raise self._unreadable(fault) from fault
        return facts.st_ino, facts.st_mtime_ns

    def _unreadable(self, fault: OSError) -> SettingsError:
        return SettingsError(
            f"the recipient bundle {self._path} can't be read: {fault.strerror}",
            next_step="Copy bundle.cose from the fleet again.",
        )


def _read_root(path: Path) -> bytes:
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as fault:
        raise SettingsError(
            f"the fleet root's key {path} can't be read: {fault}", next_step="Copy root.pub from the fleet again."
        ) from fault
