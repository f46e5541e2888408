"""Messages by AMQP 0-9-1 over TLS 1.3, from a RabbitMQ cluster's quorum queue; any number of intakes compete for them.

Kiosks speak MQTT 5 to the same cluster, whose exchange `amq.topic` writes an MQTT topic's levels with dots. A message
that was brought again and again without being acknowledged lies in a second queue; from there it goes into quarantine.
The cluster holds back after 100 messages that we have not acknowledged.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pika import BasicProperties, ConnectionParameters, DeliveryMode, SelectConnection, SSLOptions
from pika.adapters.select_connection import IOLoop
from pika.credentials import ExternalCredentials
from pika.exceptions import ChannelClosedByBroker
from pika.spec import Basic

from central.intake.core import MAX_BATCH, Arrival
from central.intake.presence import common_name
from central.intake.receiver import CONNECT_S, GOODBYE_S, IDLE_S, RECEIVE_MAXIMUM
from edge_agent.events import emit
from edge_agent.mqtt import CONTENT_TYPE, tls_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pika.channel import Channel
    from pika.connection import Connection
    from pika.frame import Method

    from central.intake.core import Letter
    from central.intake.settings import Amqp, Broker

_EXCHANGE: Final = "amq.topic"
_BLOCKED_S: Final = 30.0  # a cluster short of disk or memory lets nobody publish: then try another node
_ABOUT_RECEIPTS: Final = BasicProperties(content_type=CONTENT_TYPE, delivery_mode=DeliveryMode.Persistent.value)


@dataclass(frozen=True, slots=True)
class Handle:
    """What acknowledges a message: its tag, on the channel that brought it."""

    channel: Channel
    tag: int


class AmqpSource:
    """The cluster's queue, over one connection after the other."""

    window: Final = MAX_BATCH

    def __init__(self, broker: Broker, queues: Amqp) -> None:
        self.name = common_name(Path(broker.certificate))
        self.problem = ""
        self.arrivals: deque[Arrival[Handle]] = deque()
        self._queues = queues
        self._keepalive_s = broker.keepalive_s
        self._tls = tls_context(broker)
        self._loop = IOLoop()
        self._connection: Connection | None = None  # while it stands
        self._channel: Channel | None = None
        self._consuming = 0
        self._sent = 0  # receipts on this channel: publisher confirms count them from 1
        self._unconfirmed: set[int] = set()

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._connection is not None

    def acknowledge(self, arrivals: Sequence[Arrival[Handle]]) -> None:
        """Acknowledge in order. What came by a channel that is gone will come again."""
        tags = [arrival.handle.tag for arrival in arrivals if arrival.handle.channel is self._channel]
        if self._channel is not None and tags:
            self._channel.basic_ack(max(tags), multiple=True)  # all before it were in this batch or an earlier one

    # -- Receipts ------------------------------------------------------------------------------------------------------

    def send(self, letter: Letter) -> int:
        """Begin to send a receipt; return its place among the confirms."""
        assert self._channel is not None, "receipts are sent while connected"
        self._sent += 1
        self._unconfirmed.add(self._sent)
        self._channel.basic_publish(_EXCHANGE, letter.topic.replace("/", "."), letter.payload, _ABOUT_RECEIPTS)
        return self._sent

    def answered(self, waiting: set[int]) -> set[int]:
        """Give those of `waiting` that a quorum has confirmed, or refused, which is told in the log."""
        return waiting - self._unconfirmed

    # -- One connection ------------------------------------------------------------------------------------------------

    def connect(self, host: str, port: int) -> bool:
        """Connect and consume. False, with the problem noted, when it has to be tried again."""
        self._consuming, self._sent = 0, 0
        self._unconfirmed.clear()
        self._loop = IOLoop()
        self._loop.activate_poller()
        parameters = ConnectionParameters(
            host,
            port,
            credentials=ExternalCredentials(),
            ssl_options=SSLOptions(self._tls, host),
            heartbeat=self._keepalive_s,
            blocked_connection_timeout=_BLOCKED_S,
            socket_timeout=CONNECT_S,
            stack_timeout=CONNECT_S,
            client_properties={"connection_name": self.name},
        )
        self._connection = SelectConnection(
            parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_closed,
            on_close_callback=self._on_closed,
            custom_ioloop=self._loop,
        )
        given_up_at = time.monotonic() + CONNECT_S
        while self.connected and self._consuming < len(self._names) and not self.problem:
            self.loop(IDLE_S)
            if time.monotonic() > given_up_at:
                self.problem = "it does not answer"
        if self.problem:
            self.disconnect()
        return self.connected

    def loop(self, timeout: float) -> None:
        """Let pika read and write once, waiting at most `timeout` seconds for something to do."""
        awake = self._loop.call_later(timeout, _nothing)
        self._loop.poll()
        self._loop.process_timeouts()
        self._loop.remove_timeout(awake)

    def disconnect(self) -> None:
        """Say goodbye; the cluster gives to others what we have not acknowledged."""
        if self._connection is not None and not (self._connection.is_closing or self._connection.is_closed):
            self._connection.close()
        gone_at = time.monotonic() + GOODBYE_S
        while self.connected and time.monotonic() < gone_at:
            self.loop(IDLE_S / 10)
        self._connection = self._channel = None

    @property
    def _names(self) -> tuple[str, str]:
        return self._queues.queue, self._queues.undelivered

    # -- pika's callbacks, all within `loop` ---------------------------------------------------------------------------

    def _on_open(self, connection: Connection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_channel_closed)
        channel.confirm_delivery(self._on_confirm)
        channel.basic_qos(prefetch_count=RECEIVE_MAXIMUM, global_qos=False)
        for queue in self._names:
            channel.basic_consume(queue, self._on_message, callback=self._on_consuming)

    def _on_consuming(self, _frame: Method[Any]) -> None:
        self._consuming += 1

    def _on_message(self, channel: Channel, method: Basic.Deliver, properties: BasicProperties, payload: bytes) -> None:
        handle = Handle(channel, method.delivery_tag)
        if came_by := _first_route(properties):
            self.arrivals.append(Arrival(came_by.replace(".", "/"), payload, handle, given_up=True))
        else:
            self.arrivals.append(Arrival(str(method.routing_key).replace(".", "/"), payload, handle))

    def _on_confirm(self, frame: Method[Any]) -> None:
        number = frame.method.delivery_tag
        answered = {sent for sent in self._unconfirmed if sent <= number} if frame.method.multiple else {number}
        self._unconfirmed -= answered
        if isinstance(frame.method, Basic.Nack):
            emit("receipt_refused", count=len(answered))

    def _on_channel_closed(self, _channel: Channel, why: Exception) -> None:
        if isinstance(why, ChannelClosedByBroker):
            self.problem = self.problem or f"it denies us its queues: {why.reply_text}"
        if self._connection is not None and self._connection.is_open:
            self._connection.close()
        self._channel = None

    def _on_closed(self, _connection: Connection, why: Exception | str) -> None:
        self.problem = self.problem or str(why) or type(why).__name__
        self._connection = self._channel = None


def _first_route(properties: BasicProperties) -> str:
    """Tell by which routing key a message first came, when it was given up; '' for one that was not.

    RabbitMQ keeps a message's deaths in the header x-death, the newest first.
    """
    deaths = (properties.headers or {}).get("x-death") or [{}]
    keys = deaths[-1].get("routing-keys") or [""]
    return str(keys[0])


def _nothing() -> None:
    pass
