"""Change who can open reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.decisions import trust
from provisioning.recipients import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.wire.bundle import Recipient
    from edge_agent.wire.keys import SoftwareSigner
    from provisioning import audit
    from provisioning.office import Office


def set_recipients(office: Office, recipients: Sequence[Recipient], root: SoftwareSigner, days: int) -> int:
    """Sign the next bundle with these recipients; return its version."""
    with office.act() as act:
        before = act.state.trusted.content.recipients
        state = trust.with_recipients(act.state, recipients, root, now=office.now, days=days)
        version = state.trusted.content.version
        facts: dict[str, audit.Fact] = {
            "bundle": version,
            "added": [named(r) for r in recipients if r not in before],
            "removed": [named(r) for r in before if r not in recipients],
        }
        act.commit(state, "recipients", facts)
        return version
