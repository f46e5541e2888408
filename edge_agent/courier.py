"""homeward-courier: takes sealed records out of the outbox and brings them to the broker, until a signed receipt.

It has the network, the TLS key and sealed bytes. It never sees the camera, the signing key or a plain pixel. What to
send when is decided in `delivery`; here the parts meet.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509

from edge_agent import __version__, config, delivery
from edge_agent.enrolment import certificates, courier_side
from edge_agent.enrolment.renewal import TlsRenewal
from edge_agent.errors import BrokerError, HomewardError, OutboxError, SettingsError, WireError
from edge_agent.events import emit
from edge_agent.hardware.clock import SystemClock
from edge_agent.hardware.process import give_memory_back, keep_memory_small
from edge_agent.hardware.watchdog import SystemdWatchdog
from edge_agent.mqtt import PACKET_TOO_LARGE, split_address, tls_context
from edge_agent.orders import StandingOrders, ordered_to_wipe
from edge_agent.outbox import Limits, Outbox, Settlement
from edge_agent.trust import TrustFile
from edge_agent.uplink import Acknowledged, Arrived, Connected, Link, Lost, Uplink
from edge_agent.wire import receipts, status
from edge_agent.wire.documents import to_cbor
from edge_agent.wire.orders import Mode
from edge_agent.wire.topics import Channel, Door

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from edge_agent.config import KioskSettings
    from edge_agent.ports import Clock
    from edge_agent.uplink import Event

_POLL_S: Final = 0.25  # how soon a new record in the outbox is seen
_READ_AHEAD: Final = 600  # ids at once: more than delivery lets be unreceipted
_SETTLE_AT_ONCE: Final = 256  # records; fewer when nothing is on its way
_FIRST_RETRY_S: Final = 1.0
_LONGEST_RETRY_S: Final = 120.0
_PACKET_OVERHEAD: Final = 512  # topic, properties and header of a publish, bytes, with room
_CLOCK_SLACK_S: Final = 86_400
_ORDERS_PATIENCE_S: Final = 5.0  # for the kiosk to say in its health what it was ordered
_IDLE_S: Final = 1.0
_THERMAL: Final = Path("/sys/class/thermal/thermal_zone0/temp")


class Courier:
    """One run of the courier. `run` returns when told to stop."""

    def __init__(self, settings: KioskSettings, clock: Clock, outbox: Outbox, orders: StandingOrders) -> None:
        self._settings = settings
        self._clock = clock
        self._outbox = outbox
        self._orders = orders
        self._trust = TrustFile(settings.trust, delivered=settings.delivered_bundle)
        self._renewal = TlsRenewal(settings, self._trust.root)
        self._trying = False  # whether we connect by a certificate that was not in use before
        self._valid_from = _valid_from(Path(settings.broker.certificate))
        self._delivery = delivery.Delivery(
            delivery.Pace(
                settings.delivery.window, settings.delivery.receipt_timeout_s, settings.delivery.refused_again_s
            ),
            secrets.SystemRandom().random,
        )
        self._uplink = Uplink(link(settings), settings.address, to_cbor(self._status(online=False)))
        self._stopping = False
        self._ends_at = float("inf")
        self._connected: Connected | None = None
        self._connecting = False
        self._retry_at = 0.0
        self._retry_s = _FIRST_RETRY_S
        self._status_at = 0.0
        self._told_clock = False
        self._waiting: list[bytes] = []
        self._look_again_at = 0.0
        self._arrived: list[bytes] = []  # receipts that nobody has looked at yet
        self._answered: dict[bytes, bytes] = {}  # by verified receipts: SHA-256 by record id
        self._withdrawn: list[bytes] = []  # of those, the ones that central servers keep no more, or never will
        self._settled_at = 0.0
        self._untidy = True  # something may have been let go since the outbox was last tidied
        self._first_sent: dict[bytes, float] = {}  # in this run, by the monotonic clock

    def stop(self) -> None:
        """Ask `run` to end; safe in a signal handler."""
        self._stopping = True

    def run(self, watchdog: SystemdWatchdog) -> None:
        """Deliver until told to stop. Raises OutboxError and BrokerError when nothing can be done about it here."""
        watchdog.ready()
        emit("ready", program="courier", kiosk=self._settings.kiosk)
        while not self._stopping:
            self._handle(self._uplink.wait(self._patience()))
            self._connect_if_due()
            self._send()
            self._believe()
            self._settle_if_due()
            self._renew()
            if self._clock.monotonic() >= self._ends_at:
                self._stopping = True
            watchdog.beat("connected" if self._connected else "not connected")
        self._settle()
        if self._connected:
            self._uplink.publish_status(to_cbor(self._status(online=False)))
        self._uplink.close()
        emit("stopped", program="courier", backlog=self._outbox.backlog().records)

    # -- events --------------------------------------------------------------------------------------------------------

    def _patience(self) -> float:
        """How long nothing has to be done unless something happens, in seconds."""
        if self._connected and (due := self._delivery.next_due(self._clock.monotonic())) is not None:
            return min(_POLL_S, due)
        return _POLL_S

    def _handle(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Connected():
                    self._take_up(event)
                case Lost():
                    self._lose(event)
                case Acknowledged(record_id, reason):
                    self._acknowledge(record_id, reason)
                case Arrived(channel=Channel.ORDERS, payload=payload):
                    self._obey(payload)
                case Arrived(channel=Door.REPLY, payload=payload):
                    self._renewal.take(payload)
                case Arrived(payload=payload):
                    self._arrived.append(payload)

    def _obey(self, payload: bytes) -> None:
        """Take orders up. What runs next runs by them: a run ends here, once the kiosk has had time to say so too."""
        if self._orders.leave(payload):
            self._ends_at = self._clock.monotonic() + _ORDERS_PATIENCE_S

    def _renew(self) -> None:
        """Ask for the next certificate when it is time, and try it once it is here."""
        now = self._clock.monotonic()
        if self._connected is None:
            return
        if self._renewal.to_try(now):
            emit("trying_the_next_certificate")
            self._uplink.close()
            self._connected, self._trying, self._retry_at = None, True, now
            self._delivery.disconnected()
            self._uplink.use(link(self._settings, next_one=True))
        elif (request := self._renewal.to_send(now, self._clock.now().utc)) is not None:
            self._uplink.publish_request(request)

    def _take_up(self, connected: Connected) -> None:
        if self._trying:
            self._renewal.install()
            self._end_trial("renewed")
        self._connected = connected
        self._connecting = False
        self._retry_s = _FIRST_RETRY_S
        self._delivery.connected(connected.receive_maximum)
        self._status_at = 0.0
        give_memory_back()
        emit("connected", receive_maximum=connected.receive_maximum)

    def _lose(self, lost: Lost) -> None:
        self._connected = None
        self._connecting = False
        self._delivery.disconnected()
        if lost.final:
            raise BrokerError(lost.reason, next_step="Use a broker that speaks MQTT 5 with QoS 1.")
        if self._trying:
            self._end_trial("renewal_not_tried")
        self._retry_at = self._clock.monotonic() + self._retry_s * (0.75 + secrets.SystemRandom().random() / 2)
        self._retry_s = min(self._retry_s * 2, _LONGEST_RETRY_S)
        emit("not_connected", reason=lost.reason)

    def _end_trial(self, event: str) -> None:
        """Be again who the certificate in its place says."""
        self._trying = False
        self._uplink.use(link(self._settings))
        emit(event, program="courier")

    def _acknowledge(self, record_id: bytes, reason: int) -> None:
        now = self._clock.monotonic()
        if reason == 0:
            emit("acknowledged", record=record_id.hex(), ms=self._since_first_sent(record_id, now))
        elif reason != self._delivery.problem:
            emit("not_passed_on", reason=f"0x{reason:02x}")
        self._delivery.acknowledged(record_id, reason, now)

    def _say_receipted(self, record_id: bytes) -> None:
        emit("receipted", record=record_id.hex(), ms=self._since_first_sent(record_id, self._clock.monotonic()))
        self._first_sent.pop(record_id, None)

    def _since_first_sent(self, record_id: bytes, now: float) -> float | None:
        sent = self._first_sent.get(record_id)
        return None if sent is None else round((now - sent) * 1000, 1)

    def _believe(self) -> None:
        """Verify the receipts that came."""
        for payload in self._arrived:
            try:
                receipt = receipts.trust(payload, self._trust.current())
            except WireError as fault:
                emit("receipt_not_believed", code=fault.code)
                continue
            if receipt.kiosk != self._settings.kiosk:
                emit("receipt_not_believed", code="another-kiosk")
                continue
            for entry in receipt.entries:
                self._take_in(entry)
        self._arrived.clear()

    def _take_in(self, entry: receipts.Entry) -> None:
        if entry.lets_go:
            self._answered[entry.record_id] = entry.sha256
            if entry.outcome in {receipts.Outcome.ERASED, receipts.Outcome.NOT_HELD}:
                self._withdrawn.append(entry.record_id)
            return
        emit("quarantined", record=entry.record_id.hex(), reason=entry.reason)
        if entry.record_id in self._waiting:  # it may speak of a record that another receipt has settled
            self._delivery.quarantined(entry.record_id, self._clock.monotonic())

    def _settle_if_due(self) -> None:
        """Settle many at once, or when it is quiet, or before long: each time waits for the disk."""
        quiet = not self._delivery.on_the_wire
        if quiet or len(self._answered) >= _SETTLE_AT_ONCE or self._clock.monotonic() >= self._settled_at + _POLL_S:
            self._settle()
        if quiet and self._untidy:
            self._untidy = self._outbox.tidy()

    def _settle(self) -> None:
        """Let go of what verified receipts cover, by one frame in the outbox."""
        self._settled_at = self._clock.monotonic()
        if not self._answered:
            return
        self._untidy = True
        settlements = self._outbox.mark_receipted(self._answered)
        self._outbox.withdrawn(self._withdrawn)
        self._answered.clear()
        self._withdrawn.clear()
        gone = {record_id for record_id, settled in settlements.items() if settled is not Settlement.OTHER_BYTES}
        self._waiting = [record_id for record_id in self._waiting if record_id not in gone]
        for record_id, settlement in settlements.items():
            if settlement is Settlement.OTHER_BYTES:
                emit("receipt_not_believed", code=settlement)
                continue
            self._delivery.settled(record_id)
            if settlement is Settlement.SETTLED:
                self._say_receipted(record_id)

    # -- acts ----------------------------------------------------------------------------------------------------------

    def _connect_if_due(self) -> None:
        if self._connected or self._connecting or self._clock.monotonic() < self._retry_at:
            return
        if self._clock.now().utc + _CLOCK_SLACK_S < self._valid_from:
            # TLS would only say 'not yet valid'. Reports are taken all the same; they wait until time is known.
            if not self._told_clock:
                emit("waiting_for_the_clock")
                self._told_clock = True
            return
        self._connecting = True
        self._uplink.connect()

    def _send(self) -> None:
        """Publish what is due."""
        if self._connected is None:
            return
        now = self._clock.monotonic()
        if now >= self._status_at:
            self._status_at = now + self._settings.delivery.status_every_s
            self._uplink.publish_status(to_cbor(self._status(online=True)))
        if now >= self._look_again_at:
            self._look_again_at = now + _POLL_S
            self._waiting = [entry.record_id for entry in self._outbox.waiting(_READ_AHEAD + self._delivery.refused)]
        sent: list[bytes] = []
        due = self._delivery.due(self._waiting, now)
        read = self._outbox.read_several(due) if due else {}
        for record_id in due:
            sealed = read.get(record_id)
            if sealed is None:  # taken back at the kiosk, or lost to damage, since we looked
                self._delivery.settled(record_id)
                self._look_again_at = 0.0
                continue
            limit = self._connected.maximum_packet_bytes
            if limit is not None and len(sealed) + _PACKET_OVERHEAD > limit:
                emit("not_passed_on", reason=f"0x{PACKET_TOO_LARGE:02x}")
                self._delivery.acknowledged(record_id, PACKET_TOO_LARGE, now)
                continue
            if not self._uplink.publish_record(record_id, sealed):
                break  # going down: Lost follows, and makes it due again
            self._first_sent.setdefault(record_id, now)
            sent.append(record_id)
        self._outbox.mark_sent(sent)

    def _status(self, *, online: bool) -> status.Status:
        backlog = self._outbox.backlog()
        try:
            health = Path(self._settings.health_file).read_bytes()
        except OSError:
            health = None
        return status.Status(
            kiosk=self._settings.kiosk,
            online=online,
            version=__version__,
            health=health,
            backlog=backlog.records,
            backlog_bytes=backlog.bytes,
            refused=self._delivery.refused,
            free_bytes=_free_bytes(Path(self._settings.shared)),
            temperature_c=_temperature(),
        )


def link(settings: KioskSettings, *, next_one: bool = False) -> Link:
    """Gather what the uplink needs, by the next certificate if so asked. Raises BrokerError for a wrong address."""
    certificate, key = Path(settings.broker.certificate), Path(settings.broker.key)
    return Link(
        addresses=tuple(split_address(text) for text in settings.broker.addresses),
        ca=settings.broker.ca,
        certificate=str(certificates.next_to(certificate) if next_one else certificate),
        key=str(certificates.next_to(key) if next_one else key),
        keepalive_s=settings.delivery.keepalive_s,
        session_expiry_s=settings.delivery.session_expiry_s,
    )


def _open(settings: KioskSettings) -> Outbox:
    return Outbox.open(settings.outbox_file, Limits(**msgspec.structs.asdict(settings.outbox)))


def _valid_from(certificate: Path) -> float:
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_before_utc.timestamp()
    except (OSError, ValueError) as fault:
        raise BrokerError(
            f"our certificate {certificate} can't be read: {fault}", next_step="Enrol this kiosk again."
        ) from fault


def _free_bytes(directory: Path) -> int | None:
    try:
        facts = os.statvfs(directory)
    except OSError:
        return None
    return facts.f_bavail * facts.f_frsize


def _temperature() -> float | None:
    try:
        return int(_THERMAL.read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):  # no such sensor here
        return None


def _check(settings: KioskSettings) -> list[HomewardError]:
    """Try everything that a run needs short of the network; return what is wrong."""
    faults: list[HomewardError] = []
    for attempt in (
        lambda: tls_context(link(settings)),
        lambda: _valid_from(Path(settings.broker.certificate)),
        lambda: TrustFile(settings.trust),
        lambda: _open(settings).close(),
    ):
        try:
            attempt()
        except HomewardError as fault:
            faults.append(fault)
        except OSError as fault:
            faults.append(SettingsError(str(fault), next_step="Check the file's place and rights."))
    return faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the courier, or check its set-up."""
    parser = argparse.ArgumentParser(prog="homeward-courier", description="Brings sealed reports to the broker.")
    parser.add_argument("command", choices=("run", "check"), help="deliver until stopped; or only look for problems")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the kiosk's settings, TOML")
    chosen = parser.parse_args(arguments)
    try:
        settings = config.load(chosen.config)
        if chosen.command == "check":
            faults = _check(settings)
            for fault in faults:
                sys.stderr.write(f"{fault.explain()}\n")
            emit("checked", program="courier", problems=len(faults))
            return 1 if faults else 0
        return _run(settings)
    except HomewardError as fault:
        sys.stderr.write(f"homeward-courier: {fault.explain()}\n")
        return 1


