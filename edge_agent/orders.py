"""The orders in force on this kiosk: verified by whoever obeys them, kept where no other process may write.

Kiosk and courier each keep their own: the courier leaves what arrived on the shared mount, and the kiosk believes none
of it before it has verified it under the bundle's orders keys. A version never goes back, not even by a restart.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge_agent import authorities
from edge_agent.errors import HomewardError, LocalError, SettingsError, WireError
from edge_agent.events import emit
from edge_agent.files import write_whole
from edge_agent.wire import cose, orders
from edge_agent.wire.documents import from_cbor
from edge_agent.wire.orders import Mode, OrderedNotice, Orders

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

    from edge_agent.config import KioskSettings
    from edge_agent.trust import TrustFile
    from edge_agent.wire.bundle import TrustedBundle

    CheckNotice = Callable[[KioskSettings, TrustedBundle, OrderedNotice | None], None]

_FILE: Final = "orders.cose"
_FOR_THE_OTHER: Final = 0o640


class StandingOrders:
    """What the fleet ordered this kiosk. `beside` is a key file of ours: what is in force is kept in its folder.

    `check_notice` is for whoever speaks with people: it refuses a notice that can't be told them here.
    """

    def __init__(
        self, settings: KioskSettings, trust: TrustFile, beside: Path, check_notice: CheckNotice | None = None
    ) -> None:
        self._check_notice = check_notice
        self._settings = settings
        self._trust = trust
        self._arrived = Path(settings.shared) / _FILE
        self._kept = beside.parent / _FILE
        self._seen: tuple[int, int] | None = None
        self.in_force = _read(self._kept)

    @property
    def version(self) -> int:
        """The version in force, 0 before the first."""
        return self.in_force.version if self.in_force else 0

    @property
    def mode(self) -> Mode:
        """Whether the kiosk is to serve people."""
        return self.in_force.mode if self.in_force else Mode.SERVE

    @property
    def notice(self) -> OrderedNotice | None:
        """The words that take the notice's place; None for those that this kiosk came with."""
        return self.in_force.notice if self.in_force else None

    @property
    def authorities(self) -> list[x509.Certificate]:
        """The CAs that this kiosk is to trust, first the one that certifies: the card's, unless the orders name some.

        Raises LocalError.
        """
        if self.in_force is None or self.in_force.authorities is None:
            return authorities.read(Path(self._settings.broker.ca))
        return authorities.parse(self.in_force.authorities)

    def applied(self, settings: KioskSettings) -> KioskSettings:
        """Give the settings as the orders change them. Raises SettingsError."""
        return with_changes(settings, self.in_force.settings if self.in_force else {})

    def leave(self, data: bytes) -> bool:
        """Take orders that the network brought: obey them, and leave them for the kiosk. Say whether they are news."""
        if not self._take(data):
            return False
        try:
            write_whole(self._arrived, data, mode=_FOR_THE_OTHER, replace=True)
        except LocalError as fault:
            emit("orders_not_passed_on", code=fault.code)
        return True

    def look(self) -> bool:
        """See whether newer orders have arrived on the shared mount; say whether they are in force now."""
        try:
            facts = self._arrived.stat()
            stamp = facts.st_ino, facts.st_mtime_ns
            if stamp == self._seen:
                return False
            self._seen = stamp
            data = self._arrived.read_bytes()
        except OSError:
            return False
        return self._take(data)

    def _take(self, data: bytes) -> bool:
        try:
            new = orders.trust(data, self._trust.current(), self._settings.address, newer_than=self.version)
            changed = with_changes(self._settings, new.settings)
            if self._check_notice is not None:
                self._check_notice(changed, self._trust.current(), new.notice)
            authorities.parse(new.authorities or ())
            self._take_bundle(new)
            write_whole(self._kept, data, replace=True)
        except HomewardError as fault:
            emit("orders_refused", code=fault.code, in_force=self.version)
            return False
        self.in_force = new
        emit("orders_in_force", version=new.version, mode=new.mode)
        return True

    def _take_bundle(self, new: Orders) -> None:
        """Put a newer bundle where both processes take it up. Raises a WireError, LocalError."""
        if new.bundle is not None:
            self._trust.leave_newer(new.bundle)


def ordered_to_wipe(beside: Path) -> bool:
    """Say whether the orders that were kept beside a key file are to be nobody any more. Raises SettingsError."""
    kept = _read(beside.parent / _FILE)
    return kept is not None and kept.mode is Mode.WIPE


def with_changes(settings: KioskSettings, changes: dict[str, Any]) -> KioskSettings:
    """Give settings with dotted keys changed. A list is written with commas. Raises SettingsError."""
    if not changes:
        return settings
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    for name, value in changes.items():
        if name not in orders.SETTINGS:
            raise SettingsError(f"{name} is no setting that orders may change", next_step="Change it on the card.")
        *tables, last = name.split(".")
        table = plain
        for step in tables:
            table = table[step]
        table[last] = value.split(",") if isinstance(table[last], list) and isinstance(value, str) else value
    try:
        return msgspec.convert(plain, type(settings))
    except msgspec.ValidationError as fault:
        raise SettingsError(
            f"orders that don't fit: {fault}", next_step="Correct that value, and order again."
        ) from None


def _read(path: Path) -> Orders | None:
    """Read what we kept ourselves; its signature was verified then, maybe by a key that is no more."""
    if not path.exists():
        return None
    try:
        parsed = cose.parse_sign1(path.read_bytes(), orders.TYPE, max_bytes=Orders.MAX_BYTES)
        return from_cbor(parsed.payload, Orders)
    except (OSError, WireError) as fault:
        raise SettingsError(
            f"{path}, which keeps the orders in force, can't be read: {fault}",
            next_step="Enrol the kiosk again: what it was ordered is no longer known.",
        ) from fault
