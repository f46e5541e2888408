"""From a receipt that came to a record that is let go: believe it, note it in the outbox, forget the record.

Nothing of this is in a hurry: until it is done the record stays here, and at worst is sent once more. So receipts are
gathered for a moment, and one sync of the disk serves for all that came meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.errors import WireError
from edge_agent.events import emit, emit_each
from edge_agent.outbox import Settlement
from edge_agent.wire import receipts
from edge_agent.wire.receipts import Outcome

if TYPE_CHECKING:
    from edge_agent.delivery import Delivery
    from edge_agent.outbox import Outbox
    from edge_agent.trust import TrustFile

_GATHER_S: Final = 0.25  # how long a receipt waits for others while records are on their way to the broker
_BREATH_S: Final = 0.05  # between two syncs, when nothing is on its way since the intake is slower than we are
_GATHER_AT_MOST: Final = 128  # receipts, each for up to 64 records


class Settling:
    """The receipts of one run of the courier. Times are monotonic seconds."""

    def __init__(self, kiosk: str, trust: TrustFile, outbox: Outbox, delivery: Delivery) -> None:
        self._kiosk = kiosk
        self._trust = trust
        self._outbox = outbox
        self._delivery = delivery
        self._arrived: list[bytes] = []  # receipts that nobody has looked at yet
        self._believed: list[receipts.Entry] = []  # what verified ones say, until the outbox has taken note of it
        self._due_at = 0.0
        self._settled_at = -_BREATH_S
        self._untidy = True  # something may have been let go since the outbox was last tidied

    def take(self, receipt: bytes, now: float) -> None:
        """Take a receipt in. Nothing of it is believed yet."""
        if not self._arrived:
            self._due_at = now + _GATHER_S
        self._arrived.append(receipt)

    def next_due(self, now: float) -> float | None:
        """Say in how many seconds to settle; None when no receipt waits for it.

        A receipt that comes alone to a quiet courier is settled at once.
        """
        if not self._arrived and not self._believed:
            return None
        if len(self._arrived) >= _GATHER_AT_MOST:
            return 0.0
        due_at = self._due_at if self._delivery.on_the_wire else self._settled_at + _BREATH_S
        return max(0.0, due_at - now)

    def settle(self, now: float) -> None:
        """Let go of what verified receipts cover, by one frame in the outbox.

        Raises OutboxError; what receipts have said is not forgotten then.
        """
        self._settled_at = now
        self._believe()
        entries = self._believed
        answered = {entry.record_id: entry.sha256 for entry in entries if entry.lets_go}
        if answered:
            self._let_go(answered, now)
            kept_no_more = {Outcome.ERASED, Outcome.NOT_HELD}
            self._outbox.withdrawn([entry.record_id for entry in entries if entry.outcome in kept_no_more])
        for entry in entries:
            if not entry.lets_go:
                self._quarantine(entry, now)
        self._believed = []

    def tidy(self) -> None:
        """Give back to the disk what was let go. For moments in which nothing is on its way. Raises OutboxError."""
        if self._untidy:
            self._untidy = self._outbox.tidy()

    def _believe(self) -> None:
        """Verify the receipts that came."""
        arrived, self._arrived = self._arrived, []
        for payload in arrived:
            try:
                receipt = receipts.trust(payload, self._trust.current())
            except WireError as fault:
                emit("receipt_not_believed", code=fault.code)
                continue
            if receipt.kiosk != self._kiosk:
                emit("receipt_not_believed", code="another-kiosk")
                continue
            self._believed += receipt.entries

    def _let_go(self, answered: dict[bytes, bytes], now: float) -> None:
        self._untidy = True
        receipted = []
        for record_id, settlement in self._outbox.mark_receipted(answered).items():
            if settlement is Settlement.OTHER_BYTES:
                emit("receipt_not_believed", code=settlement)
                continue
            if settlement is Settlement.SETTLED:
                receipted.append({"record": record_id.hex(), "ms": self._delivery.ms_since_sent(record_id, now)})
            self._delivery.settled(record_id)
        emit_each("receipted", receipted)

    def _quarantine(self, entry: receipts.Entry, now: float) -> None:
        """Take note of what the intake could not verify."""
        emit("quarantined", record=entry.record_id.hex(), reason=entry.reason)
        if self._outbox.holds(entry.record_id):  # it may speak of a record that another receipt has settled
            self._delivery.quarantined(entry.record_id, now)
