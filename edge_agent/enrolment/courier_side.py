"""The half of enrolment that the process with the network does: the TLS key, the card's claim, the way to the office.

A request stays the same bytes however often it is sent, also after a restart: the six words must not change.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes

from edge_agent import authorities
from edge_agent.enrolment import certificates
from edge_agent.enrolment.card import CardFiles, wipe_used_claim
from edge_agent.enrolment.mailbox import Mailbox, kept_reply, look
from edge_agent.errors import BrokerError, MalformedError, WireError
from edge_agent.events import emit
from edge_agent.files import OWNER_ONLY, write_whole
from edge_agent.mqtt import CONTENT_TYPE, make_client, properties, split_address, tls_context
from edge_agent.trust import TrustFile, read_root
from edge_agent.wire import enrolment
from edge_agent.wire.fields import ClockQuality
from edge_agent.wire.topics import Door, door

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from edge_agent.config import KioskSettings
    from edge_agent.ports import Clock, Watchdog

_LOOK_EVERY_S: Final = 0.25
_FIRST_AGAIN_S: Final = 2.0
_LONGEST_AGAIN_S: Final = 30.0
_CONNECT_S: Final = 20.0
_CLOCK_SLACK_S: Final = 86_400


class FirstBoot:
    """Sends both signing requests under the claim until the office answers; installs the TLS certificate."""

    def __init__(self, settings: KioskSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._card = CardFiles(Path(settings.card))
        self._claim = self._card.read()
        self._mailbox = Mailbox(Path(settings.shared))
        self._root = read_root(Path(settings.trust.root))
        self._key_file, self._certificate = Path(settings.broker.key), Path(settings.broker.certificate)
        self._key = certificates.new_key(certificates.next_to(self._key_file))
        self._link = _ClaimLink(settings, self._card, self._claim.id)
        self._request: bytes | None = None
        self._refused = False
        self._told = ""

    def run(self, watchdog: Watchdog, wait: Callable[[float], bool]) -> bool:
        """Go on until enrolled, or until `wait` (seconds) says that we are to stop; say which. Raises LocalError."""
        watchdog.ready()
        emit("enrolling", program="courier", kiosk=self._settings.kiosk, claim=self._claim.id)
        try:
            while not self._step():
                watchdog.beat("enrolling")
                if wait(0 if self._link.open else _LOOK_EVERY_S):
                    return False
        finally:
            self._link.close()
        wiped = wipe_used_claim(self._card)
        self._mailbox.clear(self._mailbox.tls)
        emit("enrolled", program="courier", kiosk=self._settings.kiosk, claim_wiped=wiped)
        return True

    def _step(self) -> bool:
        """Do what is due; say whether we are enrolled."""
        request = self._find_request()
        if request != self._request:
            self._request, self._refused = request, False
        if self._request is None or self._is_waiting():
            return False
        for reply in [*self._link.wait(_LOOK_EVERY_S), look(self._mailbox.reply)]:
            if reply is not None and self._take(reply, self._request):
                return True
        if not self._refused:
            self._link.keep_asking(self._request, self._clock.monotonic())
        return False

    def _find_request(self) -> bytes | None:
        """Give the request that was sent before, or a new one once the kiosk's half is there.

        The kiosk's half that is cut off or no request at all is as good as none: the kiosk leaves it again.
        """
        signing = look(self._mailbox.signing)
        if signing is not None and not certificates.is_request(signing):
            self._tell("request_not_believed", MalformedError.code)
            signing = None
        for earlier in (self._request, look(self._mailbox.request)):
            if earlier is not None and self._fits(earlier, signing):
                self._mailbox.put(self._mailbox.request, earlier)  # over whatever else lies there by now
                return earlier
        if signing is None:
            return None
        asked = enrolment.Request(
            fleet=self._settings.fleet,
            kiosk=self._settings.kiosk,
            name=self._claim.id,
            signing=signing,
            tls=certificates.make_request(self._key, self._settings.kiosk),
        )
        made = enrolment.apply(asked, bytes.fromhex(self._claim.secret))
        self._mailbox.put(self._mailbox.request, made)
        return made

    def _fits(self, earlier: bytes, signing: bytes | None) -> bool:
        try:
            asked = enrolment.check_application(earlier, bytes.fromhex(self._claim.secret))
        except WireError:
            return False
        ours = asked.name == self._claim.id and signing in {None, asked.signing}
        return ours and certificates.is_request_of(asked.tls, self._key)

    def _is_waiting(self) -> bool:
        """Whether the clock forbids to go on: it is before the claim's day, or the claim is over."""
        now = self._clock.now()
        if now.utc + _CLOCK_SLACK_S < _valid_from(self._card.certificate):
            self._tell("waiting_for_the_clock")
            return True
        if now.quality is not ClockQuality.UNSET and now.utc > self._claim.expires_at:
            self._tell("card_expired")
            return True
        return False

    def _take(self, reply: bytes, request: bytes) -> bool:
        try:
            answer, _bundle = enrolment.trust_reply(reply, self._root, request)
        except WireError as fault:
            self._tell("reply_not_believed", fault.code)
            return False
        self._mailbox.put(self._mailbox.reply, reply)  # the kiosk verifies it for itself
        if answer.tls is None:
            self._refused = True
            self._tell("enrolment_refused", answer.refused or "")
            return False
        try:
            pinned = authorities.read(Path(self._settings.broker.ca))
            pem = certificates.check(answer.tls, self._key, self._settings.kiosk, pinned)
        except WireError as fault:
            self._tell("reply_not_believed", fault.code)
            return False
        TrustFile(self._settings.trust, delivered=self._settings.delivered_bundle).leave_newer(answer.bundle)
        write_whole(
            kept_reply(self._key_file), reply, mode=OWNER_ONLY, replace=True
        )  # once enrolled, nobody asks again
        certificates.install(self._key_file, self._certificate, pem)
        return True

    def _tell(self, event: str, code: str = "") -> None:
        if self._told != event + code:
            self._told = event + code
            emit(event, program="courier", **({"code": code} if code else {}))


