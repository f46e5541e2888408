"""An opened report as files: the pictures, and everything else as JSON. All of them or none, for their owner alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_agent.errors import LocalError
from edge_agent.files import write_whole
from edge_agent.wire.consent import Answer
from edge_agent.wire.documents import to_map

if TYPE_CHECKING:
    from pathlib import Path

    from central.desk.opening import Opened

_OWNER_ONLY_FOLDER: Final = 0o700


@dataclass(frozen=True, slots=True)
class Written:
    """Where the files are."""

    report: Path
    images: list[Path]


def write(opened: Opened, folder: Path, *, force: bool) -> Written:
    """Write an opened report into a folder, made with mode 0700 when it isn't there.

    Raises LocalError, and leaves nothing new behind, when a file can't be written or is there already and `force` is
    false.
    """
    images = [folder / _image_name(opened.record_id, number) for number in range(len(opened.report.faces))]
    written = Written(folder / f"{opened.record_id}.json", images)
    contents = {path: face.image for path, face in zip(images, opened.report.faces, strict=True)}
    contents[written.report] = json.dumps(_facts(opened, written), indent=2, ensure_ascii=False).encode() + b"\n"
    try:
        folder.mkdir(mode=_OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    except OSError as fault:
        raise LocalError(
            f"{folder} can't be made: {fault.strerror}", next_step="Name another folder with --out."
        ) from fault
    if not force and (taken := next((path for path in contents if path.exists()), None)):
        raise LocalError(f"{taken} is there already", next_step="Add --force to write it anew, or name another folder.")
    done: list[Path] = []
    try:
        for path, content in contents.items():
            write_whole(path, content, replace=force)
            done.append(path)
    except BaseException:
        for path in done:
            path.unlink()
        raise
    return written


@dataclass(frozen=True, slots=True)
class Copy:
    """An opened report in a folder. `ends_at` is in seconds since 1970, None when nobody knows."""

    record_id: str
    ends_at: int | None


def copies(folder: Path) -> list[Copy]:
    """Find the opened reports in a folder. Raises LocalError for a file that is none of ours."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            facts = json.loads(path.read_bytes())
            found.append(Copy(str(facts["record_id"]), facts["expires_at"]))
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise LocalError(
                f"{path} is no opened report", next_step="Keep opened reports in a folder of their own."
            ) from fault
    return found


def erase(folder: Path, record_id: str) -> list[Path]:
    """Delete the files of an opened report, the pictures first; return what was there."""
    files = [*sorted(folder.glob(f"{record_id}*.jpg")), folder / f"{record_id}.json"]
    gone = [path for path in files if path.exists()]
    for path in gone:
        path.unlink()
    return gone


def _image_name(record_id: str, number: int) -> str:
    return f"{record_id}.jpg" if number == 0 else f"{record_id}-{number + 1}.jpg"


def _facts(opened: Opened, written: Written) -> dict[str, Any]:
    report = to_map(opened.report)
    consent = report["consent"]
    consent["homeward:asked"] = [dict(zip(Answer.TERMS, answer, strict=True)) for answer in consent["homeward:asked"]]
    for face, path in zip(report["faces"], written.images, strict=True):
        face["image"] = path.name
    claims = opened.claims
    return {
        "record_id": opened.record_id,
        "kiosk": claims.kiosk,
        "epoch": claims.epoch.hex(),
        "seq": claims.seq,
        "issued_at": claims.issued_at,
        "sealed_sha256": opened.sha256.hex(),
        "expires_at": opened.ends_at,
        "report": _legible(report),
    }


def _legible(value: Any) -> Any:
    """Write bytes as hexadecimal, through maps and lists."""
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {key: _legible(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_legible(inner) for inner in value]
        case _:
            return value
