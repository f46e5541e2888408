"""All that the agent imports and Debian has no package of, for 64-bit ARM, made without a Pi: pinned by hash.

Two libraries have no wheel for Debian trixie's Python; they are compiled here for there, from their pinned sources.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from firmware.virtual import rootfs
from firmware.virtual.cache import PROJECT, kept, run
from firmware.virtual.rootfs import fetch, unpack

PYTHON: Final = "3.13"
SITE: Final = f"opt/homeward/lib/python{PYTHON}/site-packages"
_REQUIREMENTS: Final = PROJECT / "requirements"
_COMPILED: Final = ("lgpio", "pidng")
_CC: Final = "aarch64-linux-gnu-gcc"
_SUFFIX: Final = f".cpython-{PYTHON.replace('.', '')}-aarch64-linux-gnu.so"
_PLATFORM: Final = ("--python-platform", "aarch64-manylinux_2_28", "--python-version", PYTHON)
_UV: Final = Path(sys.executable).with_name("uv")


def build() -> Path:
    """Give a folder of all that the agent imports and Debian has no package of."""
    pinned = [(_REQUIREMENTS / name).read_bytes() for name in ("device.txt", "virtual.txt")]
    return kept("libraries", [*pinned, Path(__file__).read_bytes()], _gather)


def _gather(place: Path) -> None:
    place.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        camera = _requirements(_REQUIREMENTS / "virtual.txt")
        ready = here / "ready.txt"
        ready.write_text("".join(text for name, text in camera.items() if name not in _COMPILED), encoding="utf-8")
        pinned = ["--require-hashes", "--only-binary", ":all:", *_PLATFORM]
        install(place, *pinned, "-r", str(_REQUIREMENTS / "device.txt"), "-r", str(ready))
        sources = here / "sources.txt"
        sources.write_text("".join(camera[name] for name in _COMPILED), encoding="utf-8")
        run(
            *(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"),
            *("--no-build-isolation", "--require-hashes", "-r", str(sources), "-d", str(here / "sources")),
        )
        for archive in (here / "sources").iterdir():
            with tarfile.open(archive) as packed:
                packed.extractall(here, filter="data")
        headers = unpack(fetch(), "libpython3.13-dev", here / "headers") / "usr/include"
        _compile_lgpio(next(here.glob("lgpio-*")), headers, place)
        _compile_pidng(next(here.glob("pidng-*")), headers, place)
    shutil.rmtree(place / "bin", ignore_errors=True)  # launchers for this computer's Python
    compile_python(place)


def compile_python(place: Path, seen_as: str = f"/{SITE}") -> None:
    """Write the byte code, with the device's own Python, emulated: a read-only system can't keep what it compiles."""
    debian = rootfs.build()
    run(
        *("qemu-aarch64-static", "-L", debian, debian / f"usr/bin/python{PYTHON}", "-m", "compileall", "-q"),
        *(
            "--invalidation-mode",
            "unchecked-hash",
            "-s",
            str(place if place.is_dir() else place.parent),
            "-p",
            seen_as,
            place,
        ),
        env={**os.environ, "PYTHONHOME": str(debian / "usr")},
    )


def install(into: Path, *arguments: str | Path) -> None:
    """Unpack wheels into a folder, without what they depend on."""
    run(_UV, "pip", "install", "-q", "--no-deps", "--target", into, *arguments)


def _requirements(path: Path) -> dict[str, str]:
    """Split a file of requirements into one text a package."""
    parts = re.split(r"^(?=[a-z0-9])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {part.partition("==")[0]: part for part in parts if "==" in part}


def _compile_lgpio(source: Path, headers: Path, into: Path) -> None:
    run("swig", "-python", "lgpio.i", cwd=source)
    parts = ["lgpio_wrap.c", *sorted(f"src/{path.name}" for path in (source / "src").glob("lg*.c")), "src/rgpiod.c"]
    _compile(source, headers, ["-Isrc", "-pthread"], parts, into / f"_lgpio{_SUFFIX}")
    shutil.copy2(source / "lgpio.py", into)


def _compile_pidng(source: Path, headers: Path, into: Path) -> None:
    parts = ["src/pidng/bitunpack.c", "src/pidng/liblj92/lj92.c"]
    _compile(source, headers, ["-std=gnu99"], parts, into / f"ljpegCompress{_SUFFIX}")
    shutil.copytree(source / "src/pidng", into / "pidng", ignore=shutil.ignore_patterns("*.c", "*.h", "liblj92"))


def _compile(source: Path, headers: Path, options: list[str], parts: list[str], into: Path) -> None:
    python = [f"-I{headers}", f"-I{headers / f'python{PYTHON}'}"]
    run(_CC, "-O2", "-fPIC", "-shared", "-w", *python, *options, *parts, "-o", into, cwd=source)
