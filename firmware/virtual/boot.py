"""What the machine starts from: Debian's kernel, an initial RAM disk that finds the root, and a device tree."""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware.virtual.cache import HERE, PROJECT, kept, run
from firmware.virtual.rootfs import fetch, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CPU: Final = ("-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "512")  # 512 MiB: the smallest Pi, a Zero 2 W
_INITRD_MODULES: Final = ("virtio_blk", "ext4", "crc32c_generic")
# What a running kiosk loads: network, firewall, watchdog, boot partition, loudspeaker, updates, the tests' way in.
_ROOT_MODULES: Final = (
    *("virtio_net", "virtio-rng", "virtio_console", "i6300esb", "autofs4", "loop", "squashfs", "dm-verity"),
    *("nf_tables", "nft_ct", "nft_log", "nft_reject_inet", "nft_limit", "nf_log_syslog"),
    *("vfat", "nls_cp437", "nls_ascii", "xhci_pci", "snd_usb_audio", "videodev"),
)
_REVISION: Final = "c03111"  # a Raspberry Pi 4B, for gpiozero
_GPIO: Final = "/pl061@9030000"
_LINES: Final = 8


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel's package, unpacked."""

    tree: Path

    @property
    def release(self) -> str:
        """Its release, as `uname -r` says it."""
        return next((self.tree / "usr/lib/modules").iterdir()).name

    @property
    def image(self) -> Path:
        """The kernel itself."""
        return self.tree / "boot" / f"vmlinuz-{self.release}"

    @property
    def modules(self) -> Path:
        """Its modules' folder."""
        return self.tree / "usr/lib/modules" / self.release

    def needed(self, wanted: Sequence[str]) -> list[str]:
        """Name the modules' files, each after those that it needs, relative to `modules`."""
        needs: dict[str, list[str]] = {}
        for line in (self.modules / "modules.dep").read_text(encoding="ascii").splitlines():
            file, _, others = line.partition(":")
            needs[file] = others.split()
        by_name = {Path(file).name.partition(".")[0].replace("-", "_"): file for file in needs}
        ordered: dict[str, None] = {}
        for name in wanted:
            if (file := by_name.get(name.replace("-", "_"))) is not None:  # else it is in the kernel itself
                ordered |= dict.fromkeys([*reversed(needs[file]), file])
        return list(ordered)


def kernel() -> Kernel:
    """Unpack the kernel's package."""
    debs = fetch()

    def make(place: Path) -> None:
        unpack(debs, "linux-image-*", place)
        run("depmod", "-b", place / "usr", next((place / "usr/lib/modules").iterdir()).name)

    return Kernel(kept("kernel", [str(debs).encode()], make))


def copy_modules(source: Kernel, root: Path) -> None:
    """Give a root file system the modules that a kiosk loads, and no others."""
    into = root / "usr/lib/modules" / source.release
    for file in source.needed([*_INITRD_MODULES, *_ROOT_MODULES]):
        (into / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source.modules / file, into / file)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy2(source.modules / name, into / name)
    run("depmod", "-b", root / "usr", source.release)


def initrd(source: Kernel) -> Path:
    """Make the initial RAM disk: busybox, its modules, the script beside this file, and what chooses the slot."""
    script = HERE / "initrd.sh"
    slots = PROJECT / "firmware/update/tree/usr/local/lib/homeward/slots"

    def make(place: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            tree = Path(scratch)
            box = unpack(fetch(), "busybox-static", tree / "unpacked") / "usr/bin/busybox"
            for name in ("bin", "dev", "proc", "sys", "modules", "root"):
                (tree / "tree" / name).mkdir(parents=True)
            shutil.copy2(box, tree / "tree/bin/busybox")
            names = []
            for file in source.needed(_INITRD_MODULES):
                names.append(Path(file).name.removesuffix(".xz"))
                (tree / "tree/modules" / names[-1]).write_bytes(lzma.decompress((source.modules / file).read_bytes()))
            (tree / "tree/modules/order").write_text("\n".join(names) + "\n", encoding="ascii")
            shutil.copy2(script, tree / "tree/init")
            (tree / "tree/init").chmod(0o755)
            shutil.copy2(slots, tree / "tree/slots")
            place.write_bytes(gzip.compress(b"".join(_cpio(tree / "tree")), 6, mtime=0))

    return kept(
        "initrd",
        [str(source.tree).encode(), script.read_bytes(), slots.read_bytes(), Path(__file__).read_bytes()],
        make,
    )


def device_tree() -> Path:
    """Make the device tree: QEMU's own, with all GPIO lines free, under the names that a Pi gives them."""

    def make(place: Path) -> None:
        run("qemu-system-aarch64", *CPU, "-M", f"dumpdtb={place}", "-nodefaults", "-display", "none")
        run("fdtput", "-r", place, "/gpio-keys")  # it holds a line for itself
        run("fdtput", "-c", place, "/system")
        run("fdtput", "-t", "x", place, "/system", "linux,revision", _REVISION)
        run("fdtput", "-t", "s", place, _GPIO, "gpio-line-names", *(f"GPIO{line}" for line in range(_LINES)))

    return kept("device-tree", [Path(__file__).read_bytes()], make)


def _cpio(tree: Path) -> Iterator[bytes]:
    """Write a folder in cpio's 'newc' format, as the kernel unpacks it (Documentation/driver-api/early-userspace)."""
    for number, path in enumerate(sorted(tree.rglob("*")), 1):
        facts = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
        yield _cpio_entry(number, str(path.relative_to(tree)), facts.st_mode, content)
    yield _cpio_entry(0, "TRAILER!!!", 0, b"")


def _cpio_entry(number: int, name: str, mode: int, content: bytes) -> bytes:
    called = name.encode() + b"\0"
    numbers = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(called), 0)
    head = b"070701" + b"".join(b"%08x" % value for value in numbers) + called
    return _padded(head) + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
