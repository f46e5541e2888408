"""A folder that takes no writes, as a card that is read-only. Who is root must give up being above a file's rights."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# before a command
BOUND_BY_RIGHTS: Final = ("setpriv", "--bounding-set=-dac_override", "--") if os.geteuid() == 0 else ()


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nothing below `folder` be changed meanwhile."""
    before = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
    for path, mode in before.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in before.items():
            path.chmod(mode)
