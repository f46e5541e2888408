"""homeward-courier: takes sealed records out of the outbox and brings them to the broker, until a signed receipt.

It has the network, the TLS key and sealed bytes. It never sees the camera, the signing key or a plain pixel. What to
send when is decided in `delivery`; here the parts meet.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import secrets
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509

from edge_agent import config, delivery
from edge_agent.enrolment import certificates
from edge_agent.enrolment.ca_trust import CaTrust
from edge_agent.enrolment.card import CardFiles, wipe_used_claim
from edge_agent.enrolment.renewal import TlsRenewal
from edge_agent.errors import BrokerError, HomewardError, OutboxError, SettingsError
from edge_agent.events import emit, emit_each
from edge_agent.hardware.clock import SystemClock
from edge_agent.hardware.process import give_memory_back, keep_memory_small
from edge_agent.hardware.watchdog import SystemdWatchdog
from edge_agent.mqtt import PACKET_TOO_LARGE, split_address, tls_context
from edge_agent.orders import StandingOrders, ordered_to_wipe
from edge_agent.outbox import Limits, Outbox
from edge_agent.settling import Settling
from edge_agent.stopping import end_by_signals
from edge_agent.trust import TrustFile
from edge_agent.uplink import Acknowledged, Arrived, Connected, Link, Lost, Uplink
from edge_agent.vitals import Vitals
from edge_agent.wire.orders import Mode
from edge_agent.wire.topics import Channel, Door

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent.config import KioskSettings
    from edge_agent.ports import Clock
    from edge_agent.uplink import Event

_POLL_S: Final = 0.25  # how soon a new record in the outbox is seen
_READ_AHEAD: Final = 600  # ids at once: more than delivery lets be unreceipted
_FIRST_RETRY_S: Final = 1.0
_LONGEST_RETRY_S: Final = 120.0
_PACKET_OVERHEAD: Final = 512  # topic, properties and header of a publish, bytes, with room
_CLOCK_SLACK_S: Final = 86_400
_ORDERS_PATIENCE_S: Final = 5.0  # for the kiosk to say in its health what it was ordered
_OUTBOX_AGAIN_S: Final = 5.0
_IDLE_S: Final = 1.0
_HELP_WIDTH: Final = 78


class Courier:
    """One run of the courier. `run` returns when told to stop."""

    def __init__(self, settings: KioskSettings, clock: Clock, outbox: Outbox, orders: StandingOrders) -> None:
        self._settings = settings
        self._clock = clock
        self._outbox = outbox
        self._outbox_fault = ""  # an error's code
        self._outbox_again_at = 0.0
        self._orders = orders
        self._trust = TrustFile(settings.trust, delivered=settings.delivered_bundle)
        self._renewal = TlsRenewal(settings, self._trust.root, orders.authorities)
        self._ca_trust = CaTrust(settings, orders.authorities)
        self._trial: TlsRenewal | CaTrust | None = None  # what we connect by that was not in use before
        self._valid_from = _valid_from(Path(settings.broker.certificate))
        self._delivery = delivery.Delivery(
            delivery.Pace(
                settings.delivery.window, settings.delivery.receipt_timeout_s, settings.delivery.refused_again_s
            ),
            secrets.SystemRandom().random,
        )
        self._settling = Settling(settings.kiosk, self._trust, outbox, self._delivery)
        self._vitals = Vitals(settings, outbox, orders.authorities)
        self._uplink = Uplink(self._link(), settings.address, self._status(online=False))
        self._stopping = False
        self._ends_at = float("inf")
        self._connected: Connected | None = None
        self._connecting = False
        self._retry_at = 0.0
        self._retry_s = _FIRST_RETRY_S
        self._told_clock = False
        self._waiting: list[bytes] = []
        self._look_again_at = 0.0
        self._round_at = 0.0

    def stop(self) -> None:
        """Ask `run` to end; safe in a signal handler."""
        self._stopping = True

    def run(self, watchdog: SystemdWatchdog) -> None:
        """Deliver until told to stop. Raises BrokerError when nothing can be done about it here."""
        watchdog.ready()
        emit("ready", program="courier", kiosk=self._settings.kiosk)
        while not self._stopping:
            now = self._clock.monotonic()
            if now >= self._round_at:
                self._round_at = now + _POLL_S
                self._make_the_round(now)
                watchdog.beat("connected" if self._connected else "not connected")
            self._handle(self._uplink.wait(self._patience()))
            self._with_the_outbox(self._send, self._settle_if_due)
        self._with_the_outbox(self._settle)
        last_word = self._status(online=False)
        if self._connected:
            self._uplink.publish_status(last_word)
        self._uplink.close()
        emit("stopped", program="courier", backlog=self._vitals.backlog.records)

    def _make_the_round(self, now: float) -> None:
        """See to all that may wait for a moment, so that a drain doesn't ask the disk for it at each turn."""
        self._connect_if_due(now)
        if self._connected and self._vitals.is_due(now):
            self._uplink.publish_status(self._status(online=True))
        self._renew(now)
        if not self._delivery.on_the_wire:
            self._with_the_outbox(self._settling.tidy)
        if now >= self._ends_at:
            self._stopping = True

    # -- events --------------------------------------------------------------------------------------------------------

    def _patience(self) -> float:
        """How long nothing has to be done unless something happens, in seconds."""
        now = self._clock.monotonic()
        if self._connected is None or now < self._outbox_again_at:
            return _POLL_S
        dates = (self._look_again_at - now, self._delivery.next_due(now), self._settling.next_due(now))
        return max(0.0, min(_POLL_S, *(date for date in dates if date is not None)))

    def _handle(self, events: Sequence[Event]) -> None:
        acknowledged = []
        for event in events:
            match event:
                case Connected():
                    self._take_up(event)
                case Lost():
                    self._lose(event)
                case Acknowledged(record_id, reason):
                    acknowledged.append((record_id, reason))
                case Arrived(channel=Channel.ORDERS, payload=payload):
                    self._obey(payload)
                case Arrived(channel=Door.REPLY, payload=payload):
                    self._renewal.take(payload)
                case Arrived(payload=payload):
                    self._settling.take(payload, self._clock.monotonic())
        self._acknowledge(acknowledged, self._clock.monotonic())

    def _obey(self, payload: bytes) -> None:
        """Take orders up. What runs next runs by them: a run ends here, once the kiosk has had time to say so too."""
        if self._orders.leave(payload):
            self._ends_at = self._clock.monotonic() + _ORDERS_PATIENCE_S

    def _renew(self, now: float) -> None:
        """Ask for the next certificate when it is time, and try it once it is here; try newer CAs before older go."""
        if self._connected is None:
            return
        if self._renewal.to_try(now):
            emit("trying_the_next_certificate")
            self._try(self._renewal, now)
        elif self._ca_trust.to_try(now):
            emit("trying_the_next_authorities")
            self._try(self._ca_trust, now)
        elif (request := self._renewal.to_send(now, self._clock.now().utc)) is not None:
            self._uplink.publish_request(request)

    def _try(self, trial: TlsRenewal | CaTrust, now: float) -> None:
        self._uplink.close()
        self._connected, self._trial, self._retry_at = None, trial, now
        self._delivery.disconnected()
        self._uplink.use(self._link())

    def _take_up(self, connected: Connected) -> None:
        if self._trial is not None:
            self._trial.install()
            self._end_trial("renewed" if self._trial is self._renewal else "authorities_in_force")
        self._connected = connected
        self._connecting = False
        self._retry_s = _FIRST_RETRY_S
        self._delivery.connected(connected.receive_maximum)
        self._vitals.hasten()
        give_memory_back()
        emit("connected", receive_maximum=connected.receive_maximum)

    def _lose(self, lost: Lost) -> None:
        self._connected = None
        self._connecting = False
        self._delivery.disconnected()
        if lost.final:
            raise BrokerError(lost.reason, next_step="Use a broker that speaks MQTT 5 with QoS 1.")
        if self._trial is not None:
            self._end_trial("renewal_not_tried" if self._trial is self._renewal else "authorities_not_in_force")
        self._retry_at = self._clock.monotonic() + self._retry_s * (0.75 + secrets.SystemRandom().random() / 2)
        self._retry_s = min(self._retry_s * 2, _LONGEST_RETRY_S)
        emit("not_connected", reason=lost.reason)

    def _end_trial(self, event: str) -> None:
        """Be again who the certificate in its place says, and trust whom the file in its place names."""
        self._trial = None
        self._uplink.use(self._link())
        emit(event, program="courier")

    def _link(self) -> Link:
        """Gather what the uplink needs, with what is on trial."""
        return link(
            self._settings,
            ca=self._ca_trust.next_path if self._trial is self._ca_trust else self._ca_trust.path,
            next_one=self._trial is self._renewal,
        )

    def _acknowledge(self, acknowledged: list[tuple[bytes, int]], now: float) -> None:
        """Take note of the broker's word on records. All lines in one write: on a drain there are many at once."""
        taken = []
        for record_id, reason in acknowledged:
            if reason == 0:
                taken.append({"record": record_id.hex(), "ms": self._delivery.ms_since_sent(record_id, now)})
            elif reason != self._delivery.problem:
                emit("not_passed_on", reason=f"0x{reason:02x}")
            self._delivery.acknowledged(record_id, reason, now)
        emit_each("acknowledged", taken)

    # -- acts ----------------------------------------------------------------------------------------------------------

    def _with_the_outbox(self, *steps: Callable[[], None]) -> None:
        """Take steps that need the outbox. While it can't be used we say so; what is in it is sent when it can be."""
        now = self._clock.monotonic()
        if now < self._outbox_again_at:
            return
        found = ""
        try:
            if self._outbox_fault:
                self._outbox.backlog()  # the steps may have nothing to do, which proves nothing
            for step in steps:
                step()
        except OutboxError as fault:
            found, self._outbox_again_at = fault.code, now + _OUTBOX_AGAIN_S
            self._delivery.disconnected()  # what was chosen to be sent may not have been: it is due again
            if self._connected:
                self._delivery.connected(self._connected.receive_maximum)
        if found != self._outbox_fault:
            self._outbox_fault = found
            self._vitals.hasten()
            emit("outbox_failed" if found else "outbox_works_again", program="courier", code=found)

    def _settle_if_due(self) -> None:
        if self._settling.next_due(self._clock.monotonic()) == 0:
            self._settle()

    def _settle(self) -> None:
        self._settling.settle(self._clock.monotonic())
        self._look_again_at = 0.0  # there may be room for more

    def _connect_if_due(self, now: float) -> None:
        if self._connected or self._connecting or now < self._retry_at:
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
        if now >= self._look_again_at:
            self._look_again_at = now + _POLL_S
            self._waiting = self._outbox.waiting_ids(_READ_AHEAD + self._delivery.refused)
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
            sent.append(record_id)
        self._outbox.mark_sent(sent)

    def _status(self, *, online: bool) -> bytes:
        return self._vitals.now(self._delivery.refused, online=online)


