"""MQTT 5 over TLS 1.3: the one module of the device that touches the network.

It speaks the subset that every broker carries (QoS 1, exact topics, no retained truth) and turns paho's callbacks into
events. Each connection is a new paho client: what is on its way lives in the outbox, never in paho's memory.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from edge_agent.mqtt import (
    CONTENT_TYPE,
    DEFAULT_RECEIVE_MAXIMUM,
    GRANTED_QOS_1,
    UNSUPPORTED_VERSION,
    no_delay,
    properties,
    tls_context,
)
from edge_agent.wire.topics import Address, Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.client import ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

_RECEIVE_MAXIMUM: Final = 100  # receipts on their way to us at once
_CONNECT_TIMEOUT_S: Final = 20.0
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


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A PUBACK came for a record, with MQTT's reason code."""

    record_id: bytes
    reason: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bytes came down a channel. Nothing of them is believed yet."""

    channel: Channel
    payload: bytes


Event = Connected | Lost | Acknowledged | Arrived


class Uplink:
    """One kiosk's connection to whichever of its brokers answers.

    `tell` is called with each event, in order, from threads of ours: it must be quick and must not call back.
    """

    def __init__(self, link: Link, address: Address, will: bytes, tell: Callable[[Event], None]) -> None:
        self._emit = tell
        self._link = link
        self._address = address
        self._will = will
        self._turn = 0
        self._client: Client | None = None
        self._thread: threading.Thread | None = None
        self._on_the_wire: dict[int, bytes | None] = {}  # packet id -> record id; None for a status message
        self._early: dict[int, int] = {}  # a PUBACK that overtook publish()'s return: packet id -> reason
        self._lock = threading.Lock()

    def connect(self) -> None:
        """Begin to connect to the next address, in a thread of its own; Connected or Lost follows.

        Raises BrokerError when our own certificate or key can't be used: then nobody has to be asked.
        """
        host, port = self._link.addresses[self._turn % len(self._link.addresses)]
        self._turn += 1
        client = self._make_client()
        self._client = client
        with self._lock:
            self._on_the_wire.clear()
            self._early.clear()
        self._thread = threading.Thread(target=self._serve, args=(client, host, port), daemon=True, name="uplink")
        self._thread.start()

    def publish_record(self, record_id: bytes, sealed: bytes) -> bool:
        """Hand a record to the connection; its Acknowledged follows. False when the connection is going down."""
        return self._publish(Channel.RECORDS, sealed, record_id)

    def publish_status(self, status: bytes) -> None:
        """Send a status message; nobody waits for its acknowledgement."""
        self._publish(Channel.STATUS, status, None)

    def close(self) -> None:
        """Say goodbye (the will stays unsaid) and let go. Takes at most a second."""
        client, thread = self._client, self._thread
        self._client = self._thread = None
        if client is not None and thread is not None:
            client.disconnect()
            thread.join(_GRACE_S)

    # -- paho ----------------------------------------------------------------------------------------------------------

    def _publish(self, channel: Channel, payload: bytes, record_id: bytes | None) -> bool:
        if self._client is None:
            return False
        about = properties(PacketTypes.PUBLISH, ContentType=CONTENT_TYPE)
        info = self._client.publish(self._address.topic(channel), payload, qos=1, properties=about)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        with self._lock:
            reason = self._early.pop(info.mid, None)
            if reason is None:
                self._on_the_wire[info.mid] = record_id
        if reason is not None and record_id is not None:
            self._emit(Acknowledged(record_id, reason))
        return True

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._address.kiosk,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # the window is delivery's business
        client.tls_set_context(tls_context(self._link))
        about = properties(PacketTypes.WILLMESSAGE, ContentType=CONTENT_TYPE)
        client.will_set(self._address.topic(Channel.STATUS), self._will, qos=1, properties=about)
        client.on_socket_open = no_delay
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _serve(self, client: Client, host: str, port: int) -> None:
        about = properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=self._link.session_expiry_s,
            ReceiveMaximum=_RECEIVE_MAXIMUM,
        )
        try:
            client.connect(host, port, self._link.keepalive_s, clean_start=False, properties=about)
            client.loop_forever(retry_first_connection=False)
        except (OSError, ValueError) as fault:  # ValueError: ssl, when the peer's name does not fit
            self._tell(client, Lost(f"{host}:{port}: {fault}"))

    def _tell(self, client: Client, event: Event) -> None:
        if client is self._client:  # a client that was let go has no say
            self._emit(event)

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            final = reason.value == UNSUPPORTED_VERSION
            self._tell(client, Lost(f"the broker refuses us: {reason}", final=final))
            return
        if getattr(properties, "MaximumQoS", 1) < 1:
            self._tell(client, Lost("the broker carries QoS 0 only, which loses records", final=True))
            client.disconnect()
            return
        client.user_data_set(properties)
        client.subscribe(self._address.topic(Channel.RECEIPTS), qos=1)

    def _on_subscribe(
        self, client: Client, data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [reason for reason in reasons if reason.value != GRANTED_QOS_1]
        if refused:
            self._tell(client, Lost(f"the broker denies us our receipts: {refused[0]}"))
            client.disconnect()
            return
        self._tell(
            client,
            Connected(
                getattr(data, "ReceiveMaximum", DEFAULT_RECEIVE_MAXIMUM), getattr(data, "MaximumPacketSize", None)
            ),
        )

    def _on_publish(
        self, client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        # paho calls this from its own thread, sometimes before publish() has returned the packet's id. The lock is
        # never held around a call into paho.
        with self._lock:
            if mid not in self._on_the_wire:
                self._early[mid] = reason.value
                return
            record_id = self._on_the_wire.pop(mid)
        if record_id is not None:
            self._tell(client, Acknowledged(record_id, reason.value))

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.topic == self._address.topic(Channel.RECEIPTS):
            self._tell(client, Arrived(Channel.RECEIPTS, bytes(message.payload)))

    def _on_disconnect(
        self, client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._tell(client, Lost(f"disconnected: {reason}"))
