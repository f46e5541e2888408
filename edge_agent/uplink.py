"""MQTT 5 over TLS 1.3: the one module of the device that touches the network.

It speaks the subset that every broker carries (QoS 1, exact topics, no retained truth) and turns paho's callbacks into
events. Each connection is a new paho client: what is on its way lives in the outbox, never in paho's memory.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes

from edge_agent.mqtt import (
    CONTENT_TYPE,
    DEFAULT_RECEIVE_MAXIMUM,
    GRANTED_QOS_1,
    UNSUPPORTED_VERSION,
    Packed,
    make_client,
    properties,
    tls_context,
)
from edge_agent.wire.topics import Address, Channel, Door, door

if TYPE_CHECKING:
    import ssl

    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

_RECEIVE_MAXIMUM: Final = 100  # receipts on their way to us at once
_CONNECT_TIMEOUT_S: Final = 20.0
_ABOUT_A_PUBLISH: Final = Packed(PacketTypes.PUBLISH, ContentType=CONTENT_TYPE)
_GRACE_S: Final = 1.0  # for a DISCONNECT to leave; SIGTERM promises two seconds in all


@dataclass(frozen=True, slots=True)
class Link:
    """How to reach brokers and who we are. Times in seconds."""

    addresses: tuple[tuple[str, int], ...]
    ca: str
    certificate: str
    key: str
    keepalive_s: int
    session_expiry_s: int


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took us in and we hear our receipts. The limits are CONNACK's."""

    receive_maximum: int
    maximum_packet_bytes: int | None


@dataclass(frozen=True, slots=True)
class Lost:
    """No connection, or no more. `reason` is for the operator; `final` when trying again can't help."""

    reason: str
    final: bool = False


