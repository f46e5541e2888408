"""The two signed documents by which everybody knows whom to believe: the recipient bundle and the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from edge_agent.wire import bundle, registry
from provisioning.decisions.orders import ordered
from provisioning.decisions.permission import check_signs
from provisioning.fleet import DAY, FleetError
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.wire.bundle import Bundle, Recipient
    from edge_agent.wire.fields import Controller
    from edge_agent.wire.keys import Signer
    from edge_agent.wire.registry import RegisteredKey
    from provisioning.fleet import State


def check_recipients(recipients: Sequence[Recipient]) -> None:
    """Raise FleetError for recipients that can't stand in one bundle."""
    if not any(recipient.holder is bundle.Holder.ESCROW for recipient in recipients):
        raise FleetError(
            phrase("there is no escrow among the recipients"),
            next_step=phrase("Name one with --escrow: a key kept offline, for the day when the caseworkers' are lost."),
        )
    for what, values in (
        ("key", [recipient.key for recipient in recipients]),
        ("name", [recipient.name for recipient in recipients]),
    ):
        if len(set(values)) != len(values):
            raise FleetError(
                phrase("two recipients have the same {what}", what=what),
                next_step=phrase("Each person makes a key of their own."),
            )


def first_bundle(
    fleet: str,
    controller: Controller,
    jurisdiction: str,
    recipients: Sequence[Recipient],
    *,
    receipts: bytes,
    orders: bytes,
    now: int,
    days: int,
) -> Bundle:
    """Draw up a new fleet's recipient bundle; `receipts` and `orders` are the two keys' points of 65 bytes."""
    check_recipients(recipients)
    return bundle.Bundle(
        fleet=fleet,
        version=1,
        issued_at=now,
        expires_at=now + days * DAY,
        controller=controller,
        jurisdiction=jurisdiction,
        recipients=list(recipients),
        receipt_keys=[receipts],
        order_keys=[orders],
    )


def with_recipients(state: State, recipients: Sequence[Recipient], root: Signer, *, now: int, days: int) -> State:
    """Sign the next bundle, with these recipients. Raises FleetError."""
    check_recipients(recipients)
    if root.public_key.hex() != state.root:
        raise FleetError(
            phrase("this is another fleet's root key"), next_step=phrase("Name this fleet's, with --root.")
        )
    content = state.trusted.content
    successor = replace(
        content,
        version=content.version + 1,
        issued_at=max(now, content.issued_at),
        expires_at=max(now + days * DAY, content.expires_at),
        recipients=list(recipients),
    )
    return with_bundle(state, successor, root, now)


def with_bundle(state: State, successor: Bundle, root: Signer, now: int) -> State:
    """Put a bundle in force, and into the orders of every kiosk that is not revoked."""
    bundled = replace(state, bundle=bundle.sign(successor, root))
    kiosks = [k if k.revoked_at is not None else ordered(k, successor.version, now) for k in state.kiosks]
    return replace(bundled, kiosks=kiosks)


def with_registry(state: State, entries: list[RegisteredKey], orders: Signer, now: int) -> State:
    """Sign the next registry. Raises FleetError when it isn't this key that signs."""
    check_signs(state, orders)
    content = state.registered
    successor = replace(content, version=content.version + 1, issued_at=max(now, content.issued_at), keys=entries)
    return replace(state, registry=registry.sign(successor, orders))
