"""The fleet's registry and bundle as they lie in a store, for whoever shares it: intakes, and desks that read there.

Nothing in the store is believed. What is newer than the file at hand is verified as if it came from anywhere, and then
put in the file's place: so no version goes back, whatever the store says later.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from central.trust import Floor, read, read_root
from edge_agent.errors import HomewardError, WireError
from edge_agent.files import PUBLIC, write_whole
from edge_agent.wire import bundle as bundles
from edge_agent.wire import registry as registries
from edge_agent.wire.roll import What

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from central.store.port import Reader
    from central.trust import TrustFiles


class SharedTrust:
    """Follows what lies in a store. `refused` is told once why something newer can't be taken up.

    Making it raises SettingsError when the root can't be read.
    """

    def __init__(self, store: Reader, files: TrustFiles, refused: Callable[[HomewardError], None]) -> None:
        self._shared = store
        self._files = files
        self._root = read_root(files.root)
        self._refused = refused
        self._told: set[bytes] = set()

    def begin(self) -> None:
        """Take up what is newer in the store than on file, before anything is believed. Raises StoreError."""
        versions = {what: version for what, version, _ in self.on_file()}
        self.follow(Floor(versions.get(What.BUNDLE, 0), versions.get(What.REGISTRY, 0)))

    def follow(self, have: Floor) -> None:
        """Take up what is newer in the store than what is in force. Raises StoreError."""
        for what in What:  # the bundle first: a registry is believed by it
            whole = self._shared.shared(what, version_of(have, what))
            if whole is None or whole in self._told:
                continue
            try:
                self.take_up(what, whole, have)
            except HomewardError as fault:
                self._told.add(whole)
                self._refused(fault)

    def on_file(self) -> Iterator[tuple[What, int, bytes]]:
        """Give what is on file and believed, each with its version."""
        with suppress(OSError, WireError):
            whole = self._files.bundle.read_bytes()
            bundle = bundles.trust(whole, self._root)
            yield What.BUNDLE, bundle.content.version, whole
            whole = self._files.registry.read_bytes()
            yield What.REGISTRY, registries.trust(whole, bundle).version, whole

    def take_up(self, what: What, whole: bytes, have: Floor) -> None:
        """Verify a document, and put it in its file's place. Raises HomewardError."""
        if what is What.BUNDLE:
            bundles.trust(whole, self._root, at_least=have.bundle + 1)
            write_whole(self._files.bundle, whole, mode=PUBLIC, replace=True)
        else:
            bundle = bundles.trust(read(self._files.bundle), self._root)
            registries.trust(whole, bundle, at_least=have.registry + 1)
            write_whole(self._files.registry, whole, mode=PUBLIC, replace=True)


def version_of(have: Floor, what: What) -> int:
    """Give the version of one of the two."""
    return have.bundle if what is What.BUNDLE else have.registry