def link(settings: KioskSettings, *, ca: Path | None = None, next_one: bool = False) -> Link:
    """Gather what the uplink needs, by the next certificate if so asked. Raises BrokerError for a wrong address.

    The `ca` is the card's, unless another file is named.
    """
    certificate, key = Path(settings.broker.certificate), Path(settings.broker.key)
    return Link(
        addresses=tuple(split_address(text) for text in settings.broker.addresses),
        ca=str(ca or settings.broker.ca),
        certificate=str(certificates.next_to(certificate) if next_one else certificate),
        key=str(certificates.next_to(key) if next_one else key),
        keepalive_s=settings.delivery.keepalive_s,
        session_expiry_s=settings.delivery.session_expiry_s,
    )


def _limits(settings: KioskSettings) -> Limits:
    return Limits(**msgspec.structs.asdict(settings.outbox))


def _valid_from(certificate: Path) -> float:
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_before_utc.timestamp()
    except (OSError, ValueError) as fault:
        raise BrokerError(
            f"our certificate {certificate} can't be read: {fault}", next_step="Enrol this kiosk again."
        ) from fault


def _check(settings: KioskSettings) -> list[HomewardError]:
    """Try everything that a run needs short of the network; return what is wrong."""
    faults: list[HomewardError] = []
    for attempt in (
        lambda: tls_context(link(settings)),
        lambda: _valid_from(Path(settings.broker.certificate)),
        lambda: TrustFile(settings.trust),
        lambda: Outbox.open(settings.outbox_file, _limits(settings)).close(),
        lambda: _check_card(settings),
    ):
        try:
            attempt()
        except HomewardError as fault:
            faults.append(fault)
        except OSError as fault:
            faults.append(SettingsError(str(fault), next_step="Check the file's place and rights."))
    return faults


