"""Knock at a broker as everybody might, and compare what it allowed with what it should.

What counts is what arrives, not what the broker says: mosquitto grants every subscription and filters the messages. So
a refusal to listen means that nothing was heard while somebody was speaking.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from paho.mqtt.packettypes import PacketTypes

from edge_agent.errors import BrokerError
from edge_agent.mqtt import CONTENT_TYPE, FAILURE, make_client, properties
from edge_agent.wire.topics import Address, Channel, of_every_kiosk
from provisioning.certificates import Authority
from provisioning.fleet import CHECKED, CHECKER
from provisioning.languages import phrase
from provisioning.office_link import tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paho.mqtt.client import Client, MQTTMessage

    from provisioning.certificates import Identity

_LIFETIME: Final = dt.timedelta(minutes=10)
_PATIENCE_S: Final = 5.0
_QUIET_S: Final = 1.0  # what was allowed on one machine or cluster arrives sooner
_WORD: Final = b"homeward broker check"  # always the same: an intake keeps it in quarantine once


@dataclass(frozen=True, slots=True)
class Finding:
    """One attempt: whether it should be allowed, and whether it was."""

    attempt: str
    should: bool
    did: bool

    @property
    def right(self) -> bool:
        """Whether the broker did as it should."""
        return self.should == self.did


def check(authority: Authority, fleet: str, host: str, port: int, now: dt.datetime) -> Iterator[Finding]:
    """Try everything, one after the other.

    Raises BrokerError when the broker can't be reached at all, or is not this fleet's.
    """
    own, other = Address(fleet, CHECKER), Address(fleet, CHECKED)
    doors = _Doors(authority.trusted, host, port)
    doors.reach()
    me, you = (authority.client(name, now, _LIFETIME) for name in (CHECKER, CHECKED))
    foreign = Authority.create(fleet, now).client(CHECKER, now, _LIFETIME)
    with doors.visit(CHECKER, me) as kiosk, doors.visit(CHECKED, you) as neighbour:
        yield Finding(phrase("a kiosk with its own certificate connects"), should=True, did=kiosk.inside)
        if not (kiosk.inside and neighbour.inside):
            return
        neighbour.listen(of_every_kiosk(fleet, Channel.RECORDS))
        neighbour.listen(own.topic(Channel.RECORDS))
        sent = kiosk.say(own.topic(Channel.RECORDS))
        yield Finding(phrase("it sends records on its own topic"), should=True, did=sent)
        yield Finding(phrase("it sends its own status"), should=True, did=kiosk.say(own.topic(Channel.STATUS)))
        heard = neighbour.hears(own.topic(Channel.RECORDS))
        yield Finding(phrase("another kiosk overhears its records"), should=False, did=heard)
    for attempt, topic in (
        (phrase("a kiosk sends records in another's name"), other.topic(Channel.RECORDS)),
        (phrase("a kiosk forges a receipt for another"), other.topic(Channel.RECEIPTS)),
        (phrase("a kiosk forges orders for another"), other.topic(Channel.ORDERS)),
        (phrase("a kiosk sends into another fleet"), Address("another-fleet", CHECKER).topic(Channel.RECORDS)),
    ):
        with doors.visit(CHECKER, me) as kiosk:  # anew each time: some brokers close on a refusal
            yield Finding(attempt, should=False, did=kiosk.say(topic))
    with doors.visit(CHECKER, None) as stranger:
        yield Finding(phrase("a stranger without a certificate connects"), should=False, did=stranger.inside)
    with doors.visit(CHECKER, foreign) as stranger:
        yield Finding(phrase("a certificate of another CA connects"), should=False, did=stranger.inside)
    with doors.visit(CHECKED, me) as pretender:
        under_another = pretender.inside and pretender.say(other.topic(Channel.RECORDS))
        yield Finding(phrase("a kiosk acts under another's client id"), should=False, did=under_another)


@dataclass(frozen=True, slots=True)
class _Doors:
    """One broker's address, and the CA that its certificate must be of (PEM)."""

    trusted: bytes
    host: str
    port: int

    def reach(self) -> None:
        """Raise BrokerError when nobody answers there, or not with a certificate of the fleet."""
        context = tls(self.trusted, None)
        try:
            with (
                socket.create_connection((self.host, self.port), timeout=_PATIENCE_S) as plain,
                context.wrap_socket(plain, server_hostname=self.host),
            ):
                pass
        except ssl.SSLCertVerificationError as fault:
            raise BrokerError(
                phrase(
                    "{address} shows a certificate that is not this fleet's: {why}",
                    address=f"{self.host}:{self.port}",
                    why=fault.verify_message,
                ),
                next_step=phrase(
                    "Copy the generated broker folder there again; its certificate must name this very host."
                ),
            ) from fault
        except OSError as fault:
            raise BrokerError(
                phrase("{address} can't be reached over TLS 1.3: {why}", address=f"{self.host}:{self.port}", why=fault),
                next_step=phrase("Check that the broker runs, the address, and the firewall."),
            ) from fault

    def visit(self, client_id: str, identity: Identity | None) -> _Visit:
        """Knock as somebody."""
        return _Visit(client_id, tls(self.trusted, identity), self.host, self.port)


