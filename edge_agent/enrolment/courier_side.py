"""The half of enrolment that the process with the network does: the TLS key, the card's claim, the way to the office.

A request stays the same bytes however often it is sent, also after a restart: the six words must not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cryptography import x509
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from edge_agent.enrolment import certificates
from edge_agent.enrolment.mailbox import Mailbox, look
from edge_agent.errors import BrokerError, SettingsError, WireError
from edge_agent.events import emit
from edge_agent.mqtt import CONTENT_TYPE, no_delay, properties, split_address, tls_context
from edge_agent.settings import Settings, read, setting
from edge_agent.trust import TrustFile, read_root
from edge_agent.wire import enrolment
from edge_agent.wire.report import ClockQuality
from edge_agent.wire.topics import Door, door

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.client import ConnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from edge_agent.config import KioskSettings
    from edge_agent.ports import Clock, Watchdog

_LOOK_EVERY_S: Final = 0.25
_FIRST_AGAIN_S: Final = 2.0
_LONGEST_AGAIN_S: Final = 30.0
_CONNECT_S: Final = 20.0
_CLOCK_SLACK_S: Final = 86_400


class ClaimTable(Settings, frozen=True, kw_only=True):
    """The right to enrol one kiosk once."""

    id: Annotated[str, setting("The claim's id", pattern=r"^[a-z0-9-]{1,32}\Z")]
    secret: Annotated[str, setting("32 bytes, hexadecimal", pattern=r"^[0-9a-f]{64}\Z")]
    expires_at: Annotated[int, setting("Its end, seconds since 1970", ge=0)]


class FirstBootFile(Settings, frozen=True, kw_only=True):
    """first-boot.toml on the card; gone once the kiosk is enrolled."""

    claim: ClaimTable


@dataclass(frozen=True, slots=True)
class CardFiles:
    """What a card brings for the first boot."""

    folder: Path

    @property
    def claim(self) -> Path:
        """The claim with its secret."""
        return self.folder / "first-boot.toml"

    @property
    def certificate(self) -> Path:
        """The claim's TLS certificate."""
        return self.folder / "claim.pem"

    @property
    def key(self) -> Path:
        """Its key."""
        return self.folder / "claim.key"

    def read(self) -> ClaimTable:
        """Read the claim. Raises SettingsError."""
        if not self.claim.exists():
            raise SettingsError(
                f"this kiosk is not enrolled, and its card has no claim: {self.claim} is not there",
                next_step="Make a card: `homeward-fleet card ID`, and copy it anew.",
            )
        return read(self.claim, FirstBootFile).claim

    def wipe(self) -> bool:
        """Overwrite and remove the claim; say whether all of it is gone."""
        gone = [certificates.erase(path) for path in (self.claim, self.key, self.certificate)]  # each is tried
        return all(gone)


def needed(settings: KioskSettings) -> bool:
    """Say whether this kiosk has no TLS certificate yet, after completing what a power cut left half done."""
    certificates.settle(Path(settings.broker.key), Path(settings.broker.certificate))
    return not Path(settings.broker.certificate).exists()


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
        wiped = self._card.wipe()
        self._mailbox.clear(self._mailbox.tls)
        emit("enrolled", program="courier", kiosk=self._settings.kiosk, claim_wiped=wiped)
        return True

    def _step(self) -> bool:
        """Do what is due; say whether we are enrolled."""
        self._request = self._request or self._make_request()
        if self._request is None or self._is_waiting():
            return False
        for reply in [*self._link.wait(_LOOK_EVERY_S), look(self._mailbox.reply)]:
            if reply is not None and self._take(reply, self._request):
                return True
        if not self._refused:
            self._link.keep_asking(self._request, self._clock.monotonic())
        return False

    def _make_request(self) -> bytes | None:
        """Give the request that was sent before, or a new one once the kiosk's half is there."""
        signing, earlier = look(self._mailbox.signing), look(self._mailbox.request)
        if earlier is not None and self._fits(earlier, signing):
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
            pem = certificates.check(answer.tls, self._key, self._settings.kiosk, Path(self._settings.broker.ca))
        except WireError as fault:
            self._tell("reply_not_believed", fault.code)
            return False
        TrustFile(self._settings.trust, delivered=self._settings.delivered_bundle).leave_newer(answer.bundle)
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
        client = Client(
            CallbackAPIVersion.VERSION2, self._claim, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        client.connect_timeout = _CONNECT_S
        client.tls_set_context(tls_context(self))
        client.on_socket_open = no_delay
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
