"""A kiosk out of service, at once: each step says whether it was done, and what is known of its effect.

The wipe order goes first, while a stolen kiosk still hears; then the broker's lists, the end of its live session, a
knock in its name to see that the broker keeps to them, and the intakes. A step that can't be done from here is named
for a person to do; nothing is said to be done that was not seen to be.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from edge_agent.errors import BrokerError, LocalError
from edge_agent.files import write_whole
from edge_agent.mqtt import no_delay, split_address
from edge_agent.wire.topics import Door, door
from provisioning import handout
from provisioning.mosquitto import PID_FILE
from provisioning.office_link import OfficeLink, tls

if TYPE_CHECKING:
    from paho.mqtt.client import ConnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from provisioning.certificates import Authority
    from provisioning.fleet import State
    from provisioning.office import Keys, Office

_LIFETIME: Final = dt.timedelta(minutes=10)
_PATIENCE_S: Final = 5.0
_FAILURE: Final = 0x80  # MQTT 5, 2.4: from here on a reason code is a failure


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
        state = office.revoke(kiosk, keys)
    steps = [Step("the fleet", done=True, known=f"registry {state.registered.version}: its key is trusted no more")]
    try:
        with OfficeLink(keys.authority, state.fleet, state.brokers, office.time) as link:
            (heard,) = link.send(office.orders(state, [kiosk], keys))
            steps.append(_wipe(heard=heard))
            steps += [_lists(state), _session(state, kiosk, keys.authority, office.time)]
            told = all(link.send(office.trust_letters(state)))
            steps.append(_intakes(office.directory.to_copy, told=told))
    except BrokerError as fault:
        steps += [
            _wipe(heard=False),
            _lists(state),
            Step("its live session", done=False, known=f"the broker can't be reached: {fault.what}"),
            _intakes(office.directory.to_copy, told=False),
        ]
    return steps


def _wipe(*, heard: bool) -> Step:
    known = (
        "it is connected or will be given it; a thief who kept it from the network still has what is on it"
        if heard
        else "it did not hear it. What is on it is worth nothing to a broker or an intake, and opens no report"
    )
    return Step("the order to wipe its keys", done=heard, known=known)


def _intakes(folder: Path, *, told: bool) -> Step:
    by_hand = f"copy {folder / 'registry.cose'} to each intake"
    known = "told through the broker. Desks and intakes of a cluster: " if told else ""
    return Step("the intakes", done=told, known=known + by_hand)


def _lists(state: State) -> Step:
    """Put ACL and CRL into force on a mosquitto of this computer."""
    name = "the broker's ACL and CRL"
    if not state.broker_files:
        return Step(name, done=False, known="its files are not on this computer: copy acl and crl.pem, then reload it")
    here = Path(state.broker_files)
    try:
        for file, content in (("acl", handout.acl(state)), ("crl.pem", state.crl)):
            _write_as_it_was(here / file, content.encode())
        os.kill(_mosquitto(here / PID_FILE), signal.SIGHUP)
    except (LocalError, OSError, ValueError) as fault:
        return Step(name, done=False, known=f"{here} could not be brought up to date ({fault}): copy, then reload it")
    return Step(name, done=True, known="in force: it may do nothing, and its certificates are listed")


def _mosquitto(pid_file: Path) -> int:
    """Give the process id of the mosquitto that wrote this file. Raises OSError, ValueError."""
    pid = int(pid_file.read_text(encoding="ascii"))
    if Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip() != "mosquitto":
        raise ValueError("another program has its number")
    return pid


def _write_as_it_was(path: Path, content: bytes) -> None:
    """Write a file over one that is there, with the same owner and mode. Raises LocalError, OSError."""
    before = path.stat()
    if os.geteuid() not in {0, before.st_uid}:
        raise PermissionError(f"{path.name} is another's file")
    write_whole(path, content, mode=before.st_mode & 0o777, replace=True)
    if os.geteuid() == 0:
        os.chown(path, before.st_uid, before.st_gid)


def _session(state: State, kiosk: str, authority: Authority, now: dt.datetime) -> Step:
    """End the kiosk's live session by taking it over, and try what it may do."""
    name = "its live session"
    verdicts = [_Knock(authority, state.fleet, kiosk, address, now).result() for address in state.brokers]
    if all(verdict is False for verdict in verdicts):
        return Step(name, done=True, known="ended; a knock in its name was turned away")
    if any(verdict for verdict in verdicts):
        return Step(
            name, done=False, known="the broker still lets it in: bring its acl up to date, then run this again"
        )
    return Step(name, done=False, known="the broker did not answer a knock in its name: run this again")


class _Knock:
    """A visit in the kiosk's name, by a certificate that the office makes: it ends a session that is open there."""

    def __init__(self, authority: Authority, fleet: str, kiosk: str, address: str, now: dt.datetime) -> None:
        self._topic = door(fleet, kiosk, Door.REQUEST)
        self._target = split_address(address)
        self._allowed: bool | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2, kiosk, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        self._client.connect_timeout = _PATIENCE_S
        self._client.tls_set_context(tls(authority, authority.client(kiosk, now, _LIFETIME)))
        self._client.on_socket_open = no_delay
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
        self._allowed = reason.value < _FAILURE
