"""Replace the receipt key or the orders key, in three acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.errors import LocalError
from edge_agent.files import OWNER_ONLY
from edge_agent.wire.keys import SoftwareSigner, kid
from provisioning import handout, keyring
from provisioning.certificates import private_pem
from provisioning.decisions import rotation
from provisioning.fleet import Turn
from provisioning.handout import File
from provisioning.keyring import OfficeKey, Purpose
from provisioning.languages import phrase
from provisioning.placing import placed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from provisioning import audit
    from provisioning.fleet import State
    from provisioning.fleet_directory import Act
    from provisioning.office import Office


def begin(office: Office, turn: Turn, passphrase: str, root: SoftwareSigner) -> State:
    """Make a new key and name it beside the old one, which still signs. Raises FleetError, KeyFileError.

    The key file comes first: it then holds what both states need, wherever this is stopped.
    """
    with office.act() as act:
        found = office.office_keys(act.state, passphrase)
        old, new = keyring.held(found, act.state.in_force(turn)), SoftwareSigner.generate()
        state = rotation.begun(act.state, turn, new.public_key, root, now=office.now)
        keep_keys(office, state, {**found, **_pair(turn, old, new)}, passphrase)
        return _rotated(act, state, turn, new, "begin")


def switch(office: Office, turn: Turn, passphrase: str, out: Path | None = None) -> State:
    """Let the new key sign; the new receipt key goes into the new folder `out`, for the intakes."""
    with office.act() as act:
        found = office.office_keys(act.state, passphrase)
        new = keyring.held(found, act.state.named(turn)[-1])
        state = rotation.switched(act.state, turn, new, now=office.now)
        if turn is Turn.ORDERS:
            return _rotated(act, state, turn, new, "switch")
        if out is None:
            raise LocalError(
                phrase("the intakes need the new receipt key"), next_step=phrase("Name a new folder for it: --out.")
            )
        with placed(out, {"receipt.key": File(private_pem(new.private_key), OWNER_ONLY), **handout.trust(state)}):
            return _rotated(act, state, turn, new, "switch")


def finish(office: Office, turn: Turn, passphrase: str, root: SoftwareSigner) -> State:
    """Name the new key alone, and keep the old one no longer. Raises FleetError, KeyFileError."""
    with office.act() as act:
        found = office.office_keys(act.state, passphrase)
        new = keyring.held(found, act.state.in_force(turn))
        state = rotation.finished(act.state, turn, root, now=office.now)
        (kept, _), (spare, _) = _pair(turn, new, new).items()
        others = {name: secret for name, secret in found.items() if name != spare}
        keep_keys(office, state, {**others, kept: keyring.secret_of(new.private_key)}, passphrase)
        return _rotated(act, state, turn, new, "finish")


def keep_keys(office: Office, state: State, keys: Mapping[str, bytes], passphrase: str) -> None:
    """Write the office's key file anew."""
    office.directory.put_office_keys(keyring.protect(keys, state.fleet, Purpose.OFFICE, passphrase))


def _rotated(act: Act, state: State, turn: Turn, new: SoftwareSigner, step: str) -> State:
    facts: dict[str, audit.Fact] = {
        "key": str(turn),
        "step": step,
        "new": kid(new.public_key).hex(),
        "bundle": state.trusted.content.version,
        "registry": state.registered.version,
    }
    return act.commit(state, "rotate", facts)


def _pair(turn: Turn, old: SoftwareSigner, new: SoftwareSigner) -> dict[str, bytes]:
    """Give two overlapping keys by their names in the office's file."""
    names = (
        (OfficeKey.RECEIPTS, OfficeKey.NEXT_RECEIPTS)
        if turn is Turn.RECEIPTS
        else (OfficeKey.ORDERS, OfficeKey.NEXT_ORDERS)
    )
    return {str(name): keyring.secret_of(one.private_key) for name, one in zip(names, (old, new), strict=True)}
