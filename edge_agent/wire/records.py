"""What comes by a kiosk's records topic: sealed reports, and withdrawals in their chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.wire import cose, sealing, withdrawal
from edge_agent.wire.fields import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from edge_agent.wire.sealing import Record
    from edge_agent.wire.withdrawal import SignedWithdrawal


def parse(data: bytes) -> Record | SignedWithdrawal:
    """Take apart either, strictly. Nothing is believed before `Registry.verify`. Raises a WireError."""
    signed = cose.parse_sign1(data, sealing.TYPE, withdrawal.TYPE, max_bytes=MAX_RECORD_BYTES)
    return withdrawal.of_sign1(data, signed) if signed.typ == withdrawal.TYPE else sealing.of_sign1(data, signed)
