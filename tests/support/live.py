"""A fleet that runs: a real broker over TLS and the real programs, to be started, killed and asked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

from central.desk.keyfile import withdrawal_signer
from central.intake.settings import load
from central.store.choice import open_reader
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from provisioning.children import Child, Mosquitto
from provisioning.throwaway import ThrowawayFleet
from tests.support.spool import Spool
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from central.store.port import Quarantined, Reader

SOON = "receipt_timeout_s = 2\nrefused_again_s = 1"  # what else takes minutes


def left(*spools: Spool) -> int:
    """How many records of all wait for their receipts."""
    return sum(spool.left for spool in spools)


class LiveFleet:
    """Use it as a context manager: leaving ends every program that still runs."""

    def __init__(
        self, directory: Path, postgresql: str | None = None, broker_names: Sequence[str] = ("127.0.0.1", "localhost")
    ) -> None:
        self.caseworker = RecipientPrivateKey.generate()
        self.desk = withdrawal_signer(self.caseworker)
        escrow = Recipient(
            name="escrow",
            holder=Holder.ESCROW,
            key=self.caseworker.public_key.raw,
            withdrawal_key=self.desk.public_key,
        )
        self.fleet = ThrowawayFleet(directory, [escrow], postgresql=postgresql, broker_names=broker_names)
        self._open = contextlib.ExitStack()

    # -- Programs ------------------------------------------------------------------------------------------------------

    def broker(self) -> Mosquitto:
        """Start the broker, with what it kept the last time."""
        return self._open.enter_context(Mosquitto(self.fleet.broker_settings, self.fleet.port))

    def wipe_broker(self) -> None:
        """Take away all that the broker has kept: sessions, subscriptions, messages."""
        kept = self.fleet.broker_settings.parent / "data"
        shutil.rmtree(kept)
        kept.mkdir()

    def intake(self, module: str = "central.intake", *arguments: str, settings: Path | None = None) -> Child:
        """Start the intake, with its own settings unless told, and wait until it hears."""
        config = str(settings or self.fleet.intake_settings)
        child = self._open.enter_context(Child.python(module, *arguments, "run", "--config", config))
        child.wait_for("ready", timeout=PATIENCE_S)
        return child

    def courier(self, module: str = "edge_agent.courier", *arguments: str, kiosk: str = "kiosk-1") -> Child:
        """Start a kiosk's courier; it may not be connected yet."""
        return self._program(kiosk, module, *arguments)

    def kiosk(self, kiosk: str = "kiosk-1") -> Child:
        """Start a kiosk's other half, which meets people."""
        return self._program(kiosk, "edge_agent.kiosk")

    def spool(self, kiosk: str = "kiosk-1", delivery: str = SOON) -> Spool:
        """Add a kiosk to the fleet, of which there is the outbox alone."""
        return self._open.enter_context(Spool(self.fleet.add_kiosk(kiosk, delivery=delivery)))

    # -- Questions -----------------------------------------------------------------------------------------------------

    def stored(self) -> list[tuple[bytes, bytes]]:
        """Id and SHA-256 of each record in the intake's store, in the order of their arrival."""
        with self.store() as store:
            return [(record.record_id, record.sha256) for record in store.records()]

    def quarantined(self) -> dict[int, tuple[Quarantined, bytes]]:
        """What the intake refused: its number, why, and the bytes."""
        with self.store() as store:
            found = {}
            for entry in store.quarantined():
                content = store.quarantined_bytes(entry.number)
                assert content is not None
                found[entry.number] = (entry, content)
            return found

    def gaps(self) -> list[dict[str, Any]]:
        """Ask the intake's own command what is missing, kiosk by kiosk."""
        return [json.loads(line) for line in self.command("gaps", "--json").splitlines()]

    def command(self, *words: str) -> str:
        """Run one of the intake's own commands, and give what it said."""
        asked = [sys.executable, "-m", "central.intake", *words, "--config", str(self.fleet.intake_settings)]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout

    def assert_all_arrived_once(self, *spools: Spool) -> None:
        """Wait, while it goes on, until every outbox is empty.

        Then each record is in the store once, byte for byte, and none is missing.
        """
        while waiting := left(*spools):
            until(lambda waiting=waiting: left(*spools) < waiting, "the next receipt")
        sent = [
            (record_id, hashlib.sha256(sealed).digest())
            for spool in spools
            for record_id, sealed in spool.sealed.items()
        ]
        assert sorted(self.stored()) == sorted(sent)
        assert self.quarantined() == {}
        assert self.gaps() == [
            {"kiosk": spool.settings.kiosk, "records": len(spool.sealed), "findings": []} for spool in spools
        ]
        assert [spool.outbox.salvages() for spool in spools] == [()] * len(spools)

    @contextlib.contextmanager
    def store(self) -> Iterator[Reader]:
        """Read the intake's store beside it."""
        with open_reader(load(self.fleet.intake_settings).store.place) as store:
            yield store

    # -- Inside --------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _program(self, kiosk: str, module: str, *arguments: str) -> Child:
        settings = str(self.fleet.kiosk_directory(kiosk) / "kiosk.toml")
        return self._open.enter_context(Child.python(module, *arguments, "run", "--config", settings))
