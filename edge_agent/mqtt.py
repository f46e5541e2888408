"""What every MQTT client of ours does alike: TLS 1.3 with a certificate, no delay, MQTT 5's numbers."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any, Final, Protocol

from paho.mqtt.properties import Properties

from edge_agent.errors import BrokerError, SettingsError

if TYPE_CHECKING:
    from paho.mqtt.client import Client

CONTENT_TYPE: Final = "application/cose"
DEFAULT_RECEIVE_MAXIMUM: Final = 65_535  # MQTT 5, 3.2.2.3.3
GRANTED_QOS_1: Final = 1  # MQTT 5, 3.9.3
UNSUPPORTED_VERSION: Final = 0x84  # MQTT 5, 2.4: paho would try again for ever
PACKET_TOO_LARGE: Final = 0x95


class Credentials(Protocol):
    """Three PEM files: the CA that we trust, our certificate, its key."""

    @property
    def ca(self) -> str: ...  # noqa: D102
    @property
    def certificate(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102


def tls_context(files: Credentials) -> ssl.SSLContext:
    """Make a TLS 1.3 context with our certificate that trusts the fleet's CA alone. Raises BrokerError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(files.ca)
        context.load_cert_chain(files.certificate, files.key)
    except OSError as fault:  # ssl's errors are among them
        raise BrokerError(
            f"TLS can't be set up from {files.ca}, {files.certificate} and {files.key}: {fault}",
            next_step="Check that the three files are there, are PEM, belong together, and that we may read them.",
        ) from fault
    return context


def split_address(text: str) -> tuple[str, int]:
    """Split `host:port`, or `[address]:port` for IPv6. Raises SettingsError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise SettingsError(f"{text!r} is no broker's address", next_step="Write host:port; 8883 is the usual port.")
    return host.strip("[]"), int(port)


def properties(packet: int, **values: str | int) -> Properties:
    """Make the properties of a packet, by paho's names for them."""
    made = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(made, name, value)
    return made


def no_delay(_client: Client, _data: Any, sock: Any) -> None:
    """Send small packets at once: without it a window of one ran at 22 a second (docs/decisions/0001)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