def _enrol(settings: KioskSettings, stopping: threading.Event) -> bool:
    """Begin with enrolment where there is no certificate yet; say whether there is one now."""
    if not courier_side.needed(settings):
        return True
    return courier_side.FirstBoot(settings, SystemClock()).run(SystemdWatchdog(), stopping.wait)


def _end_by_signals(stopping: threading.Event, *acts: Callable[[], None]) -> None:
    """Have SIGTERM and SIGINT ask for the end."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        for act in acts:
            act()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _run(settings: KioskSettings) -> int:
    keep_memory_small()
    """Run until stopped; each time that orders come into force, by them from then on."""
    stopping = threading.Event()
    _end_by_signals(stopping)
    key = Path(settings.broker.key)
    if not ordered_to_wipe(key) and not _enrol(settings, stopping):
        return 0
    orders = StandingOrders(settings, TrustFile(settings.trust, delivered=settings.delivered_bundle), key)
    while not stopping.is_set() and orders.mode is not Mode.WIPE:
        _deliver(orders.applied(settings), orders, stopping)
    if orders.mode is Mode.WIPE:
        _wiped(settings, stopping)
    return 0


def _deliver(settings: KioskSettings, orders: StandingOrders, stopping: threading.Event) -> None:
    """Deliver until stopped, or until there are new orders."""
    outbox = _open(settings)
    try:
        courier = Courier(settings, SystemClock(), outbox, orders)
        _end_by_signals(stopping, courier.stop)
        courier.run(SystemdWatchdog())
    except OutboxError:
        emit("outbox_failed")
        raise
    finally:
        outbox.close()


def _wiped(settings: KioskSettings, stopping: threading.Event) -> None:
    """Erase the TLS key, and wait to be switched off. What waits in the outbox is sealed, and stays."""
    key = Path(settings.broker.key)
    gone = [certificates.erase(path) for path in (key, certificates.next_to(key))]
    gone.append(courier_side.CardFiles(Path(settings.card)).wipe())
    emit("wiped", program="courier", erased=all(gone))
    while not stopping.wait(_IDLE_S):
        SystemdWatchdog().beat("wiped")


if __name__ == "__main__":
    sys.exit(main())