class _ClaimLink:
    """The claim's connection: it may ask and hear the answer, nothing else. One thread, within `wait`."""

    def __init__(self, settings: KioskSettings, card: CardFiles, claim: str) -> None:
        self.ca, self.certificate, self.key = settings.broker.ca, str(card.certificate), str(card.key)
        self._addresses = [split_address(text) for text in settings.broker.addresses]
        self._claim = claim
        self._topics = {way: door(settings.fleet, claim, way) for way in Door}
        self._client: Client | None = None
        self._ready = False
        self._turn = 0
        self._replies: list[bytes] = []
        self._again_at = 0.0
        self._again_s = _FIRST_AGAIN_S

    @property
    def open(self) -> bool:
        """Whether there is a connection to wait on."""
        return self._client is not None

    def wait(self, seconds: float) -> list[bytes]:
        """Let the connection work for a while; return the answers that came."""
        result = MQTTErrorCode.MQTT_ERR_SUCCESS if self._client is None else self._client.loop(seconds)
        if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:  # also a certificate that is refused: TLS 1.3 says so late
            emit("not_connected", reason=f"the connection of the card's claim broke: {result.name}")
            self.close()
        replies, self._replies = self._replies, []
        return replies

    def keep_asking(self, request: bytes, now: float) -> None:
        """Connect, or send the request again, when it is time (monotonic seconds). Raises BrokerError."""
        if now < self._again_at:
            return
        self._again_at, self._again_s = now + self._again_s, min(self._again_s * 2, _LONGEST_AGAIN_S)
        if self._client is None:
            self._connect()
        elif self._ready:
            self._ask(request)

    def close(self) -> None:
        """Say goodbye and let go."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop(_LOOK_EVERY_S)
        self._client, self._ready = None, False

    def _ask(self, request: bytes) -> None:
        assert self._client is not None
        about = properties(PacketTypes.PUBLISH, ContentType=CONTENT_TYPE)
        self._client.publish(self._topics[Door.REQUEST], request, qos=1, properties=about)

    def _connect(self) -> None:
        host, port = self._addresses[self._turn % len(self._addresses)]
        self._turn += 1
        client = make_client(self._claim, tls_context(self))
        client.connect_timeout = _CONNECT_S
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        try:
            client.connect(host, port, keepalive=60, clean_start=True)
        except (OSError, ValueError) as fault:  # ValueError: ssl, when the peer's name does not fit
            emit("not_connected", reason=f"{host}:{port}: {fault}")
            return
        self._client = client

    # -- paho's callbacks, all within its `loop` -----------------------------------------------------------------------

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            emit("not_connected", reason=f"the broker refuses the card's claim: {reason}")
        else:
            client.subscribe(self._topics[Door.REPLY], qos=1)

    def _on_subscribe(self, *_: Any) -> None:
        self._ready, self._again_at, self._again_s = True, 0.0, _FIRST_AGAIN_S
        emit("connected", claim=self._claim)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._replies.append(bytes(message.payload))


def _valid_from(certificate: Path) -> float:
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_before_utc.timestamp()
    except (OSError, ValueError) as fault:
        raise BrokerError(
            f"the card's certificate {certificate} can't be read: {fault}",
            next_step="Make another card: `homeward-fleet card ID`.",
        ) from fault
