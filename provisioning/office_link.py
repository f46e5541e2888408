"""The office's own connection to the broker, by a certificate that it makes for itself and that lives for a day.

One thread does it all, within `wait` and `send`: TLS bears no two threads on one connection.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import ssl
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes

from edge_agent.errors import BrokerError, LocalError
from edge_agent.mqtt import CONTENT_TYPE, GRANTED_QOS_1, make_client, properties, split_address
from edge_agent.wire.topics import Desk, Door, desk, every_door
from provisioning.fleet import OFFICE
from provisioning.handout import File, write_files
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from provisioning.certificates import Authority, Identity

_LIFETIME: Final = dt.timedelta(days=1)
_PATIENCE_S: Final = 10.0
_GOODBYE_S: Final = 0.5
_AT_ONCE: Final = 50  # letters on their way
_NOBODY: Final = 0x10  # MQTT 5, 3.4.2.1: taken, but nobody listens there


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came. Nothing of it is believed yet."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to send."""

    topic: str
    payload: bytes


def tls(trusted: bytes, identity: Identity | None) -> ssl.SSLContext:
    """Make a TLS context that trusts the fleet's CA alone, `trusted` (PEM), and shows this identity or none.

    Python's ssl takes a key by its file's name alone: it lies in a folder of our own meanwhile. Raises LocalError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=trusted.decode())
    if identity is None:
        return context
    try:
        with tempfile.TemporaryDirectory(prefix="homeward-office-") as folder:
            here = Path(folder)
            write_files(here, {"one.pem": File(identity.certificate), "one.key": File(identity.key, 0o600)})
            context.load_cert_chain(here / "one.pem", here / "one.key")
    except OSError as fault:
        raise LocalError(
            phrase("no connection can be prepared: {why}", why=fault.strerror),
            next_step=phrase("Check that {folder} is not full, nor read-only.", folder=tempfile.gettempdir()),
        ) from fault
    return context


class OfficeLink:
    """One connection of the office. Use it as a context manager; entering raises BrokerError when no broker answers."""

    def __init__(self, authority: Authority, fleet: str, addresses: Sequence[str], now: dt.datetime) -> None:
        self._fleet = fleet
        self._addresses = [split_address(address) for address in addresses]
        self._tls = tls(authority.trusted, authority.client(OFFICE, now, _LIFETIME))
        self._client: Client | None = None
        self._listening = False
        self._problem = ""
        self._heard: list[Heard] = []
        self._answered: dict[int, int] = {}

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is None:
            return
        self._client.disconnect()
        gone_at = time.monotonic() + _GOODBYE_S
        while self.open and time.monotonic() < gone_at:
            self._loop(0.05)
        self._client = None

    @property
    def open(self) -> bool:
        """Whether there is a connection."""
        return self._client is not None

    def connect(self) -> None:
        """Connect to the first address that takes us, and listen. Raises BrokerError."""
        for host, port in self._addresses:
            if self._reach(host, port):
                return
        raise BrokerError(
            phrase("no broker takes the office in: {problem}", problem=self._problem),
            next_step=phrase("Look whether it runs and has the newest acl and crl.pem: `homeward-fleet broker check`."),
        )

    def wait(self, seconds: float) -> list[Heard]:
        """Listen until something came, at most so long; return what came. Connects again when that is needed."""
        if self._client is None:
            with contextlib.suppress(BrokerError):
                self.connect()
            if self._client is None:
                time.sleep(seconds)
        elif not self._heard:
            self._loop(seconds)
        heard, self._heard = self._heard, []
        return heard

    def send(self, letters: Sequence[Letter]) -> list[bool]:
        """Send letters; say of each whether the broker has somebody to bring it to."""
        about = properties(PacketTypes.PUBLISH, ContentType=CONTENT_TYPE)
        places: dict[int, int] = {}
        reached = [False] * len(letters)
        left = iter(enumerate(letters))
        given_up_at = time.monotonic() + _PATIENCE_S
        ended = False
        while self._client is not None and (places or not ended) and time.monotonic() < given_up_at:
            for place, letter in itertools.islice(left, max(0, _AT_ONCE - len(places))):
                places[self._client.publish(letter.topic, letter.payload, qos=1, properties=about).mid] = place
            ended = not places
            self._loop(0.05 if places else 0)
            for packet in places.keys() & self._answered.keys():
                reached[places.pop(packet)] = self._answered.pop(packet) < _NOBODY
                given_up_at = time.monotonic() + _PATIENCE_S
        return reached

    # -- One connection ------------------------------------------------------------------------------------------------

    def _reach(self, host: str, port: int) -> bool:
        client = make_client(OFFICE, self._tls)
        client.connect_timeout = _PATIENCE_S
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        self._listening, self._problem = False, ""
        try:
            client.connect(host, port, keepalive=60, clean_start=True)
        except (OSError, ValueError) as fault:  # ValueError: ssl, when the peer's name does not fit
            self._problem = f"{host}:{port}: {fault}"
            return False
        self._client = client
        given_up_at = time.monotonic() + _PATIENCE_S
        while self.open and not self._listening and time.monotonic() < given_up_at:
            self._loop(0.2)
        self._problem = self._problem or f"{host}:{port} does not answer"
        if not self._listening:
            self._client = None
        return self._listening

    def _loop(self, seconds: float) -> None:
        if self._client is None:
            return
        result = self._client.loop(seconds)
        if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._problem = self._problem or f"the connection broke: {result.name}"
            self._client = None

    # -- paho's callbacks, all within `_loop` --------------------------------------------------------------------------

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._problem = f"it refuses the office: {reason}"
            return
        topics = [every_door(self._fleet, Door.REQUEST), desk(self._fleet, Desk.ROLL)]
        client.subscribe([(topic, 1) for topic in topics])

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [reason for reason in reasons if reason.value != GRANTED_QOS_1]
        self._problem = f"it denies the office who asks to enrol: {refused[0]}" if refused else ""
        self._listening = not refused

    def _on_publish(
        self, _client: Client, _data: Any, packet_id: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._answered[packet_id] = reason.value

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._heard.append(Heard(message.topic, bytes(message.payload)))

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._problem = self._problem or f"disconnected: {reason}"
