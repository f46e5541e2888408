"""What every MQTT client of ours does alike: TLS 1.3 with a certificate, no delay, MQTT 5's numbers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol

from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties

from edge_agent.errors import BrokerError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT_TYPE: Final = "application/cose"
DEFAULT_RECEIVE_MAXIMUM: Final = 65_535  # MQTT 5, 3.2.2.3.3
GRANTED_QOS_1: Final = 1  # MQTT 5, 3.9.3
FAILURE: Final = 0x80  # MQTT 5, 2.4: from here on a reason code is a failure
UNSUPPORTED_VERSION: Final = 0x84  # MQTT 5, 2.4: paho would try again for ever
PACKET_TOO_LARGE: Final = 0x95
_HTTP_CLIENT: Final = "urllib.request"


@contextlib.contextmanager
def _no_http_client() -> Iterator[None]:
    """Import paho without an HTTP client, of which a courier would carry 1 MiB at rest.

    It asks that for a proxy's address where PySocks is installed, and nowhere else.
    """
    if _HTTP_CLIENT in sys.modules or find_spec("socks") is not None:
        yield
        return
    sys.modules[_HTTP_CLIENT] = ModuleType(_HTTP_CLIENT)
    try:
        yield
    finally:
        del sys.modules[_HTTP_CLIENT]


with _no_http_client():
    from paho.mqtt.client import Client


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


def make_client(name: str, tls: ssl.SSLContext) -> Client:
    """Make a client for one connection, under this client id. Nothing is sent again or held back behind our back."""
    client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False)
    client.max_inflight_messages_set(0)  # no limit: whoever sends much keeps a window of their own
    client.tls_set_context(tls)
    client.on_socket_open = no_delay
    return client


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


class Packed(Properties):
    """Properties that stay the same and are packed once: paho goes through all there are at each publish."""

    _bytes: bytes

    def __init__(self, packet: int, **values: str | int) -> None:
        object.__setattr__(self, "_bytes", properties(packet, **values).pack())  # type: ignore[no-untyped-call]

    def pack(self) -> bytes:  # type: ignore[explicit-override]
        """Give the bytes as they go into the packet."""
        return self._bytes


def no_delay(_client: Client, _data: Any, sock: Any) -> None:
    """Send small packets at once: without it a window of one ran at 22 a second (docs/decisions/0001)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
