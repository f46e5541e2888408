"""A recipient as people hand it over and read it: the line of a `.pub` file, and a name with a fingerprint."""

from __future__ import annotations

from edge_agent.errors import LocalError, MalformedError
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import POINT_BYTES, RecipientPublicKey, kid
from provisioning.languages import phrase


def recipient(line: str, holder: Holder) -> Recipient:
    """Read a recipient out of a `.pub` file's line, as `homeward-desk key` writes it. Raises LocalError."""
    raw, _, name = line.strip().partition(" ")
    opens, _, withdraws = raw.partition(":")
    try:
        key = RecipientPublicKey(bytes.fromhex(opens))
        key.hpke()
        # The escrow's key lies in a safe: nobody telephones there.
        signs = bytes.fromhex(withdraws) if withdraws and holder is not Holder.ESCROW else None
        return _checked(Recipient(name=name.strip(), holder=holder, key=key.raw, withdrawal_key=signs))
    except (ValueError, MalformedError) as fault:
        raise LocalError(
            phrase("this is no recipient's public key: {why}", why=fault),
            next_step=phrase("Give the .pub file that `homeward-desk key` made."),
        ) from fault


def _checked(made: Recipient) -> Recipient:
    if not 1 <= len(made.name) <= 200 or not made.name.isprintable():  # noqa: PLR2004 - the bundle's own bounds
        raise ValueError("it has no name that can be printed")
    if made.withdrawal_key is not None and len(made.withdrawal_key) != POINT_BYTES:
        raise ValueError("its second key, for withdrawals, has another length than it must have")
    return made


def named(who: Recipient) -> str:
    """Name a recipient for people: name, holder, fingerprint."""
    return f"{who.name} ({who.holder}, {kid(who.key).hex()})"
