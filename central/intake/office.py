"""What the intake does for the office: it tells the roll of kiosks, and hears of a newer registry or bundle.

Reading the roll takes a while in a large fleet, so it happens beside the intake's own work, over a reader of its own.
"""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING

from central.intake.missing import Missing
from edge_agent.errors import HomewardError
from edge_agent.events import emit
from edge_agent.wire import roll
from edge_agent.wire.documents import from_cbor
from edge_agent.wire.roll import Teller, TrustPart
from edge_agent.wire.topics import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from central.intake.documents import Documents
    from central.intake.presence import Presence
    from central.store.port import LatestStatus, Reader
    from central.trust import LiveTrust
    from edge_agent.wire.keys import Signer


class OfficeWindow:
    """Hears the office. `reader` opens the store for reading, `clock` gives seconds since 1970."""

    def __init__(
        self,
        fleet: str,
        documents: Documents,
        trust: LiveTrust,
        signer: Signer,
        clock: Callable[[], int],
        reader: Callable[[], Reader],
        presence: Presence,
    ) -> None:
        self._presence = presence
        self._fleet = fleet
        self._documents = documents
        self._trust = trust
        self._signer = signer
        self._clock = clock
        self._reader = reader
        self._beside = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="roll")
        self._missing = Missing()
        self._telling: Future[list[bytes]] | None = None

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
                self._documents.hear(from_cbor(payload, TrustPart), self._trust.floor)
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
            entries = [self._entry(store, last) for last in store.statuses()]
            return roll.sign(self._fleet, self._clock(), entries, self._signer, self._teller())
        finally:
            store.close()

    def _entry(self, store: Reader, last: LatestStatus) -> roll.Entry:
        missing = self._missing.count(store, last.kiosk)
        return roll.Entry(kiosk=last.kiosk, at=last.at, status=last.message, missing=missing, doubt=last.doubt)

    def _teller(self) -> Teller:
        floor, here = self._trust.floor, self._presence
        return Teller(
            intake=here.name,
            bundle=floor.bundle,
            registry=floor.registry,
            authorities=here.authorities,
            certified_by=here.certified_by,
        )