class Acknowledged(NamedTuple):
    """A PUBACK came for a record, with MQTT's reason code."""

    record_id: bytes
    reason: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bytes came down a channel. Nothing of them is believed yet."""

    channel: Channel | Door
    payload: bytes


Event = Connected | Lost | Acknowledged | Arrived


class Uplink:
    """One kiosk's connection to whichever of its brokers answers.

    Only the way to a broker, which can be slow, is gone in a thread of its own. From then on all happens in the
    caller's thread, inside `wait` and the two `publish`: TLS bears no two threads on one connection.
    """

    def __init__(self, link: Link, address: Address, will: bytes) -> None:
        self._link = link
        self._address = address
        self._will = will
        self._records = address.topic(Channel.RECORDS)
        self._ears: dict[str, Channel | Door] = {
            address.topic(Channel.RECEIPTS): Channel.RECEIPTS,
            address.topic(Channel.ORDERS): Channel.ORDERS,
            door(address.fleet, address.kiosk, Door.REPLY): Door.REPLY,
        }
        self._turn = 0
        self._tls: ssl.SSLContext | None = None
        self._client: Client | None = None
        self._reached: queue.SimpleQueue[Client | Lost] = queue.SimpleQueue()
        self._events: list[Event] = []
        self._on_the_wire: dict[int, bytes] = {}  # packet id -> record id

    def use(self, link: Link) -> None:
        """Be who this link says, from the next connection on."""
        self._link = link
        self._tls = None

    def connect(self) -> None:
        """Begin to connect to the next address; Connected or Lost follows.

        Raises BrokerError when our own certificate or key can't be used: then nobody has to be asked.
        """
        host, port = self._link.addresses[self._turn % len(self._link.addresses)]
        self._turn += 1
        client = self._make_client()
        threading.Thread(target=self._reach, args=(client, host, port), daemon=True, name="connecting").start()

    def wait(self, seconds: float) -> list[Event]:
        """Let the connection work; return what happened, oldest first, after `seconds` if nothing did."""
        if self._client is None:
            self._look_for_a_connection(seconds)
        else:
            self._loop(self._client, seconds)
        events, self._events = self._events, []
        return events

    def publish_record(self, record_id: bytes, sealed: bytes) -> bool:
        """Hand a record to the connection; its Acknowledged follows. False when the connection is going down."""
        packet_id = self._publish(self._records, sealed)
        if packet_id is None:
            return False
        self._on_the_wire[packet_id] = record_id
        return True

    def publish_status(self, status: bytes) -> None:
        """Send a status message; nobody waits for its acknowledgement."""
        self._publish(self._address.topic(Channel.STATUS), status)

    def publish_request(self, request: bytes) -> None:
        """Ask the office for new certificates; its answer may arrive later."""
        self._publish(door(self._address.fleet, self._address.kiosk, Door.REQUEST), request)

    def close(self) -> None:
        """Say goodbye (the will stays unsaid) and let go. Takes at most a second."""
        client = self._client
        if client is None:
            return
        client.disconnect()
        gone_at = time.monotonic() + _GRACE_S
        while self._client is client and time.monotonic() < gone_at:
            self._loop(client, _GRACE_S / 10)
        self._client = None
        self._events = [event for event in self._events if not isinstance(event, Lost)]  # a goodbye of ours is no loss

    # -- Inside --------------------------------------------------------------------------------------------------------

    def _make_client(self) -> Client:
        if self._tls is None:
            self._tls = tls_context(self._link)  # once: a card that fails later keeps nobody from saying so
        client = make_client(self._address.kiosk, self._tls)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        about = properties(PacketTypes.WILLMESSAGE, ContentType=CONTENT_TYPE)
        client.will_set(self._address.topic(Channel.STATUS), self._will, qos=1, properties=about)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _reach(self, client: Client, host: str, port: int) -> None:
        """Connect, TLS included, in a thread of its own; whoever waits takes the connection over."""
        about = properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=self._link.session_expiry_s,
            ReceiveMaximum=_RECEIVE_MAXIMUM,
        )
        try:
            client.connect(host, port, self._link.keepalive_s, clean_start=False, properties=about)
        except (OSError, ValueError) as fault:  # ValueError: ssl, when the peer's name does not fit
            self._reached.put(Lost(f"{host}:{port}: {fault}"))
        else:
            self._reached.put(client)

    def _look_for_a_connection(self, seconds: float) -> None:
        try:
            found = self._reached.get(timeout=seconds)
        except queue.Empty:
            return
        if isinstance(found, Lost):
            self._events.append(found)
        else:
            self._client = found
            self._on_the_wire.clear()

    def _loop(self, client: Client, seconds: float) -> None:
        """Let paho read and write once, waiting at most `seconds` for something to do."""
        result = client.loop(seconds)
        if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lose(f"disconnected: {result.name}")
        if self._client is None:
            client.disconnect()  # closes it, where it was us who gave up

    def _lose(self, reason: str, *, final: bool = False) -> None:
        """Let go of the connection, and say so once."""
        if self._client is not None:
            self._client = None
            self._events.append(Lost(reason, final=final))

    def _publish(self, topic: str, payload: bytes) -> int | None:
        if self._client is None:
            return None
        info = self._client.publish(topic, payload, qos=1, properties=_ABOUT_A_PUBLISH)
        return info.mid if info.rc is MQTTErrorCode.MQTT_ERR_SUCCESS else None

    # -- paho's callbacks, all within its `loop` and `publish` ---------------------------------------------------------

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._lose(f"the broker refuses us: {reason}", final=reason.value == UNSUPPORTED_VERSION)
        elif getattr(properties, "MaximumQoS", 1) < 1:
            self._lose("the broker carries QoS 0 only, which loses records", final=True)
        else:
            client.user_data_set(properties)
            client.subscribe([(topic, 1) for topic in self._ears])

    def _on_subscribe(
        self, _client: Client, data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [reason for reason in reasons if reason.value != GRANTED_QOS_1]
        if refused:
            self._lose(f"the broker denies us receipts or orders: {refused[0]}")
            return
        receive_maximum = getattr(data, "ReceiveMaximum", DEFAULT_RECEIVE_MAXIMUM)
        self._events.append(Connected(receive_maximum, getattr(data, "MaximumPacketSize", None)))

    def _on_publish(
        self, _client: Client, _data: Any, packet_id: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        record_id = self._on_the_wire.pop(packet_id, None)  # None for a status message
        if record_id is not None:
            self._events.append(Acknowledged(record_id, reason.value))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        channel = self._ears.get(message.topic)
        if channel is not None:
            self._events.append(Arrived(channel, bytes(message.payload)))

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._lose(f"disconnected: {reason}")
