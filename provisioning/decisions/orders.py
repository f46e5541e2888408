"""What kiosks are ordered: another mode, other settings, and the bundle that goes along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from edge_agent.wire.orders import SETTINGS, Mode, OrderedNotice, Orders
from provisioning.fleet import FleetError, Standing
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provisioning.fleet import Kiosk, State


AsItCame = Literal["as it came"]
AS_IT_CAME: Final[AsItCame] = "as it came"
"""Instead of a notice: back to the words that a kiosk came with."""

_OURS: Final = "homeward-"


def with_orders(
    state: State,
    kiosks: Sequence[str],
    *,
    now: int,
    mode: Mode | None = None,
    changes: Mapping[str, str | float | None] | None = None,
    notice: OrderedNotice | AsItCame | None = None,
) -> State:
    """Order kiosks otherwise: another mode, settings changed, or (None) back to what their card says; another notice.

    Raises FleetError for a setting that orders can't change, a value of another kind, a notice under a name that other
    words have, a revoked kiosk, or nobody to order.
    """
    if not kiosks:
        raise FleetError(
            phrase("no kiosk is in service yet"),
            next_step=phrase("Name the kiosk: one that waits for its first boot gets its orders after that."),
        )
    if isinstance(notice, OrderedNotice):
        _check_notice(state, notice)
    for name, value in (changes or {}).items():
        _check_setting(name, value)
    bundled = state.trusted.content.version
    chosen = set(kiosks)
    for name in kiosks:
        if state.kiosk(name).revoked_at is not None:
            raise FleetError(
                phrase("kiosk {name} was revoked: it takes no orders", name=name), next_step=phrase("Leave it out.")
            )
    if mode is Mode.WIPE:
        raise FleetError(
            phrase("only a revoked kiosk is wiped"), next_step=phrase("Revoke it: `homeward-fleet revoke ID`.")
        )
    return replace(
        state,
        kiosks=[
            ordered(k, bundled, now, mode=mode, changes=changes, notice=notice) if k.plan.id in chosen else k
            for k in state.kiosks
        ],
    )


def _check_notice(state: State, notice: OrderedNotice) -> None:
    """Raise FleetError for an id that other words have: records tell by it which words were said."""
    if notice.id.startswith(_OURS):
        raise FleetError(
            phrase("the notice's id {id} is kept for those that kiosks come with", id=notice.id),
            next_step=phrase("Give it another id."),
        )
    standing = (kiosk.orders.notice for kiosk in state.kiosks if kiosk.orders is not None)
    if any(one is not None and one.id == notice.id and one != notice for one in standing):
        raise FleetError(
            phrase("the notice's id {id} stands for other words already", id=notice.id),
            next_step=phrase("Give the changed words a new id."),
        )


def _check_setting(name: str, value: str | float | None) -> None:
    kind = SETTINGS.get(name)
    if kind is None:
        raise FleetError(
            phrase("{name} is no setting that orders can change", name=name),
            next_step=phrase("These can: {settings}.", settings=", ".join(SETTINGS)),
        )
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if value is not None and not (fits or (kind is float and type(value) is int)):
        raise FleetError(
            phrase("{name} takes no {value}", name=name, value=repr(value)),
            next_step=phrase("Give it as {kind}.", kind=kind.__name__),
        )


def ordered(
    kiosk: Kiosk,
    bundled: int,
    now: int,
    *,
    mode: Mode | None = None,
    changes: Mapping[str, str | float | None] | None = None,
    notice: OrderedNotice | AsItCame | None = None,
) -> Kiosk:
    """Give a kiosk with the next version of its orders; what is not named stays. `bundled` is the bundle's version."""
    before = kiosk.orders or Standing(version=1, issued_at=now, bundle=bundled)
    settings = {**before.settings, **(changes or {})}
    kept = {
        name: float(value) if SETTINGS[name] is float else value
        for name, value in settings.items()
        if value is not None
    }
    return replace(
        kiosk,
        orders=Standing(
            version=before.version + 1 if kiosk.orders else 1,
            issued_at=max(now, before.issued_at),
            mode=mode or before.mode,
            settings=kept,
            notice=before.notice if notice is None else notice if isinstance(notice, OrderedNotice) else None,
            bundle=bundled,
        ),
    )


def orders_for(state: State, kiosk: Kiosk) -> Orders | None:
    """Give the orders of a kiosk as they are signed and sent; None when it has none."""
    if kiosk.orders is None:
        return None
    return Orders(
        fleet=state.fleet,
        kiosk=kiosk.plan.id,
        version=kiosk.orders.version,
        issued_at=kiosk.orders.issued_at,
        mode=kiosk.orders.mode,
        settings=kiosk.orders.settings,
        notice=kiosk.orders.notice,
        bundle=state.bundle,
        authorities=[one.public_bytes(Encoding.DER) for one in state.authorities],
    )
