"""Files and folders that get their place only once an act has happened."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from edge_agent.errors import LocalError
from edge_agent.files import write_whole
from provisioning import card, handout
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.handout import Files


@contextlib.contextmanager
def placed(out: Path, content: Files | bytes) -> Iterator[None]:
    """Write beside `out` first, so that a full or read-only disk is known before the act; name it after the act."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir()) and not isinstance(content, bytes)):
        raise LocalError(
            phrase("{out} is there already", out=out), next_step=phrase("Name another place; nothing is written over.")
        )
    with handout.staged(out) as beside:
        if out.suffix == ".zip" and not isinstance(content, bytes):
            content = card.zipped(content)
        if isinstance(content, bytes):
            write_whole(beside / out.name, content, replace=True)
            yield
            handout.settle(beside / out.name, out)
        else:
            handout.write_files(beside, content, replace=True)
            yield
            handout.settle(beside, out)