@dataclass
class _Visit:
    """One connection, from the knock to the goodbye. `inside` says whether the broker took it."""

    client_id: str
    tls: ssl.SSLContext
    host: str
    port: int
    inside: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)
    _answered: bool = False
    _gone: bool = False
    _acknowledged: dict[int, int] = field(default_factory=dict)
    _heard: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._client = client = make_client(self.client_id, self.tls)
        client.on_connect = lambda _c, _d, _f, reason, _p: self._tell(answered=True, inside=reason.value < FAILURE)
        client.on_disconnect = lambda *_: self._tell(gone=True)
        client.on_publish = lambda _c, _d, mid, reason, _p: self._tell(acknowledged=(mid, reason.value))
        client.on_subscribe = lambda _c, _d, mid, reasons, _p: self._tell(acknowledged=(mid, reasons[0].value))
        client.on_message = self._message
        with contextlib.suppress(OSError):  # a refusal during TLS is an answer
            client.connect(self.host, self.port, keepalive=30, clean_start=True)
            client.loop_start()
            self._wait(lambda: self._answered)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str) -> bool:
        """Publish with QoS 1; say whether the broker took it."""
        about = properties(PacketTypes.PUBLISH, ContentType=CONTENT_TYPE)
        return self._granted(self._client.publish(topic, _WORD, qos=1, properties=about).mid)

    def listen(self, topic: str) -> bool:
        """Subscribe with QoS 1; say whether the broker granted it."""
        granted = self._client.subscribe(topic, qos=1)[1]
        return granted is not None and self._granted(granted)

    def hears(self, topic: str) -> bool:
        """Say whether anything came on a topic, also after a moment of waiting."""
        return self._wait(lambda: topic in self._heard, _QUIET_S)

    def _granted(self, packet: int) -> bool:
        self._wait(lambda: packet in self._acknowledged)
        return self._acknowledged.get(packet, FAILURE) < FAILURE

    def _wait(self, condition: Any, seconds: float = _PATIENCE_S) -> bool:
        with self._news:
            self._news.wait_for(lambda: condition() or self._gone, seconds)
            return bool(condition())

    def _message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        with self._news:
            self._heard.add(message.topic)
            self._news.notify_all()

    def _tell(
        self,
        *,
        answered: bool = False,
        inside: bool = False,
        gone: bool = False,
        acknowledged: tuple[int, int] | None = None,
    ) -> None:
        with self._news:
            self._answered |= answered
            self.inside |= inside
            self._gone |= gone
            if acknowledged is not None:
                self._acknowledged[acknowledged[0]] = acknowledged[1]
            self._news.notify_all()
