"""The signed recipient bundle as it lies on this kiosk, taken up anew when a newer one is put there."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.errors import SettingsError, WireError
from edge_agent.files import write_whole
from edge_agent.wire import bundle

if TYPE_CHECKING:
    from edge_agent.config import Trust
    from edge_agent.wire.bundle import TrustedBundle


_FOR_THE_OTHER: Final = 0o640


class TrustFile:
    """A bundle's file, verified under the fleet's root whenever it changes. An older version is never taken up.

    `delivered` is where orders leave newer bundles: the newest of both counts. `floor` is a file of the caller's own
    that keeps the highest version ever taken up, so that an old bundle can't come back with a restart: it may name
    somebody who was let go.
    """

    def __init__(self, settings: Trust, floor: Path | None = None, delivered: Path | None = None) -> None:
        self._path = Path(settings.bundle)
        self._delivered = delivered
        self.root = read_root(Path(settings.root))
        self._floor = floor
        self._seen = self._stamp()
        self._bundle = self._take_up(_read_floor(floor))

    def current(self) -> TrustedBundle:
        """Give the bundle in force. Raises SettingsError when the file is gone, a WireError when it is not a bundle."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._bundle = self._take_up(self._bundle.content.version)
            self._seen = stamp
        return self._bundle

    def leave_newer(self, offered: bytes) -> None:
        """Put a bundle that arrived where both processes take it up, if it is the newer one.

        Raises a WireError when the root did not sign it, LocalError.
        """
        newer = bundle.trust(offered, self.root).content.version > self.current().content.version
        if newer and self._delivered is not None:
            write_whole(self._delivered, offered, mode=_FOR_THE_OTHER, replace=True)

    def _take_up(self, at_least: int) -> TrustedBundle:
        taken = self._newest(at_least)
        version = taken.content.version
        if self._floor is not None and version > _read_floor(self._floor):
            write_whole(self._floor, f"{version}\n".encode(), replace=True)
        return taken

    def _newest(self, at_least: int) -> TrustedBundle:
        """Give the delivered bundle where it is the newer one; what does not hold there is as if it were not."""
        with contextlib.suppress(OSError, WireError):
            if self._delivered is not None:
                delivered = bundle.trust(self._delivered.read_bytes(), self.root, at_least=at_least)
                with contextlib.suppress(SettingsError, WireError):
                    return bundle.trust(self._read(), self.root, at_least=delivered.content.version + 1)
                return delivered
        return bundle.trust(self._read(), self.root, at_least=at_least)

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as fault:
            raise self._unreadable(fault) from fault

    def _stamp(self) -> tuple[int, ...]:
        try:
            facts = self._path.stat()
        except OSError as fault:
            raise self._unreadable(fault) from fault
        stamp = (facts.st_ino, facts.st_mtime_ns)
        with contextlib.suppress(OSError):
            if self._delivered is not None:
                delivered = self._delivered.stat()
                return (*stamp, delivered.st_ino, delivered.st_mtime_ns)
        return stamp

    def _unreadable(self, fault: OSError) -> SettingsError:
        return SettingsError(
            f"the recipient bundle {self._path} can't be read: {fault.strerror}",
            next_step="Copy bundle.cose from the fleet again.",
        )


def _read_floor(path: Path | None) -> int:
    """Give the highest version taken up so far, 0 before the first. Raises SettingsError rather than forget it."""
    if path is None:
        return 0
    try:
        return int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as fault:
        raise SettingsError(
            f"{path}, which keeps the bundle's version, can't be read: {fault}",
            next_step="Enrol the kiosk again: what it may trust is no longer known.",
        ) from fault


def read_root(path: Path) -> bytes:
    """Read the fleet root's key, a point of 65 bytes. Raises SettingsError."""
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as fault:
        raise SettingsError(
            f"the fleet root's key {path} can't be read: {fault}", next_step="Copy root.pub from the fleet again."
        ) from fault
