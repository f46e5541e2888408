"""A disk that forgets: from a trace of every write, what it may hold when the power goes.

A write is sure to be on the disk once its file was synced after it; a name, once its folder was. Whatever is not sure
may be there or not, in any selection (disks reorder), and a write may be torn between two sectors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random  # noqa: TID251  # seeded

SECTOR = 512
_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_FILE = re.compile(r"^\d+<([^>]*?)(?: \(deleted\))?>")
_HOLE = re.compile(r"FALLOC_FL_KEEP_SIZE\|FALLOC_FL_PUNCH_HOLE, (\d+), (\d+)$")
_SET_ASIDE = re.compile(r"FALLOC_FL_KEEP_SIZE, \d+, \d+$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(slots=True)
class Call:
    """One system call that changes something: its name, the files it names, its bytes and its numbers."""

    name: str
    files: list[Path]
    data: bytes = b""
    number: int = 0  # where a write begins, or the length to truncate to
    length: int = 0  # of the hole to punch
    creates: bool = False
    truncates: bool = False


def calls(log: Path) -> list[Call]:
    """Read what `strace -y -xx` wrote; calls that failed changed nothing."""
    found = []
    for line in log.read_text().splitlines():
        match = _CALL.match(line)
        if match is None or int(match[3]) < 0 or _SET_ASIDE.search(match[2]):  # blocks behind the end hold nothing
            continue
        name, arguments = match[1], match[2]
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments)]
        opened = _FILE.match(arguments)
        last = arguments.rpartition(", ")[2]
        hole = _HOLE.search(arguments)
        if opened and hole:
            found.append(Call(name, [Path(_named(opened[1]))], b"", int(hole[1]), int(hole[2])))
        elif opened:
            file = Path(_named(opened[1]))
            found.append(Call(name, [file], b"".join(texts[:1]), int(last) if last.isdigit() else 0))
        else:
            files = [Path(text.decode()) for text in texts]
            found.append(Call(name, files, b"", 0, 0, "O_CREAT" in arguments, "O_TRUNC" in arguments))
    return found


def _named(name: str) -> str:
    return bytes.fromhex(name.replace("\\x", "")).decode() if "\\x" in name else name


@dataclass(slots=True)
class _File:
    sure: bytearray = field(default_factory=bytearray)
    unsure: list[tuple[int, bytes | None]] = field(default_factory=list)  # at, bytes; None: cut to that length
    length: int = 0  # as the process sees it: where a write without a place goes


@dataclass(slots=True)
class Disk:
    """One folder. Names point to files; both lag behind on the disk until they are synced."""

    folder: Path
    files: list[_File] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)  # names as the process sees them
    sure: dict[str, int] = field(default_factory=dict)
    unsure: list[tuple[str, int | None, str | None]] = field(default_factory=list)  # name, file, name that goes

    def preload(self, name: str, data: bytes) -> None:
        """Begin with a file that is there, synced."""
        self.files.append(_File(bytearray(data), [], len(data)))
        self.seen[name] = self.sure[name] = len(self.files) - 1

    def do(self, call: Call) -> None:
        """Take in one call of the process."""
        name = call.files[0].name
        match call.name:
            case "open" | "openat" | "creat" if call.creates and name not in self.seen:
                self.files.append(_File())
                self._name(name, len(self.files) - 1, None)
            case "pwrite64" | "write":
                file = self.files[self.seen[name]]
                at = call.number if call.name == "pwrite64" else file.length
                file.unsure.append((at, call.data))
                file.length = max(file.length, at + len(call.data))
            case "fallocate":
                self.files[self.seen[name]].unsure.append((call.number, bytes(call.length)))
            case "ftruncate":
                file = self.files[self.seen[name]]
                file.unsure.append((call.number, None))
                file.length = call.number
            case "fsync" | "fdatasync" if call.files[0] == self.folder:
                _rename(self.sure, self.unsure)
                self.unsure.clear()
            case "fsync" | "fdatasync":
                file = self.files[self.seen[name]]
                _write(file.sure, file.unsure)
                file.unsure.clear()
            case "rename":
                self._name(call.files[1].name, self.seen[name], name)
            case "link" | "linkat":
                self._name(call.files[1].name, self.seen[name], None)
            case "unlink":
                self._name(name, None, None)
            case "open" | "openat" | "chmod" | "fchmod":
                assert not call.truncates
            case unknown:
                raise AssertionError(unknown)

    def after_a_cut(self, folder: Path, chance: random.Random | None, share: float) -> None:
        """Write into `folder` what the disk may hold now: all that is sure, and of the rest a share, drawn by chance.

        Without chance, nothing of the rest when `share` is 0, all of it when it is 1.
        """
        names = dict(self.sure)
        _rename(names, [change for change in self.unsure if _drawn(chance, share)])
        for name, number in names.items():
            file = self.files[number]
            data = bytearray(file.sure)
            for at, written in file.unsure:
                if not _drawn(chance, share):
                    continue
                torn = _torn(at, written, chance) if chance and written and chance.random() < share / 2 else written
                _write(data, [(at, torn)])
            (folder / name).write_bytes(data)

    def _name(self, name: str, number: int | None, goes: str | None) -> None:
        self.unsure.append((name, number, goes))
        _rename(self.seen, [(name, number, goes)])


def _drawn(chance: random.Random | None, share: float) -> bool:
    return chance.random() < share if chance else share == 1


def _torn(at: int, written: bytes, chance: random.Random) -> bytes:
    """Keep the first few of the sectors that a write touches."""
    ends = [end - at for end in range(at - at % SECTOR + SECTOR, at + len(written), SECTOR)]
    return written[: chance.choice([0, *ends])]


def _rename(names: dict[str, int], changes: list[tuple[str, int | None, str | None]]) -> None:
    for name, number, goes in changes:
        names.pop(goes or name, None)
        if number is not None:
            names[name] = number


def _write(data: bytearray, changes: list[tuple[int, bytes | None]]) -> None:
    for at, written in changes:
        if written is None:
            del data[at:]
            data.extend(bytes(at - len(data)))
        else:
            data.extend(bytes(max(0, at - len(data))))
            data[at : at + len(written)] = written
