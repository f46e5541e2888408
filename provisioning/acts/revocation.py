"""A kiosk out of service, at once: each step says whether it was done, and what is known of its effect.

The wipe order goes first, while a stolen kiosk still hears; then the broker's lists, the end of its live session, a
knock in its name to see that the broker keeps to them, and the intakes. A step that can't be done from here is named
for a person to do; nothing is said to be done that was not seen to be.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt.enums import MQTTErrorCode

from edge_agent.errors import BrokerError, LocalError
from edge_agent.mqtt import FAILURE, make_client, split_address
from edge_agent.wire.topics import Door, door
from provisioning import letters
from provisioning.broker_files import put_in_force
from provisioning.decisions import service
from provisioning.decisions.service import with_crl
from provisioning.languages import phrase
from provisioning.office_link import OfficeLink, tls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from paho.mqtt.client import Client, ConnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from provisioning import audit
    from provisioning.certificates import Authority
    from provisioning.fleet import State
    from provisioning.office import Keys, Office
    from provisioning.office_link import Letter

_LIFETIME: Final = dt.timedelta(minutes=10)
_PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it is, whether it is done, and what is known or left to do."""

    what: str
    done: bool
    known: str


def revoke(office: Office, kiosk: str, keys: Keys) -> list[Step]:
    """Take a kiosk out of service, or do again what was left of it, for one that is out already.

    Raises FleetError for a kiosk that there is not; then nothing was done.
    """
    state = office.state()
    if state.kiosk(kiosk).revoked_at is None:
        state = out_of_service(office, kiosk, keys)
    known = phrase("registry {version}: its key is trusted no more", version=state.registered.version)
    steps = [Step(phrase("the fleet"), done=True, known=known)]
    try:
        (heard,) = _send(office, keys, letters.orders(state, [kiosk], keys))
    except BrokerError as fault:
        return [
            *steps,
            _wipe(heard=False),
            _lists(state),
            Step(
                phrase("its live session"),
                done=False,
                known=phrase("the broker can't be reached: {why}", why=fault.what),
            ),
            _intakes(office.directory.to_copy, told=False),
        ]
    steps += [_wipe(heard=heard), _lists(state), _session(state, kiosk, keys.authority, office.time)]
    try:
        told = all(_send(office, keys, letters.trust(state)))
    except BrokerError:
        told = False
    return [*steps, _intakes(office.directory.to_copy, told=told)]


def _send(office: Office, keys: Keys, what: Sequence[Letter]) -> list[bool]:
    """Send letters over a connection of their own: between two the broker may be started again. Raises BrokerError."""
    state = office.state()
    with OfficeLink(keys.authority, state.fleet, state.brokers, office.time) as link:
        return link.send(what)


def out_of_service(office: Office, kiosk: str, keys: Keys) -> State:
    """Take a kiosk out of service, for good; return the state, whose `to-copy` is then written."""
    with office.act() as act:
        state = service.with_revoked(act.state, kiosk, keys.orders, now=office.now)
        facts: dict[str, audit.Fact] = {"kiosk": kiosk, "registry": state.registered.version}
        return act.commit(with_crl(state, keys.authority, office.now), "revoke", facts)


def _wipe(*, heard: bool) -> Step:
    known = (
        phrase("it is connected or will be given it; a thief who kept it from the network still has what is on it")
        if heard
        else phrase("it did not hear it. What is on it is worth nothing to a broker or an intake, and opens no report")
    )
    return Step(phrase("the order to wipe its keys"), done=heard, known=known)


def _intakes(folder: Path, *, told: bool) -> Step:
    file = folder / "registry.cose"
    known = (
        phrase("told through the broker. Desks: copy {file} there", file=file)
        if told
        else phrase("copy {file} to each intake and desk", file=file)
    )
    return Step(phrase("the intakes"), done=told, known=known)


def _lists(state: State) -> Step:
    """Put ACL and CRL into force on a mosquitto of this computer."""
    name = phrase("the broker's ACL and CRL")
    if not state.broker_files:
        known = phrase("its files are not on this computer: copy acl and crl.pem, then restart it")
        return Step(name, done=False, known=known)
    try:
        put_in_force(state)
    except LocalError as fault:
        return Step(name, done=False, known=phrase("{why}: copy, then restart it", why=fault.what))
    return Step(name, done=True, known=phrase("in force: it may do nothing, and its certificates are listed"))


def _session(state: State, kiosk: str, authority: Authority, now: dt.datetime) -> Step:
    """End the kiosk's live session by taking it over, and try what it may do."""
    name = phrase("its live session")
    verdicts = [_Knock(authority, state.fleet, kiosk, address, now).result() for address in state.brokers]
    if all(verdict is False for verdict in verdicts):
        return Step(name, done=True, known=phrase("ended; a knock in its name was turned away"))
    if any(verdict for verdict in verdicts):
        return Step(
            name, done=False, known=phrase("the broker still lets it in: bring its acl up to date, then run this again")
        )
    return Step(name, done=False, known=phrase("the broker did not answer a knock in its name: run this again"))


class _Knock:
    """A visit in the kiosk's name, by a certificate that the office makes: it ends a session that is open there."""

    def __init__(self, authority: Authority, fleet: str, kiosk: str, address: str, now: dt.datetime) -> None:
        self._topic = door(fleet, kiosk, Door.REQUEST)
        self._target = split_address(address)
        self._allowed: bool | None = None
        self._client = make_client(kiosk, tls(authority.trusted, authority.client(kiosk, now, _LIFETIME)))
        self._client.connect_timeout = _PATIENCE_S
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish

    def result(self) -> bool | None:
        """Say whether the broker lets the kiosk say anything; None when it did not answer."""
        given_up_at = time.monotonic() + _PATIENCE_S
        with contextlib.suppress(OSError, ValueError):  # ValueError: ssl, when the peer's name does not fit
            self._client.connect(*self._target, keepalive=30, clean_start=True)
            while self._allowed is None and time.monotonic() < given_up_at:
                if self._client.loop(0.2) is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                    break
            self._client.disconnect()
        return self._allowed

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._allowed = False
        else:
            client.publish(self._topic, b"", qos=1)

    def _on_publish(
        self, _client: Client, _data: Any, _mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._allowed = reason.value < FAILURE
