"""Reads models/manifest.toml, the one home of every fact about a model, and hands out files that match their hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec

from edge_agent.errors import ModelError, SettingsError
from edge_agent.settings import Settings, read

MANIFEST: Final = Path(__file__).resolve().parents[2] / "models" / "manifest.toml"

Part = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Count = Annotated[int, msgspec.Meta(gt=0, le=4096)]


class File(Settings, frozen=True, kw_only=True):
    """A file, what it must be (`sha256`), and the wheel's `member` that it is taken from."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+$")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    package: str
    member: str
    licence: str
    card: str


class Grid(Settings, frozen=True, kw_only=True):
    """A square grid of anchors: `cells` along a side, `per_cell` anchors at the middle of each."""

    cells: Count
    per_cell: Count


class Model(Settings, frozen=True, kw_only=True):
    """How a model's file is read: the side of its input in pixels, the divisor of its raw outputs, its anchors."""

    file: str
    input: Count
    scale: Count
    anchors: Annotated[tuple[Grid, ...], msgspec.Meta(min_length=1)]


class Look(Settings, frozen=True, kw_only=True):
    """One model's part in a detector. From `threshold` a find is a face, from `faint` it may be one.

    `turns` is how many frames of a round are this look's while a person stands before the camera.
    """

    model: str
    threshold: Part
    faint: Part
    turns: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1

    def __post_init__(self) -> None:
        """Refuse a faint threshold above the other."""
        if self.faint > self.threshold:
            raise ValueError("faint is above threshold")


class DetectorFacts(Settings, frozen=True, kw_only=True):
    """The looks of a detector, and the overlap from which two finds are one face."""

    nms_iou: Part
    looks: Annotated[tuple[Look, ...], msgspec.Meta(min_length=1, max_length=4)]


class Facts(Settings, frozen=True, kw_only=True):
    """The whole manifest."""

    files: dict[str, File]
    models: dict[str, Model]
    detectors: dict[str, DetectorFacts]

    def __post_init__(self) -> None:
        """Refuse a name that leads nowhere."""
        for name, model in self.models.items():
            if model.file not in self.files:
                raise ValueError(f"model {name} names the unknown file {model.file}")
        for name, detector in self.detectors.items():
            for look in detector.looks:
                if look.model not in self.models:
                    raise ValueError(f"detector {name} names the unknown model {look.model}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest's facts, and the folder in which its files lie."""

    facts: Facts
    folder: Path

    def path(self, file: str) -> Path:
        """Where the file of that name in the manifest belongs."""
        return self.folder / self.facts.files[file].name

    def content(self, file: str) -> bytes:
        """Read a file that is as the manifest wants it. Raises ModelError when it is missing or another."""
        facts, path = self.facts.files[file], self.path(file)
        try:
            content = path.read_bytes()
        except OSError as fault:
            raise ModelError(
                f"The file {facts.name} can't be read: {fault.strerror}", next_step="Run make models."
            ) from fault
        if hashlib.sha256(content).hexdigest() != facts.sha256:
            raise ModelError(
                f"The file {facts.name} is not the one that the manifest names: its SHA-256 differs",
                next_step=f"Remove {path} and run make models.",
            )
        return content


def load(path: Path = MANIFEST, folder: Path | None = None) -> Manifest:
    """Read a manifest; its files lie in `folder`, or in `files` beside it. Raises ModelError, naming the fault."""
    try:
        facts = read(path, Facts)
    except SettingsError as fault:
        raise ModelError(
            f"The models' manifest can't be used: {fault.what}", next_step="Restore models/manifest.toml."
        ) from fault
    return Manifest(facts, folder or path.parent / "files")
