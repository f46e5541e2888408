"""`homeward-fleet`, to be forked off a process that has loaded it: so a console is there at once."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from provisioning.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection


def run(said: Connection, words: Sequence[str]) -> None:
    """Be the command with these words, and say to `said` what it says."""
    for stream in (1, 2):
        os.dup2(said.fileno(), stream)
    said.close()
    sys.argv = ["homeward-fleet", *words]
    main()
