"""Whom the central side trusts: the fleet's root, the bundle that it signed, the registry of kiosks below that.

The files may be replaced while a program runs. A newer one is taken up at its next use; an older or damaged one is
refused, and what was in force stays in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.errors import SettingsError, WireError
from edge_agent.wire import bundle as bundles
from edge_agent.wire import registry as registries
from edge_agent.wire.keys import POINT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.registry import Registry

ROOT_FILE: Final = "root.pub"
BUNDLE_FILE: Final = "bundle.cose"
REGISTRY_FILE: Final = "registry.cose"


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """Where the three are. `root` holds the root's P-256 point of 65 bytes, in hexadecimal on one line."""

    root: Path
    bundle: Path
    registry: Path

    @classmethod
    def in_folder(cls, folder: Path) -> TrustFiles:
        """Name the three files as they lie in one folder."""
        return cls(folder / ROOT_FILE, folder / BUNDLE_FILE, folder / REGISTRY_FILE)


@dataclass(frozen=True, slots=True)
class Trust:
    """What was verified, and is in force together."""

    bundle: TrustedBundle
    registry: Registry


@dataclass(frozen=True, slots=True)
class Floor:
    """The lowest versions that are still taken: what was in force before."""

    bundle: int = 1
    registry: int = 1


def load(files: TrustFiles, floor: Floor = Floor()) -> Trust:
    """Read and verify all three.

    Raises SettingsError for a file that can't be read, and a WireError (RolledBackError, UnknownSignerError, ...) for
    one that can't be believed.
    """
    root = read_root(files.root)
    bundle = bundles.trust(read(files.bundle), root, at_least=floor.bundle)
    return Trust(bundle, registries.trust(read(files.registry), bundle, at_least=floor.registry))


def read_root(path: Path) -> bytes:
    """Read the root's public key. Raises SettingsError."""
    try:
        point = bytes.fromhex(read(path).decode("ascii").strip())
    except ValueError as fault:
        raise _no_root(path) from fault
    if len(point) != POINT_BYTES:
        raise _no_root(path)
    return point


def _no_root(path: Path) -> SettingsError:
    return SettingsError(
        f"{path} is not a root's public key",
        next_step=f"It holds {2 * POINT_BYTES} hexadecimal digits on one line; copy it from the fleet's computer.",
    )


def read(path: Path) -> bytes:
    """Read one of the files. Raises SettingsError."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise SettingsError(
            f"{path} can't be read: {fault.strerror}", next_step="Copy it from the fleet's computer."
        ) from fault


class LiveTrust:
    """The trust in force, read again whenever a file was replaced.

    `adopted` is told each floor that comes into force, `refused` why a replacement can't be taken up. Raises what
    `load` raises when it is made.
    """

    def __init__(
        self,
        files: TrustFiles,
        floor: Floor,
        *,
        adopted: Callable[[Floor], None],
        refused: Callable[[SettingsError | WireError], None],
    ) -> None:
        self._files = files
        self.root = read_root(files.root)
        self._adopted = adopted
        self._refused = refused
        self._seen = self._look()
        self._trust = load(files, floor)
        adopted(self.floor)

    def current(self) -> Trust:
        """Give what is in force now."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._trust = load(self._files, self.floor)
            except (SettingsError, WireError) as fault:
                self._refused(fault)
            else:
                self._adopted(self.floor)
        return self._trust

    @property
    def floor(self) -> Floor:
        """The versions in force, below which nothing is taken any more."""
        return Floor(self._trust.bundle.content.version, self._trust.registry.version)

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(_stamp(path) for path in (self._files.bundle, self._files.registry))


def _stamp(path: Path) -> tuple[int, int, int]:
    """Tell one state of a file from another; zeros when it is not there."""
    try:
        now = path.stat()
    except OSError:
        return (0, 0, 0)
    return (now.st_ino, now.st_mtime_ns, now.st_size)
