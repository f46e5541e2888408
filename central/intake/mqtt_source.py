"""Messages by MQTT 5 over TLS 1.3, in the subset that every broker carries (docs/decisions/0004-intake.md).

One thread does it all, so that the order of the core is the order on the wire. The broker keeps our session under a
fixed client id; it holds back after 100 messages that we have not acknowledged, so that a slow disk slows the kiosks
instead of filling our memory. Every connection is a paho client of its own: a packet id means nothing on another one.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from central.intake.core import MAX_BATCH, Arrival
from central.intake.stopping import StoppedError
from edge_agent.errors import BrokerError
from edge_agent.events import emit
from edge_agent.mqtt import (
    CONTENT_TYPE,
    DEFAULT_RECEIVE_MAXIMUM,
    GRANTED_QOS_1,
    UNSUPPORTED_VERSION,
    no_delay,
    properties,
    tls_context,
)
from edge_agent.wire.topics import Channel, of_every_kiosk

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from paho.mqtt.client import ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from central.intake.core import Intake, Letter
    from central.intake.settings import Broker
    from central.intake.stopping import Stop
    from central.store.port import Fate

_RECEIVE_MAXIMUM: Final = 2 * MAX_BATCH  # one batch on its way to the disk, one being verified
_FAILURE: Final = 0x80  # MQTT 5, 2.4: from here on a reason code is a failure

_OLDEST_S: Final = 0.2  # no message waits longer for its batch to fill
_QUIET_S: Final = 0.005  # nor at all once nothing more is coming
_IDLE_S: Final = 0.2
_CONNECT_S: Final = 10.0
_RECEIPTS_S: Final = 5.0
_GOODBYE_S: Final = 0.5  # SIGTERM promises two seconds in all
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Handle:
    """What acknowledges a message: the packet's id, on the connection that brought it."""

    connection: Client
    packet_id: int


