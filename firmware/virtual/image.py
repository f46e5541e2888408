"""The disks of the virtual kiosk: its system, laid over Debian as on a real Pi, and those that are given to it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware.virtual import agent, boot, libraries, rootfs
from firmware.virtual.cache import HERE, PROJECT, kept, remove, run

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMON: Final = PROJECT / "firmware" / "common"
_LAYERS: Final = (_COMMON / "kiosk", _COMMON / "image", HERE / "overlay")
_AGENT: Final = ("edge_agent", "models", "provisioning", "central", "pyproject.toml")
_ENABLED: Final = (
    *("homeward-kiosk.service", "homeward-courier.service", "homeward-firewall.service"),
    *("var-lib-homeward.mount", "srv-frames.mount"),
    *("systemd-networkd.service", "systemd-timesyncd.service"),
)
_MASKED: Final = (  # what a system that is never written, and has no terminal, does in vain
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
        "e2scrub_reap.service",
    ),
    *(
        "ldconfig.service",
        "systemd-hwdb-update.service",
        "systemd-networkd-wait-online.service",
        "systemd-update-done.service",
    ),
    *("systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount"),
    *(
        "serial-getty@ttyAMA0.service",
        "getty@tty1.service",
        "systemd-journal-flush.service",
        "systemd-random-seed.service",
    ),
)
_OWN_COPY: Final = ("etc", "var", "root", "opt", "srv")  # these are written to; the rest is linked
_ROOM: Final = 1.12  # a file system's own tables beside its files
_MIB: Final = 1024 * 1024


def build() -> Path:
    """Give the system's disk image."""
    made_from = [str(rootfs.build()).encode(), str(libraries.build()).encode(), str(boot.kernel().tree).encode()]
    sources = [*Path(__file__).parent.glob("*.py"), *(path for layer in _LAYERS for path in _files(layer))]
    sources += [path for name in _AGENT for path in _files(PROJECT / name)]
    made_from += [b"\0".join((str(path.relative_to(PROJECT)).encode(), path.read_bytes())) for path in sorted(sources)]
    return kept("system", made_from, _make)


def disk(image: Path, label: str, tree: Path, size: int, *, journal: bool = True) -> Path:
    """Make an ext4 image of `size` bytes with a folder's content."""
    with image.open("wb") as file:
        file.truncate(size)
    features = [] if journal else ["-O", "^has_journal"]
    run("mke2fs", "-q", "-F", "-t", "ext4", *features, "-m", "0", "-L", label, "-d", tree, image)
    return image


def _make(place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        root = Path(scratch) / "root"
        _tree(root)
        used = sum(-(-path.lstat().st_size // 4096) * 4096 + 512 for path in root.rglob("*") if not path.is_dir())
        disk(place, "system", root, int(used * _ROOM) // _MIB * _MIB + 16 * _MIB, journal=False)


def _tree(root: Path) -> None:
    """Lay the kiosk over Debian."""
    debian = rootfs.build()
    root.mkdir()
    for path in debian.iterdir():
        links = [] if path.name in _OWN_COPY else ["--link"]
        run("cp", "-a", *links, path, root)
    for layer in _LAYERS:
        _overlay(layer, root)
    agent.install(root)
    boot.copy_modules(boot.kernel(), root)
    _replace(root / "etc/hostname", "kiosk\n")
    _replace(root / "etc/machine-id", "")
    _replace(root / "etc/resolv.conf", None)
    (root / "etc/resolv.conf").symlink_to("/run/systemd/resolve/resolv.conf")
    for name in ("homeward", "dhcpcd"):  # mount points
        (root / "var/lib" / name).mkdir(exist_ok=True)
    rootfs.ask_for_emulation()
    run("chroot", root, "systemd-sysusers")
    run("chroot", root, "systemctl", "enable", *_ENABLED)
    run("chroot", root, "systemctl", "mask", *_MASKED)


def _overlay(layer: Path, root: Path) -> None:
    for path in sorted(layer.rglob("*")):
        at = root / path.relative_to(layer)
        if path.is_dir() and not path.is_symlink():
            at.mkdir(exist_ok=True)
            continue
        if at.exists() or at.is_symlink():
            remove(at)  # never through a link into the cached tree
        shutil.copy2(path, at, follow_symlinks=False)
        os.chown(at, 0, 0, follow_symlinks=False)


def _replace(path: Path, text: str | None) -> None:
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text, encoding="ascii")


def _files(place: Path) -> Iterator[Path]:
    found = [place] if place.is_file() else place.rglob("*")
    yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)
