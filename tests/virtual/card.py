"""A card in a reader: what a boot would make of it, and what waits on it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from edge_agent.outbox import Limits, Outbox

if TYPE_CHECKING:
    from pathlib import Path

ROOMY = Limits(max_bytes=2**31, max_records=20_000, keep_free_bytes=0)


def recover(image: Path, folder: Path) -> Path:
    """Do with a card what a boot does; then its file system is clean. Give its shared folder."""
    subprocess.run(["e2fsck", "-p", str(image)], check=False, capture_output=True)  # plays the journal back
    checked = subprocess.run(["e2fsck", "-fn", str(image)], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    folder.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump /shared {folder}", str(image)], check=True, capture_output=True)
    return folder / "shared"


def waiting(shared: Path) -> list[str]:
    """The records that wait in an outbox, which must be whole."""
    outbox = Outbox.open(shared / "outbox.db", ROOMY)
    try:
        assert outbox.salvages() == ()
        found = [entry.record_id for entry in outbox.waiting(1000)]
        for record_id in found:
            outbox.read(record_id)
    finally:
        outbox.close()
    return [record_id.hex() for record_id in found]