class MqttSource:
    """A persistent MQTT session, carried by one connection after the other. It is the core's Carrier."""

    def __init__(self, broker: Broker, fleet: str, stop: Stop) -> None:
        self._broker = broker
        self._filters = [of_every_kiosk(fleet, channel) for channel in (Channel.RECORDS, Channel.STATUS)]
        self._stop = stop
        self._client_id = common_name(Path(broker.certificate))
        self._tls = tls_context(broker)
        self._client: Client | None = None  # the connection in use, while it stands
        self._problem = ""
        self._subscribed = False
        self._window = MAX_BATCH
        self._arrivals: deque[Arrival[Handle]] = deque()
        self._confirmed: dict[int, int] = {}  # packet id of a receipt -> reason code of its PUBACK

    def run(self, intake: Intake[Handle]) -> None:
        """Receive until asked to stop.

        Raises BrokerError when the broker can't carry records at all, StoreError when a batch can't be kept.
        """
        try:
            self._receive(intake)
        finally:
            self._disconnect()
        emit("stopped")

    def _receive(self, intake: Intake[Handle]) -> None:
        wait_s = 0.0
        for host, port in itertools.cycle(self._broker.targets()):
            address = f"{host}:{port}"
            try:
                with self._stop.cuts_short():
                    time.sleep(wait_s)
                    connected = self._connect(host, port)
            except StoppedError:
                return
            if not connected:
                emit("broker_unavailable", address=address, problem=self._problem)
                wait_s = min(max(2 * wait_s, _FIRST_BACKOFF_S), _LONGEST_BACKOFF_S)
                continue
            wait_s = _FIRST_BACKOFF_S
            emit("ready", address=address, client_id=self._client_id)
            self._serve(intake)
            if self._stop.asked:
                return
            emit("connection_lost", address=address, problem=self._problem)

    # -- The core's Carrier --------------------------------------------------------------------------------------------

    def publish(self, letters: Sequence[Letter]) -> None:
        """Send receipts, as many at once as the broker takes; see the port."""
        self._confirmed.clear()
        waiting: set[int] = set()
        left = deque(letters)
        began = time.monotonic()
        about = properties(PacketTypes.PUBLISH, ContentType=CONTENT_TYPE)
        while (left or waiting) and self._client is not None and time.monotonic() - began < self._patience_s:
            while left and len(waiting) < self._window:
                letter = left.popleft()
                waiting.add(self._client.publish(letter.topic, letter.payload, qos=1, properties=about).mid)
            self._loop(_IDLE_S)
            answered = waiting & self._confirmed.keys()
            waiting -= answered
            for reason in map(self._confirmed.pop, answered):
                if reason >= _FAILURE:
                    emit("receipt_refused", reason=reason)
        if left or waiting:
            emit("receipts_given_up", count=len(left) + len(waiting))

    @property
    def _connected(self) -> bool:
        return self._client is not None

    @property
    def _patience_s(self) -> float:
        return _GOODBYE_S if self._stop.asked else _RECEIPTS_S

    def acknowledge(self, arrivals: Sequence[Arrival[Handle]]) -> None:
        """Acknowledge in order. What came by a connection that is gone will come again."""
        for arrival in arrivals:
            if arrival.handle.connection is self._client:
                self._client.ack(arrival.handle.packet_id, qos=1)

    # -- One connection ------------------------------------------------------------------------------------------------

    def _connect(self, host: str, port: int) -> bool:
        """Connect and subscribe. False, with the problem noted, when it has to be tried again."""
        self._problem, self._subscribed = "", False
        self._arrivals.clear()  # not acknowledged, so they come again
        client = self._make_client()
        about = properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=self._broker.session_expiry_s,
            ReceiveMaximum=_RECEIVE_MAXIMUM,
        )
        try:
            client.connect(host, port, self._broker.keepalive_s, clean_start=False, properties=about)
        except (OSError, ValueError) as fault:  # ValueError: ssl, when the broker's name does not fit
            self._problem = str(fault)
            return False
        self._client = client
        given_up_at = time.monotonic() + _CONNECT_S
        while self._connected and not self._subscribed and not self._problem:
            self._loop(_IDLE_S)
            if time.monotonic() > given_up_at:
                self._problem = "it does not answer"
        if self._problem:
            self._disconnect()
        return self._subscribed and self._connected

    def _serve(self, intake: Intake[Handle]) -> None:
        """Take batches in until the connection is gone or we are asked to stop; settle what was begun."""
        while self._connected and not self._stop.asked:
            self._collect(hurry=intake.unsettled)
            batch = [self._arrivals.popleft() for _ in range(min(MAX_BATCH, len(self._arrivals)))]
            _tell(intake.take(batch) if batch else intake.settle())
        _tell(intake.settle())

    def _collect(self, *, hurry: bool) -> None:
        """Receive until a batch is full, its first message is old enough, or nothing more is coming."""
        now = time.monotonic()
        oldest_until = now + _OLDEST_S
        until = now + (_QUIET_S if hurry or self._arrivals else _IDLE_S)
        while self._connected and len(self._arrivals) < MAX_BATCH and now < until and not self._stop.asked:
            before = len(self._arrivals)
            self._loop(until - now)
            now = time.monotonic()
            if len(self._arrivals) > before:
                oldest_until = oldest_until if before else now + _OLDEST_S
                until = min(now + _QUIET_S, oldest_until)

    def _loop(self, timeout: float) -> None:
        """Let paho read and write once, waiting at most `timeout` seconds for something to do."""
        if self._client is None:
            return
        result = self._client.loop(timeout)
        if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._problem = self._problem or result.name
            self._client = None

    def _disconnect(self) -> None:
        """Say goodbye; the broker keeps our session."""
        if self._client is None:
            return
        self._client.disconnect()
        gone_at = time.monotonic() + _GOODBYE_S
        while self._connected and time.monotonic() < gone_at:
            self._loop(_QUIET_S)
        self._client = None

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(0)  # `publish` above keeps the window
        client.tls_set_context(self._tls)
        client.on_socket_open = no_delay
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    # -- paho's callbacks, all within `_loop` --------------------------------------------------------------------------

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.value == UNSUPPORTED_VERSION:
            raise BrokerError(
                "the broker does not speak MQTT 5",
                next_step="Use a broker that does (mosquitto 2, RabbitMQ 4); MQTT 3.1.1 hides refusals.",
            )
        if reason.is_failure:
            self._problem = f"it refuses us: {reason}"
            return
        if getattr(properties, "MaximumQoS", 1) < 1:
            raise BrokerError("the broker carries QoS 0 only, which loses records", next_step="Allow QoS 1 on it.")
        self._window = min(MAX_BATCH, getattr(properties, "ReceiveMaximum", DEFAULT_RECEIVE_MAXIMUM))
        client.subscribe([(topic, 1) for topic in self._filters])

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [reason for reason in reasons if reason.value != GRANTED_QOS_1]
        if refused:
            self._problem = f"it denies us the kiosks' topics: {refused[0]}"
        else:
            self._subscribed = True

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        self._arrivals.append(Arrival(message.topic, bytes(message.payload), Handle(client, message.mid)))

    def _on_publish(
        self, _client: Client, _data: Any, packet_id: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._confirmed[packet_id] = reason.value

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._problem = self._problem or f"disconnected: {reason}"


def common_name(certificate: Path) -> str:
    """Read the common name out of a PEM certificate: the name the broker knows us by. Raises BrokerError."""
    try:
        subject = x509.load_pem_x509_certificate(certificate.read_bytes()).subject
        (name,) = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (OSError, ValueError) as fault:
        raise BrokerError(
            f"{certificate} is no certificate with one common name: {fault}",
            next_step="Copy the intake's certificate again from the fleet's computer.",
        ) from fault
    return str(name.value)


def _tell(fates: Counter[Fate]) -> None:
    if fates:
        emit("taken", **{fate.value: count for fate, count in sorted(fates.items())})
