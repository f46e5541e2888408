"""Says what a kiosk's system is made of, in CycloneDX: Debian's packages, Python's, the models, the agent.

It reads what is installed in a tree, not what should be: dpkg's records, the agent's environment, the models' files.
The same tree gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import uuid
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Final

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from edge_agent import __version__
from edge_agent.errors import LocalError
from edge_agent.files import PUBLIC, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_AGENT: Final = "opt/homeward"
_FORMAT: Final = "${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\n"
_NAMESPACE: Final = uuid.UUID("6b1d5c58-53a1-4b5f-8a0e-6a7d1f6d2a41")  # ours; it makes one content one serial number


class SbomError(LocalError):
    """What a tree is made of can't be read."""

    code = "sbom"


def bill(root: Path) -> Bom:
    """List what is installed below `root`, the root of a kiosk's file system. Raises SbomError."""
    made = Bom(components=[*_debian(root), *_agent(root)])
    kiosk = Component(name="homeward-kiosk", version=__version__, type=ComponentType.FIRMWARE, bom_ref="homeward-kiosk")
    made.metadata.component = kiosk
    made.register_dependency(kiosk, made.components)
    named = "\n".join(sorted(str(component.bom_ref) for component in made.components))
    made.serial_number = uuid.uuid5(_NAMESPACE, named)
    made.metadata.timestamp = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    return made


def write(root: Path, out: Path) -> None:
    """Write the bill of a tree as JSON, CycloneDX 1.6, over the one before. Raises SbomError."""
    content = JsonV1Dot6(bill(root)).output_as_string(indent=1)
    write_whole(out, content.encode(), mode=PUBLIC, replace=True)


def _debian(root: Path) -> Iterator[Component]:
    command = ["dpkg-query", f"--admindir={root / 'var/lib/dpkg'}", "--show", f"--showformat={_FORMAT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        raise SbomError(
            f"{root} has no dpkg records: {done.stderr.strip()}", next_step="Name the root of a Debian system."
        )
    for line in done.stdout.splitlines():
        status, name, version, architecture, source = line.split("\t")
        if not status.startswith("ii"):
            continue
        about = {"arch": architecture, **({"upstream": source} if source != name else {})}
        url = PackageURL("deb", "debian", name, version, about)
        yield Component(name=name, version=version, purl=url, bom_ref=str(url), type=ComponentType.LIBRARY)


def _agent(root: Path) -> Iterator[Component]:
    places = sorted((root / _AGENT / "lib").glob("python3*/site-packages"))
    if not places:
        raise SbomError(f"{root / _AGENT} has no agent", next_step="Run firmware/install first, or build the image.")
    for found in metadata.distributions(path=[str(place) for place in places]):
        url = PackageURL("pypi", None, found.name.lower().replace("_", "-"), found.version)
        yield Component(name=found.name, version=found.version, purl=url, bom_ref=str(url), type=ComponentType.LIBRARY)
    for place in places:
        yield _ours(place)
        for model in sorted((place / "models/files").glob("*.tflite")):
            yield Component(
                name=model.stem,
                type=ComponentType.MACHINE_LEARNING_MODEL,
                bom_ref=f"model:{model.stem}",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(model.read_bytes()).hexdigest())],
            )


def _ours(place: Path) -> Component:
    """Give the agent itself, by one hash over its files' names and bytes."""
    digest = hashlib.sha256()
    for path in sorted((place / "edge_agent").rglob("*.py")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(place)} {content}\n".encode())
    return Component(
        name="edge_agent",
        version=__version__,
        type=ComponentType.APPLICATION,
        bom_ref="edge_agent",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.hexdigest())],
    )
