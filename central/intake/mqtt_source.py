"""Messages by MQTT 5 over TLS 1.3, in the subset that every broker carries (docs/decisions/0004-intake.md).

The broker keeps our session under a fixed client id; it holds back after 100 messages that we have not acknowledged, so
that a slow disk slows the kiosks instead of filling our memory. Every connection is a paho client of its own: a packet
id means nothing on another one.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes

from central.intake.core import MAX_BATCH, Arrival
from central.intake.presence import common_name
from central.intake.receiver import CONNECT_S, GOODBYE_S, IDLE_S, RECEIVE_MAXIMUM
from edge_agent.errors import BrokerError
from edge_agent.events import emit
from edge_agent.mqtt import (
    CONTENT_TYPE,
    DEFAULT_RECEIVE_MAXIMUM,
    FAILURE,
    GRANTED_QOS_1,
    UNSUPPORTED_VERSION,
    make_client,
    properties,
    tls_context,
)
from edge_agent.wire.topics import Channel, of_every_kiosk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from central.intake.core import Letter
    from central.intake.settings import Broker

_ABOUT_RECEIPTS: Final = properties(PacketTypes.PUBLISH, ContentType=CONTENT_TYPE)


@dataclass(frozen=True, slots=True)
class Handle:
    """What acknowledges a message: the packet's id, on the connection that brought it."""

    connection: Client
    packet_id: int


class MqttSource:
    """A persistent MQTT session, carried by one connection after the other."""

    def __init__(self, broker: Broker, fleet: str, more: Sequence[str] = ()) -> None:
        self.name = common_name(Path(broker.certificate))
        self.problem = ""
        self.arrivals: deque[Arrival[Handle]] = deque()
        self._broker = broker
        self._filters = [of_every_kiosk(fleet, channel) for channel in (Channel.RECORDS, Channel.STATUS)]
        self._filters += more
        self._tls = tls_context(broker)
        self._client: Client | None = None  # the connection in use, while it stands
        self._subscribed = False
        self._receive_maximum = MAX_BATCH
        self._confirmed: dict[int, int] = {}  # packet id of a receipt -> reason code of its PUBACK

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._client is not None

    def acknowledge(self, arrivals: Sequence[Arrival[Handle]]) -> None:
        """Acknowledge in order. What came by a connection that is gone will come again."""
        for arrival in arrivals:
            if arrival.handle.connection is self._client:
                self._client.ack(arrival.handle.packet_id, qos=1)

    # -- Receipts ------------------------------------------------------------------------------------------------------

    @property
    def window(self) -> int:
        """How many receipts may be on their way at once."""
        return self._receive_maximum

    def send(self, letter: Letter) -> int:
        """Begin to send a receipt; return its packet id."""
        assert self._client is not None, "receipts are sent while connected"
        return self._client.publish(letter.topic, letter.payload, qos=1, properties=_ABOUT_RECEIPTS).mid

    def answered(self, waiting: set[int]) -> set[int]:
        """Give those of `waiting` that have their PUBACK; a refusal is told in the log."""
        answered = waiting & self._confirmed.keys()
        for reason in map(self._confirmed.pop, answered):
            if reason >= FAILURE:
                emit("receipt_refused", reason=reason)
        return answered

    # -- One connection ------------------------------------------------------------------------------------------------

    def connect(self, host: str, port: int) -> bool:
        """Connect and subscribe. False, with the problem noted, when it has to be tried again."""
        self._subscribed = False
        self._confirmed.clear()
        client = self._make_client()
        about = properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=self._broker.session_expiry_s,
            ReceiveMaximum=RECEIVE_MAXIMUM,
        )
        try:
            client.connect(host, port, self._broker.keepalive_s, clean_start=False, properties=about)
        except (OSError, ValueError) as fault:  # ValueError: ssl, when the broker's name does not fit
            self.problem = str(fault)
            return False
        self._client = client
        given_up_at = time.monotonic() + CONNECT_S
        while self.connected and not self._subscribed and not self.problem:
            self.loop(IDLE_S)
            if time.monotonic() > given_up_at:
                self.problem = "it does not answer"
        if self.problem:
            self.disconnect()
        return self._subscribed and self.connected

    def loop(self, timeout: float) -> None:
        """Let paho read and write once, waiting at most `timeout` seconds for something to do."""
        if self._client is None:
            return
        result = self._client.loop(timeout)
        if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.problem = self.problem or result.name
            self._client = None

    def disconnect(self) -> None:
        """Say goodbye; the broker keeps our session."""
        if self._client is None:
            return
        self._client.disconnect()
        gone_at = time.monotonic() + GOODBYE_S
        while self.connected and time.monotonic() < gone_at:
            self.loop(IDLE_S / 10)
        self._client = None

    def _make_client(self) -> Client:
        client = make_client(self.name, self._tls)
        client.manual_ack_set(True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    # -- paho's callbacks, all within `loop` ---------------------------------------------------------------------------

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.value == UNSUPPORTED_VERSION:
            raise BrokerError(
                "the broker does not speak MQTT 5",
                next_step="Use a broker that does (mosquitto 2, RabbitMQ 4); MQTT 3.1.1 hides refusals.",
            )
        if reason.is_failure:
            self.problem = f"it refuses us: {reason}"
            return
        if getattr(properties, "MaximumQoS", 1) < 1:
            raise BrokerError("the broker carries QoS 0 only, which loses records", next_step="Allow QoS 1 on it.")
        self._receive_maximum = min(MAX_BATCH, getattr(properties, "ReceiveMaximum", DEFAULT_RECEIVE_MAXIMUM))
        client.subscribe([(topic, 1) for topic in self._filters])

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [reason for reason in reasons if reason.value != GRANTED_QOS_1]
        if refused:
            self.problem = f"it denies us the kiosks' topics: {refused[0]}"
        else:
            self._subscribed = True

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        self.arrivals.append(Arrival(message.topic, bytes(message.payload), Handle(client, message.mid)))

    def _on_publish(
        self, _client: Client, _data: Any, packet_id: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._confirmed[packet_id] = reason.value

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.problem = self.problem or f"disconnected: {reason}"
