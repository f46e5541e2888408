"""The disks of the virtual kiosk: its system, laid over Debian as on a real Pi, and those that are given to it."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware.update.bundle import SigningKey, make_key
from firmware.virtual import agent, boot, libraries, rootfs
from firmware.virtual.cache import CACHE, HERE, PROJECT, kept, remove, run
from firmware.virtual.rootfs import BEGAN

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMON: Final = PROJECT / "firmware" / "common"
_LAYERS: Final = (_COMMON / "kiosk", _COMMON / "image", PROJECT / "firmware/update/tree", HERE / "overlay")
_AGENT: Final = ("edge_agent", "models", "provisioning", "central", "pyproject.toml", "README.md", "LICENSE")
_ENABLED: Final = (
    *("homeward-kiosk.service", "homeward-courier.service", "homeward-firewall.service"),
    *("homeward-first-boot.service", "homeward-wifi.service", "homeward-prove.service"),
    *("var-lib-homeward.mount", "boot-firmware.mount", "srv-frames.mount"),
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
# A fifth of the image: Mesa's drivers, which Debian's ffmpeg asks for and a kiosk without a display never loads.
_NEVER_LOADED: Final = ("libLLVM.so.*", "libgallium-*.so", "libz3.so.*")
_OWN_COPY: Final = ("etc", "var", "root", "opt", "srv")  # these are written to; the rest is linked
_ROOM: Final = 1.12  # a file system's own tables beside its files
# The same in each build, so that the same inputs give the same bytes.
_FILE_SYSTEM: Final = "5f3d1f2c-8f0b-4b6e-9d53-7a6f1c0e0a01"
_HASH_SEED: Final = "5f3d1f2c-8f0b-4b6e-9d53-7a6f1c0e0a02"
_MIB: Final = 1024 * 1024
_BOOT_BYTES: Final = 64 * _MIB


def build() -> Path:
    """Give the system's disk image."""
    made_from = [
        str(rootfs.build()).encode(),
        str(libraries.build()).encode(),
        str(boot.kernel().tree).encode(),
        str(rootfs.fetch()).encode(),
    ]
    made_from.append(update_key().certificate.read_bytes())
    sources = [
        *(HERE / name for name in ("image.py", "agent.py", "boot.py")),
        *(path for layer in _LAYERS for path in _files(layer)),
    ]
    sources += [path for name in _AGENT for path in _files(PROJECT / name)]
    made_from += [b"\0".join((str(path.relative_to(PROJECT)).encode(), path.read_bytes())) for path in sorted(sources)]
    return kept("system", made_from, make)


def update_key() -> SigningKey:
    """Give the key by whose certificate this image believes updates. It is no secret: it lies in the cache."""

    def make(place: Path) -> None:
        place.mkdir()
        make_key(place, "virtual", datetime.now(UTC), None)

    return SigningKey(kept("update-key", [], make))


def make(place: Path) -> None:
    """Make the system's disk image anew. The same inputs give the same bytes."""
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        root = Path(scratch) / "root"
        _tree(root)
        used = sum(-(-path.lstat().st_size // 4096) * 4096 + 512 for path in root.rglob("*") if not path.is_dir())
        size = int(used * _ROOM) // _MIB * _MIB + 16 * _MIB
        fixed = ("-U", _FILE_SYSTEM, "-E", f"hash_seed={_HASH_SEED}")
        disk(place, "system", root, size, "-O", "^has_journal", *fixed)
        _set_times(place, root)


def disk(image: Path, label: str, tree: Path, size: int, *options: str) -> Path:
    """Make an ext4 image of `size` bytes with a folder's content."""
    with image.open("wb") as file:
        file.truncate(size)
    run("mke2fs", "-q", "-F", "-t", "ext4", *options, "-m", "0", "-L", label, "-d", tree, image, env=_then())
    return image


def boot_disk(image: Path, folder: Path | None = None) -> Path:
    """Make a Pi's boot partition, as staff see it in a card reader: FAT, and a folder copied onto it as `homeward`."""
    with image.open("wb") as file:
        file.truncate(_BOOT_BYTES)
    run("mkfs.vfat", "-F", "32", "-n", "BOOTFS", image)
    if folder is not None:
        run("mcopy", "-s", "-i", image, folder, "::homeward")
    return image


def _set_times(image: Path, root: Path) -> None:
    """Let no file in an image tell when it was built. None is believed by its time: byte code goes by hashes."""
    times = []
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root)).replace('"', '""')
        times += [f'set_inode_field "/{name}" {kind} @{BEGAN}' for kind in ("atime", "ctime", "mtime")]
    run("debugfs", "-w", "-f", "-", image, text="\n".join(times) + "\n", env=_then())


def _then() -> dict[str, str]:
    """Give the environment in which e2fsprogs takes it for that time."""
    return {**os.environ, "E2FSPROGS_FAKE_TIME": BEGAN}


def _tree(root: Path) -> None:
    """Lay the kiosk over Debian."""
    debian = rootfs.build()
    root.mkdir()
    for path in debian.iterdir():
        links = [] if path.name in _OWN_COPY else ["--link"]
        run("cp", "-a", *links, path, root)
    for name in _NEVER_LOADED:
        for path in (root / "usr/lib/aarch64-linux-gnu").glob(name):
            path.unlink()
    for layer in _LAYERS:
        _overlay(layer, root)
    agent.install(root)
    shutil.copy2(update_key().certificate, root / "etc/rauc/update.pem")
    boot.copy_modules(boot.kernel(), root)
    with tempfile.TemporaryDirectory() as scratch:
        player = rootfs.unpack(rootfs.fetch(), "alsa-utils", Path(scratch)) / "usr/bin/aplay"
        shutil.copy2(player, root / "usr/bin")
    _replace(root / "etc/hostname", "kiosk\n")
    _replace(root / "etc/machine-id", "")
    _replace(root / "etc/resolv.conf", None)
    (root / "etc/resolv.conf").symlink_to("/run/systemd/resolve/resolv.conf")
    for name in ("homeward", "dhcpcd"):  # mount points
        (root / "var/lib" / name).mkdir(exist_ok=True)
    rootfs.ask_for_emulation()
    then = {**os.environ, "SOURCE_DATE_EPOCH": BEGAN}
    run("chroot", root, "systemd-sysusers", env=then)
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
