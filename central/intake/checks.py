"""What `homeward-intake check` looks at before anything runs: each part of the set-up, each problem in words."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from central import trust
from central.intake.presence import common_name
from central.store.choice import open_reader
from edge_agent.errors import BrokerError, ExpiredError, HomewardError, KeyFileError, SettingsError
from edge_agent.files import read_private, read_signer
from edge_agent.mqtt import tls_context
from edge_agent.wire.keys import kid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from central.intake.settings import Broker, IntakeSettings
    from central.store.settings import Store as StoreSettings
    from central.trust import Trust

_PATIENCE_S: Final = 5.0
_RENEW: Final = "Sign a newer one: `homeward-fleet recipients renew`. Kiosks take no reports until they have it."


@dataclass(frozen=True, slots=True)
class Result:
    """One part of the set-up: what was found, and what is wrong with it."""

    part: str
    found: str
    problem: HomewardError | None = None


def check(settings: IntakeSettings, now: int) -> Iterator[Result]:
    """Check every part, also after one that fails. `now` is in seconds since 1970."""
    yield _result("receipt key", lambda: _check_receipt_key(settings))
    yield _result("trust", lambda: _check_trust(settings, now))
    yield _result("TLS", lambda: _check_tls(settings.broker))
    yield _result("store", lambda: _check_store(settings.store, now))
    for host, port in settings.broker.targets():
        yield _result(f"broker {host}:{port}", partial(_check_broker, settings.broker, host, port))


def _result(part: str, look: Callable[[], str]) -> Result:
    try:
        return Result(part, look())
    except HomewardError as fault:
        return Result(part, "", fault)


def _check_receipt_key(settings: IntakeSettings) -> str:
    return f"key {kid(read_signer(Path(settings.receipt_key)).public_key).hex()}, for its owner alone"


def _check_trust(settings: IntakeSettings, now: int) -> str:
    found = trust.load(settings.trust.files())
    check_fits(found, settings)
    try:
        found.bundle.check_alive(now)
    except ExpiredError as fault:
        raise ExpiredError(fault.what, next_step=_RENEW) from fault
    kiosks = len(found.registry.kiosks)
    return f"bundle {found.bundle.content.version}, registry {found.registry.version} with {kiosks} kiosks"


def check_fits(found: Trust, settings: IntakeSettings) -> None:
    """Raise SettingsError for another fleet's trust, KeyFileError when no kiosk would believe our receipts."""
    if found.registry.fleet != settings.fleet:
        raise SettingsError(
            f"the trust files are of fleet {found.registry.fleet}, the settings say {settings.fleet}",
            next_step="Name the files of the right fleet, or correct `fleet`.",
        )
    if read_signer(Path(settings.receipt_key)).public_key not in found.bundle.content.receipt_keys:
        raise KeyFileError(
            f"the bundle does not name the receipt key {settings.receipt_key}: no kiosk would believe a receipt",
            next_step="Name the right key, or have the fleet sign a bundle with this one.",
        )


def _check_tls(broker: Broker) -> str:
    read_private(Path(broker.key))
    tls_context(broker)
    return f"certificate of {common_name(Path(broker.certificate))}"


def _check_store(settings: StoreSettings, now: int) -> str:
    place = settings.place
    path = Path(place.database)
    if not place.in_postgres and not path.exists():
        if not path.parent.is_dir():
            raise SettingsError(f"the store's folder {path.parent} is not there", next_step="Make it.")
        return f"{path} will be made"
    if place.objects is not None:
        place.objects.check()
    with open_reader(place) as store:
        past = sum(1 for _ in store.ended(now))
        waiting = f"; {past} have ended and wait for `homeward-intake expire`" if past else ""
        return f"{place.database} with records of {len(store.kiosks())} kiosks{waiting}"


def _check_broker(broker: Broker, host: str, port: int) -> str:
    try:
        with (
            socket.create_connection((host, port), timeout=_PATIENCE_S) as plain,
            tls_context(broker).wrap_socket(plain, server_hostname=host) as secured,
        ):
            return f"answers with {secured.version()}"
    except OSError as fault:
        raise BrokerError(
            f"{host}:{port} can't be reached over TLS: {fault}",
            next_step="Check that the broker runs, the address, and that its certificate names this host.",
        ) from fault
