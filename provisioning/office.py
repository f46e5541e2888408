"""The office: one fleet, who works on it, what time it is, and its keys when they are needed.

What staff do stands in `acts/`. An act asks for keys only when it needs them, records itself in the audit log, and
returns what the screen should say.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent import authorities
from edge_agent.errors import KeyFileError
from edge_agent.files import read_private
from provisioning import keyring
from provisioning.certificates import Authority, Identity, private_pem
from provisioning.decisions.permission import check_proven
from provisioning.fleet import FleetError, Turn
from provisioning.keyring import OfficeKey, Purpose
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from edge_agent.wire.keys import SoftwareSigner
    from provisioning.fleet import State
    from provisioning.fleet_directory import Act, FleetDirectory
    from provisioning.fleet_view import RollFile


@dataclass(frozen=True, slots=True)
class Keys:
    """The office's keys, opened."""

    authority: Authority
    receipts: SoftwareSigner
    orders: SoftwareSigner
    claims: bytes


@dataclass(frozen=True, slots=True)
class Office:
    """One fleet's directory, who works on it, and what time it is (seconds since 1970)."""

    directory: FleetDirectory
    who: str
    now: int
    clock_is_right: bool = False
    clock: Callable[[], int] | None = None  # what `now` was read from, for an office that goes on for a while

    def later(self) -> Office:
        """Give this office as it is now."""
        return self if self.clock is None else dataclasses.replace(self, now=self.clock())

    @property
    def time(self) -> dt.datetime:
        """The time as certificates want it."""
        return dt.datetime.fromtimestamp(self.now, dt.UTC)

    @property
    def rolls(self) -> RollFile:
        """Where the fleet's view is kept."""
        return self.directory.rolls

    def state(self) -> State:
        """Give the fleet as it stands."""
        return self.directory.look()

    def keys(self, passphrase: str) -> Keys:
        """Open the office's keys. Raises KeyFileError."""
        state = self.state()
        found = self.office_keys(state, passphrase)
        receipts, orders = (keyring.held(found, state.in_force(turn)) for turn in (Turn.RECEIPTS, Turn.ORDERS))
        return Keys(authority_of(state, found), receipts, orders, found[OfficeKey.CLAIMS])

    def office_keys(self, state: State, passphrase: str) -> dict[str, bytes]:
        """Open the office's key file: each key by its name. Raises KeyFileError."""
        return keyring.unprotect(self.directory.office_keys(), state.fleet, Purpose.OFFICE, passphrase)

    def root(self, path: Path, passphrase: str) -> SoftwareSigner:
        """Open the root's file. Raises KeyFileError, FleetError for another fleet's."""
        state = self.state()
        found = keyring.unprotect(read_private(path), state.fleet, Purpose.ROOT, passphrase)
        return own_root(state, found[Purpose.ROOT])

    @contextlib.contextmanager
    def act(self, *, proven: bool = True) -> Iterator[Act]:
        """Begin an act; most need the root's paper `proven`. Raises FleetError, AuditError, ClockError."""
        with self.directory.act(self.who, self.now, believed=self.clock_is_right) as act:
            if proven:
                check_proven(act.state)
            yield act


def authority_of(state: State, keys: Mapping[str, bytes]) -> Authority:
    """Give the CA that certifies, the other one beside it while they overlap. Raises KeyFileError.

    An old CA whose key is gone already certifies nothing and lists nothing; it is still trusted.
    """
    first, *others = state.authorities
    beside: Authority | None = None
    for other in others:
        with contextlib.suppress(KeyFileError):
            key = keyring.held(keys, authorities.point(other)).private_key
            beside = Authority.load(Identity(authorities.pem([other]), private_pem(key)))
    key = keyring.held(keys, authorities.point(first)).private_key
    return Authority.load(Identity(state.authority.encode(), private_pem(key)), beside)


def own_root(state: State, secret: bytes) -> SoftwareSigner:
    """Give the root's signer. Raises FleetError when it is another fleet's."""
    signer = keyring.signer(secret)
    if signer.public_key.hex() != state.root:
        raise FleetError(
            phrase("this is another fleet's root"), next_step=phrase("Take this fleet's sheets, or this fleet's file.")
        )
    return signer
