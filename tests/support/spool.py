"""A kiosk's side of the outbox without the kiosk: really sealed records of random bytes, at once as many as wanted."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from edge_agent import config
from edge_agent.files import read_signer
from edge_agent.hardware.clock import SystemClock
from edge_agent.health import HealthFile
from edge_agent.outbox import Limits, Outbox
from edge_agent.trust import TrustFile
from edge_agent.wire import cbor, fields, sealing, status
from edge_agent.wire.keys import kid
from edge_agent.wire.topics import Channel

if TYPE_CHECKING:
    from edge_agent.outbox import Link

PICTURE_BYTES = 4_000


class Spool:
    """One kiosk's outbox, and what went into it: `sealed` has the bytes by record id."""

    def __init__(self, directory: Path) -> None:
        self.settings = config.load(directory / "kiosk.toml")
        self.signer = read_signer(Path(self.settings.signing_key))
        self.bundle = TrustFile(self.settings.trust).current()
        self.outbox = Outbox.open(self.settings.outbox_file, Limits(**msgspec.structs.asdict(self.settings.outbox)))
        self.health = HealthFile(self.settings.health_file, self.signer, SystemClock())
        self.sealed: dict[bytes, bytes] = {}

    def fill(self, records: int, *, picture_bytes: int = PICTURE_BYTES) -> list[bytes]:
        """Queue so many records, and vouch for them as the kiosk does; return their ids.

        Where its word lies in memory, only a kiosk that runs can say it.
        """
        queued = [self._queue(picture_bytes) for _ in range(records)]
        if self.settings.word is None:
            self._vouch()
        return queued

    def seal(self, plain: bytes, claims: sealing.Claims) -> bytes:
        """Seal as this kiosk seals."""
        return sealing.seal(plain, claims, self.bundle.recipients, self.signer)

    def claims(self, record_id: bytes, link: Link) -> sealing.Claims:
        """Make the claims of a record at a place of the chain."""
        return sealing.Claims(
            kiosk=self.settings.kiosk,
            issued_at=(now := SystemClock().now().utc),
            expires_at=now + 180 * 86_400,
            record_id=record_id,
            signer_kid=kid(self.signer.public_key),
            seq=link.seq,
            epoch=link.epoch,
            previous=link.previous,
            consent_hash=secrets.token_bytes(fields.HASH_BYTES),
            topic=self.settings.address.topic(Channel.RECORDS),
            bundle_hash=self.bundle.sha256,
        )

    @property
    def left(self) -> int:
        """How many records wait for their receipts."""
        return self.outbox.backlog().records

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.outbox.close()

    def _queue(self, picture_bytes: int) -> bytes:
        record_id = secrets.token_bytes(fields.ID_BYTES)

        def seal(link: Link) -> bytes:
            self.sealed[record_id] = self.seal(
                cbor.encode(secrets.token_bytes(picture_bytes)), self.claims(record_id, link)
            )
            return self.sealed[record_id]

        self.outbox.append(record_id, seal)
        return record_id

    def _vouch(self) -> None:
        """Leave the kiosk's signed word of how far its chain has come: the intake misses what then doesn't come."""
        now = SystemClock().now()
        epoch, highest = self.outbox.highest()
        self.health.say(
            status.Health(
                kiosk=self.settings.kiosk,
                version="0",
                boot_id=now.boot_id,
                uptime_ms=now.uptime_ms,
                clock=now.quality,
                ready=True,
                orders_version=0,
                bundle_version=self.bundle.content.version,
                models=[],
                epoch=epoch,
                highest_seq=highest,
            )
        )
