"""What is built once and kept, each under the hash of all that it was made from."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PROJECT: Final = Path(__file__).parents[2]
_KEPT: Final = Path(
    os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
)  # a quarter of an hour is not built twice
CACHE: Final = _KEPT / "homeward" / "virtual"
HERE: Final = Path(__file__).parent


class BuildError(LocalError):
    """A part of the virtual kiosk could not be built."""

    code = "virtual-build"


def kept(name: str, made_from: Iterable[bytes], make: Callable[[Path], None]) -> Path:
    """Give the thing of this name that was made from exactly these bytes; make it first if there is none.

    `make` is given a path that doesn't exist and leaves a file or a folder there. What was made from other bytes goes.
    """
    digest = hashlib.sha256()
    for part in made_from:
        digest.update(hashlib.sha256(part).digest())
    place = CACHE / f"{name}-{digest.hexdigest()[:16]}"
    if place.exists():
        return place
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in CACHE.glob(f"{name}-*"):  # also what a run that was stopped had begun
        remove(old)
    print(f"virtual kiosk: making {name}", flush=True)
    unfinished = CACHE / f"{name}-unfinished"
    make(unfinished)
    unfinished.rename(place)
    return place


def remove(path: Path) -> None:
    """Remove a file or a folder, whichever it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def run(
    *command: str | Path, cwd: Path | None = None, text: str | None = None, env: dict[str, str] | None = None
) -> str:
    """Run a command to its end; return what it printed. Raises BuildError with its last words."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, input=text, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise BuildError(f"{command[0]} failed with status {done.returncode}:\n{last}")
    return done.stdout
