"""What the intake does for the office: it tells the roll of kiosks, and takes up a newer registry or bundle.

Reading the roll takes a while in a large store, so it happens beside the intake's own work, over a reader of its own.
What the office sends is signed; it is verified before it takes the place of the file that is there.
"""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING

from central.intake import chain
from edge_agent.errors import HomewardError
from edge_agent.events import emit
from edge_agent.files import PUBLIC, write_whole
from edge_agent.wire import bundle as bundles
from edge_agent.wire import registry as registries
from edge_agent.wire import roll
from edge_agent.wire.documents import from_cbor
from edge_agent.wire.roll import TrustPart, What
from edge_agent.wire.topics import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from central.store.port import LatestStatus, Reader
    from central.trust import LiveTrust, TrustFiles
    from edge_agent.wire.keys import Signer


class OfficeWindow:
    """Hears the office. `reader` opens the store for reading, `clock` gives seconds since 1970."""

    def __init__(
        self,
        fleet: str,
        files: TrustFiles,
        trust: LiveTrust,
        signer: Signer,
        clock: Callable[[], int],
        reader: Callable[[], Reader],
    ) -> None:
        self._fleet = fleet
        self._files = files
        self._trust = trust
        self._signer = signer
        self._clock = clock
        self._reader = reader
        self._beside = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="roll")
        self._telling: Future[list[bytes]] | None = None
        self._parts: dict[tuple[What, int], dict[int, TrustPart]] = {}

    @property
    def filters(self) -> list[str]:
        """The topics by which the office speaks."""
        return [desk(self._fleet, Desk.ASK), desk(self._fleet, Desk.TRUST)]

    @property
    def answers_by(self) -> str:
        """The topic of the roll."""
        return desk(self._fleet, Desk.ROLL)

    def hear(self, topic: str, payload: bytes) -> bool:
        """Take what the office said; say whether it was the office. Never raises one of our errors."""
        if topic not in self.filters:
            return False
        if topic == desk(self._fleet, Desk.ASK):
            self._telling = self._telling or self._beside.submit(self._tell)
        else:
            try:
                self._gather(from_cbor(payload, TrustPart))
            except HomewardError as fault:
                emit("office_not_believed", code=fault.code, problem=fault.what)
        return True

    def answers(self) -> list[bytes]:
        """Give the parts of a roll that was read meanwhile, once."""
        if self._telling is None or not self._telling.done():
            return []
        telling, self._telling = self._telling, None
        try:
            return telling.result()
        except HomewardError as fault:
            emit("roll_not_told", code=fault.code, problem=fault.what)
            return []

    def close(self) -> None:
        """Let go, once a roll that is being read is read."""
        self._beside.shutdown(cancel_futures=True)

    def _tell(self) -> list[bytes]:
        store = self._reader()
        try:
            return roll.sign(
                self._fleet, self._clock(), [_entry(store, last) for last in store.statuses()], self._signer
            )
        finally:
            store.close()

    def _gather(self, part: TrustPart) -> None:
        """Keep a part until all are there; then verify the whole and put it in its place. Raises HomewardError."""
        floor = self._trust.floor
        if part.version <= (floor.bundle if part.what is What.BUNDLE else floor.registry):
            return
        of_this = self._parts.setdefault((part.what, part.version), {})
        of_this[part.part] = part
        if len(of_this) < part.parts:
            return
        self._parts = {key: parts for key, parts in self._parts.items() if key[0] is not part.what}
        whole = b"".join(of_this[number].content for number in sorted(of_this))
        in_force = self._trust.current()
        if part.what is What.BUNDLE:
            bundles.trust(whole, self._trust.root, at_least=floor.bundle + 1)
            write_whole(self._files.bundle, whole, mode=PUBLIC, replace=True)
        else:
            registries.trust(whole, in_force.bundle, at_least=floor.registry + 1)
            write_whole(self._files.registry, whole, mode=PUBLIC, replace=True)


def _entry(store: Reader, last: LatestStatus) -> roll.Entry:
    findings = chain.examine(store.chain(last.kiosk), store.reach(last.kiosk))
    missing = sum(found.last - found.first + 1 for found in findings if isinstance(found, chain.Missing))
    return roll.Entry(kiosk=last.kiosk, at=last.at, status=last.message, missing=missing, doubt=last.doubt)
