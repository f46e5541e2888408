"""Settings for mosquitto on one machine: TLS 1.3 with client certificates, and an ACL that goes by their names.

What each setting is for was measured; see docs/decisions/0001-parts-and-promises.md. mosquitto's acknowledgement is not
tied to the disk, whatever is set here: nothing rests on it but the pace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.wire.topics import Channel, Desk, Door, check_id, desk, every_door, of_every_kiosk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_PACKET_BYTES: Final = 160 * 1024  # a record of 128 KiB with its topic and properties
MAX_QUEUED_BYTES: Final = 256 * 1024 * 1024  # for an intake that is away; past it kiosks simply send again
SESSION_DAYS: Final = 14
PID_FILE: Final = "data/mosquitto.pid"
SETTINGS: Final = "mosquitto.conf"
_DOORS: Final = {"write": Door.REQUEST, "read": Door.REPLY}


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a mosquitto listens and keeps its files."""

    address: str
    port: int
    directory: Path  # holds ca.pem, server.pem, server.key, acl; persistence goes to data/ below
    run_as: str = "mosquitto"  # the user that mosquitto becomes when root starts it
    crl: bool = False  # whether crl.pem is there too. It must never expire: an expired one shuts everybody out


def settings(broker: Broker) -> str:
    """Write mosquitto.conf."""
    here = broker.directory
    lines = [
        f"user {broker.run_as}",
        f"listener {broker.port} {broker.address}",
        f"cafile {here / 'ca.pem'}",
        f"certfile {here / 'server.pem'}",
        f"keyfile {here / 'server.key'}",
        "tls_version tlsv1.3",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",  # or one kiosk could throw another out by its client id
        "allow_anonymous false",
        f"acl_file {here / 'acl'}",
        *([f"crlfile {here / 'crl.pem'}"] if broker.crl else []),
        f"pid_file {here / PID_FILE}",
        "persistence true",
        f"persistence_location {here / 'data'}/",
        "autosave_interval 1",
        "autosave_on_changes false",
        f"persistent_client_expiration {SESSION_DAYS}d",
        "max_inflight_messages 100",
        "max_queued_messages 0",  # bounded by bytes instead
        f"max_queued_bytes {MAX_QUEUED_BYTES}",
        f"max_packet_size {MAX_PACKET_BYTES}",
        "retain_available false",  # nobody here needs retained messages, and none are left behind
        "set_tcp_nodelay true",
        "sys_interval 0",
        "connection_messages false",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    return "\n".join(lines) + "\n"


def listens_at(written: str) -> tuple[str, int]:
    """Give where a mosquitto with these settings of ours listens: its address and port. Raises ValueError."""
    for line in written.splitlines():
        if line.startswith("listener "):
            _, port, address = line.split()
            return address, int(port)
    raise ValueError("its settings name no listener")


def acl(
    fleet: str, intakes: Sequence[str], revoked: Sequence[str] = (), *, office: str = "", claims: Sequence[str] = ()
) -> str:
    """Write the ACL: a kiosk has its own topics, an intake hears all and answers, a revoked kiosk has nothing.

    A card's claim may ask to enrol; it has no topic of a kiosk. The office hears who asks, answers, and sends orders.
    """
    lines: list[str] = []
    for name in revoked:
        lines += [f"user {check_id(name)}", "topic deny #", ""]
    for claim in claims:
        lines += [f"user {check_id(claim)}"]
        lines += [f"topic deny {of_every_kiosk(fleet, channel).replace('+', claim)}" for channel in Channel]
        lines += [""]
    for intake in intakes:
        lines += [
            f"user {check_id(intake)}",
            f"topic read {of_every_kiosk(fleet, Channel.RECORDS)}",
            f"topic read {of_every_kiosk(fleet, Channel.STATUS)}",
            f"topic write {of_every_kiosk(fleet, Channel.RECEIPTS)}",
            f"topic read {desk(fleet, Desk.ASK)}",
            f"topic read {desk(fleet, Desk.TRUST)}",
            f"topic write {desk(fleet, Desk.ROLL)}",
            "",
        ]
    if office:
        lines += [
            f"user {check_id(office)}",
            f"topic read {every_door(fleet, Door.REQUEST)}",
            f"topic write {every_door(fleet, Door.REPLY)}",
            f"topic write {of_every_kiosk(fleet, Channel.ORDERS)}",
            f"topic write {desk(fleet, Desk.ASK)}",
            f"topic write {desk(fleet, Desk.TRUST)}",
            f"topic read {desk(fleet, Desk.ROLL)}",
            "",
        ]
    own = of_every_kiosk(fleet, Channel.RECORDS).removesuffix(f"+/{Channel.RECORDS}") + "%u"
    lines += [
        f"pattern write {own}/{Channel.RECORDS}",
        f"pattern write {own}/{Channel.STATUS}",
        f"pattern read {own}/{Channel.RECEIPTS}",
        f"pattern read {own}/{Channel.ORDERS}",
        *(f"pattern {right} {every_door(fleet, way).replace('+', '%u')}" for right, way in _DOORS.items()),
    ]
    return "\n".join(lines) + "\n"
