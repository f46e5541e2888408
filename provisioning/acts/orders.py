"""Order kiosks otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning import letters
from provisioning.decisions import orders as decided

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_agent.wire.orders import Mode, OrderedNotice
    from provisioning import audit
    from provisioning.decisions.orders import AsItCame
    from provisioning.office import Keys, Office
    from provisioning.office_link import Letter


def order(
    office: Office,
    kiosks: Sequence[str],
    keys: Keys,
    *,
    mode: Mode | None = None,
    changes: Mapping[str, str | float | None] | None = None,
    notice: OrderedNotice | AsItCame | None = None,
) -> list[Letter]:
    """Order kiosks otherwise; return the signed orders to send. Raises FleetError; then nothing was ordered."""
    with office.act() as act:
        state = decided.with_orders(act.state, kiosks, now=office.now, mode=mode, changes=changes, notice=notice)
        facts: dict[str, audit.Fact] = {
            "kiosks": list(kiosks),
            "mode": str(mode or "as before"),
            "settings": [f"{name} = {value}" for name, value in (changes or {}).items()],
            **({} if notice is None else {"notice": notice if isinstance(notice, str) else notice.id}),
        }
        return letters.orders(act.commit(state, "order", facts), kiosks, keys)
