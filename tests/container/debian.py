"""A stock Debian under its own systemd, in a container on this machine: systemd-nspawn over a tree made by mmdebstrap.

The tree is made once and kept under the hash of its recipe; what a container changes goes with it. It has a network of
its own, where there is nobody but who is put there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROJECT = Path(__file__).parents[2]
CACHE = PROJECT / ".cache" / "container"
SUITE = "bookworm"
# What a stock Raspberry Pi OS has of what we need, and what speaks: firmware/install would bring it from the archive.
PACKAGES = (
    *(
        "systemd",
        "systemd-sysv",
        "systemd-timesyncd",
        "dbus",
        "udev",
        "kmod",
        "iproute2",
        "nftables",
        "ca-certificates",
    ),
    *("python3", "python3-venv"),
    *("espeak-ng", "alsa-utils"),
)
# What `firmware/install --screen` would bring besides: a gigabyte with all that it needs.
SCREEN = ("cage", "xwayland", "seatd", "chromium", "fonts-noto-core", "fonts-noto-cjk", "fonts-ukij-uyghur")
_LEFT_OUT = ("man", "doc", "locale")


def why_not() -> str:
    """Why no container can run here; nothing when it can."""
    if os.geteuid() != 0:
        return "only root can start a container: run make test as root"
    for program in ("systemd-nspawn", "mmdebstrap", "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is missing: make test installs it"
    may = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--net", "true"], capture_output=True, check=False)
    return "" if may.returncode == 0 else "this machine may not make namespaces, so no container"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Be the one process that makes something to be kept; the next one then finds it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@_alone()
def tree(more: Sequence[str] = ()) -> Path:
    """Give Debian's tree with these packages more; make it first if there is none of this recipe."""
    recipe = " ".join((SUITE, *PACKAGES, *more, *_LEFT_OUT))
    place = CACHE / f"{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if not place.exists():
        unfinished = CACHE / f"{SUITE}-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        without = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join((*PACKAGES, *more))}", *without]
        subprocess.run([*command, SUITE, str(unfinished)], check=True, capture_output=True)
        unfinished.rename(place)
    return place


@_alone()
def wheels() -> Path:
    """Give a folder with the wheels that the agent needs, as they are pinned."""
    pinned = [PROJECT / "requirements" / f"{name}.txt" for name in ("kiosk", "courier")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in pinned)).hexdigest()[:16]
    place = CACHE / f"wheels-{digest}"
    if not place.exists():
        unfinished = CACHE / "wheels-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--disable-pip-version-check",
            "--no-deps",
            "--require-hashes",
        ]
        wanted = [argument for path in pinned for argument in ("-r", str(path))]
        subprocess.run([*command, "-d", str(unfinished), *wanted], check=True, capture_output=True)
        unfinished.rename(place)
    return place


class Debian:
    """A Debian that has started. Use it as a context manager: leaving ends it, and all that it wrote is gone."""

    def __init__(self, name: str, binds: Sequence[Path] = (), more: Sequence[str] = ()) -> None:
        self._said = CACHE / f"{name}.log"
        command = ["systemd-nspawn", "--quiet", f"--directory={tree(more)}", "--volatile=overlay", "--private-network"]
        command += [f"--machine={name}-{os.getpid()}", "--register=no", "--keep-unit", "--console=pipe"]
        command += ["--system-call-filter=adjtimex clock_adjtime"]  # else it may not even be read how good the clock is
        command += [
            f"--bind-ro={PROJECT}",
            *(f"--bind={path}" for path in binds),
            "--boot",
            "systemd.unit=multi-user.target",
        ]
        with self._said.open("wb") as said:
            self._container = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )

    def inside(self, *command: str) -> list[str]:
        """Give the command that runs `command` in there, as root."""
        return ["nsenter", f"--target={self._leader}", "--all", "--root", "env", "-i", "-C", "/",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", *command]  # fmt: skip

    def network_of(self, *command: str) -> list[str]:
        """Give the command that runs a program of this machine in that network."""
        return ["nsenter", f"--target={self._leader}", "--net", *command]

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in there to its end; return what it printed, errors too."""
        done = subprocess.run(
            self.inside(*command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done.stdout

    def succeeds(self, *command: str) -> bool:
        """Whether a command in there ends well."""
        return (
            subprocess.run(self.inside(*command), stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode
            == 0
        )

    @property
    def root(self) -> Path:
        """Its root, as this machine sees it."""
        return Path(f"/proc/{self._leader}/root")

    def shows(self, unit: str, name: str) -> str:
        """One of the properties that systemd shows of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def pid(self, unit: str) -> int:
        """The process id, in there, of a unit's main process."""
        return int(self.shows(unit, "MainPID"))

    def __enter__(self) -> Self:
        until(lambda: self._leader != 0, "the container's first process")
        until(
            lambda: self.run("systemctl", "is-system-running", check=False).strip() in {"running", "degraded"},
            "a system that has started",
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._container.send_signal(signal.SIGTERM)
        try:
            self._container.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._container.kill()
            self._container.wait()

    @property
    def _leader(self) -> int:
        children = Path(f"/proc/{self._container.pid}/task/{self._container.pid}/children").read_text(encoding="ascii")
        return int(children.split()[0]) if children.split() else 0
