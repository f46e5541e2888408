"""Debian trixie for 64-bit ARM, as Debian's own packages set it up: their scripts run here, emulated, 10 to 20 minutes.

Of the kernel only the files are taken: its package would build an initial RAM disk under emulation, for machines of
every kind.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

from firmware.virtual.cache import PROJECT, BuildError, kept, run

SUITE: Final = "trixie"
BEGAN: Final = "1760000000"  # SOURCE_DATE_EPOCH: a build says nothing of when it was made
_BINFMT: Final = Path("/proc/sys/fs/binfmt_misc")
_PACKAGES: Final = PROJECT / "firmware" / "common" / "packages.txt"
_OURS: Final = {"", "virtual", "image"}  # of the second words there
_KERNEL: Final = "linux-image-arm64"  # it depends on the one in force, whose name has its version
_FETCHED: Final = ("busybox-static", "libpython3.13-dev", "alsa-utils")
_LEFT_OUT: Final = ("man", "doc", "locale", "info")


def packages() -> list[str]:
    """List what is installed."""
    lines = (line.partition("#")[0].split() for line in _PACKAGES.read_text(encoding="utf-8").splitlines())
    return sorted(line[0] for line in lines if line and (line[1:] or [""])[0] in _OURS)


def build() -> Path:
    """Give the root file system's folder."""
    return kept("rootfs", ["\n".join(_arguments()).encode()], _bootstrap)


def fetch() -> Path:
    """Give the folder with the packages that are unpacked, not installed."""
    return kept("debs", [" ".join([SUITE, _KERNEL, *_FETCHED]).encode()], _download)


def unpack(debs: Path, package: str, into: Path) -> Path:
    """Unpack one of the fetched packages; return the folder."""
    found = sorted(debs.glob(f"{package}_*.deb"))
    if len(found) != 1:
        raise BuildError(
            f"{debs} has {len(found)} packages {package}", next_step="Remove ~/.cache/homeward/virtual; build again."
        )
    run("dpkg-deb", "-x", found[0], into)
    return into


def ask_for_emulation() -> None:
    """Make Linux run ARM programs through QEMU. Raises BuildError where it can't be had."""
    if os.geteuid() != 0:
        raise BuildError("only root may build an ARM file system here", next_step="Run it as root, or in a container.")
    if not (_BINFMT / "register").exists():
        run("mount", "-t", "binfmt_misc", "none", _BINFMT)
    if not (_BINFMT / "qemu-aarch64").exists():
        for line in Path("/usr/lib/binfmt.d/qemu-aarch64.conf").read_text(encoding="ascii").splitlines():
            if line.startswith(":"):
                try:
                    (_BINFMT / "register").write_bytes(line.encode())
                except OSError as fault:
                    raise BuildError(
                        f"Linux takes no interpreter for ARM programs here: {fault.strerror}",
                        next_step="Run it as root on a machine, or in a container that may do that.",
                    ) from fault


def _bootstrap(place: Path) -> None:
    ask_for_emulation()
    _mmdebstrap(*_arguments(), str(place))


def _arguments() -> list[str]:
    return [
        "--variant=minbase",
        f"--include={','.join(packages())}",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT),
        SUITE,
    ]


def _download(place: Path) -> None:
    place.mkdir()
    script = (
        f'cd {shlex.quote(str(place))} && export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" && '
        f"kernel=$(apt-cache depends {_KERNEL} | sed -n 's/.*Depends: //p' | head -1) && "
        f'apt-get -q download "$kernel" {" ".join(_FETCHED)}'
    )
    _mmdebstrap("--variant=custom", "--format=null", f"--customize-hook={script}", SUITE)


def _mmdebstrap(*arguments: str) -> None:
    run(
        "mmdebstrap",
        *("--mode=root", "--architectures=arm64", "--components=main"),
        '--aptopt=Apt::Install-Recommends "false"',
        *arguments,
        env={**os.environ, "SOURCE_DATE_EPOCH": BEGAN},
    )
