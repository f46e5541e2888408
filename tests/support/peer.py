"""Somebody at the broker who is none of our programs: with a kiosk's certificate, a foreign one, or none."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, Self

from edge_agent.mqtt import make_client, tls_context
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from paho.mqtt.client import Client

    from provisioning.certificates import Identity

HOST = "127.0.0.1"
GONE = 0x87  # not authorised


class Files:
    """Three PEM files in a folder, as `tls_context` takes them."""

    def __init__(self, folder: Path, ca: bytes, identity: Identity) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (("ca", ca), ("certificate", identity.certificate), ("key", identity.key)):
            (folder / f"{name}.pem").write_bytes(content)
        self.ca, self.certificate, self.key = (str(folder / f"{name}.pem") for name in ("ca", "certificate", "key"))


class Peer:
    """An MQTT 5 client that tells what the broker answered. Use it as a context manager."""

    def __init__(self, port: int, client_id: str, tls: ssl.SSLContext) -> None:
        self.received: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._client = make_client(client_id, tls)
        self._client.on_connect = lambda *given: self._answers.put(("connect", given[3].value))
        self._client.on_publish = lambda *given: self._answers.put(("publish", given[3].value))
        self._client.on_subscribe = lambda *given: self._answers.put(("subscribe", given[3][0].value))
        self._client.on_message = self._hear
        self._client.on_disconnect = lambda *_: self._answers.put(("gone", GONE))
        self._port = port

    @classmethod
    def of(cls, port: int, client_id: str, files: Files) -> Self:
        """Be somebody with these files."""
        return cls(port, client_id, tls_context(files))

    def publish(self, topic: str, payload: bytes) -> int:
        """Publish at QoS 1; return the PUBACK's reason code."""
        self._client.publish(topic, payload, qos=1)
        return self._answer("publish")

    def subscribe(self, topic: str) -> int:
        """Subscribe at QoS 1; return the SUBACK's reason code."""
        self._client.subscribe(topic, qos=1)
        return self._answer("subscribe")

    def gone(self) -> bool:
        """Wait until the broker ends the session."""
        return self._answer("gone") == GONE

    def __enter__(self) -> Self:
        self._client.connect(HOST, self._port)
        self._client.loop_start()
        assert self._answer("connect") == 0
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _answer(self, wanted: str) -> int:
        while True:
            kind, reason = self._answers.get(timeout=PATIENCE_S)
            if kind in {wanted, "gone"}:  # who is thrown out was refused
                return reason

    def _hear(self, _client: Client, _data: Any, message: Any) -> None:
        self.received.put((message.topic, message.payload))