def _check_card(settings: KioskSettings) -> None:
    """Wipe the claim that a kiosk in service still has, as a run does. Raises ClaimLeftError when that can't be."""
    if Path(settings.broker.certificate).exists():
        CardFiles(Path(settings.card)).wipe()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the courier, or check its set-up."""
    # With no width told, argparse loads shutil and the compressors under it for the terminal's: half a MiB at rest.
    plain = functools.partial(argparse.HelpFormatter, width=_HELP_WIDTH)
    parser = argparse.ArgumentParser(
        prog="homeward-courier", description="Brings sealed reports to the broker.", formatter_class=plain
    )
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
    certificate = Path(settings.broker.certificate)
    certificates.settle(Path(settings.broker.key), certificate)
    if certificate.exists():
        wipe_used_claim(CardFiles(Path(settings.card)))
        return True
    from edge_agent.enrolment import courier_side  # noqa: PLC0415  # nobody at rest carries what the first boot needs

    return courier_side.FirstBoot(settings, SystemClock()).run(SystemdWatchdog(), stopping.wait)


def _run(settings: KioskSettings) -> int:
    """Run until stopped; each time that orders come into force, by them from then on."""
    keep_memory_small()
    stopping = threading.Event()
    end_by_signals(stopping)
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
    outbox = Outbox(settings.outbox_file, _limits(settings))
    try:
        courier = Courier(settings, SystemClock(), outbox, orders)
        end_by_signals(stopping, courier.stop)
        courier.run(SystemdWatchdog())
    finally:
        with contextlib.suppress(OutboxError):  # a mark of sending that is lost costs no more than sending again
            outbox.close()


def _wiped(settings: KioskSettings, stopping: threading.Event) -> None:
    """Erase the TLS key, and wait to be switched off. What waits in the outbox is sealed, and stays."""
    key = Path(settings.broker.key)
    gone = [certificates.erase(path) for path in (key, certificates.next_to(key))]
    gone.append(wipe_used_claim(CardFiles(Path(settings.card))))
    emit("wiped", program="courier", erased=all(gone))
    while not stopping.wait(_IDLE_S):
        SystemdWatchdog().beat("wiped")


if __name__ == "__main__":
    sys.exit(main())
