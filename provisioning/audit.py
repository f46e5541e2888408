"""The audit log: one line of JSON an act, each with the hash of the line before. Append only.

The chain shows an edit, a swap or a hole by itself. A cut-off end shows because the fleet's state keeps the last line
too: the state is written first, in one rename, and the line is appended after it. A crash in between leaves a log that
is exactly one line (or a part of it) behind, and `missing` gives what completes it.

What no chain shows is the whole directory put back to an older day. Against that, `head` is short enough to be
written down elsewhere, and `Log.holds` finds it again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from edge_agent.errors import LocalError
from provisioning.languages import phrase

NOTHING_BEFORE: Final = "0" * 64
Fact = str | int | list[str]


class AuditError(LocalError):
    """The audit log is not what was written: edited, swapped, cut off or foreign."""

    code = "audit"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One act. `at` is in seconds since 1970; `previous` is the SHA-256 of the line before, in hexadecimal.

    Facts are names, ids, versions and fingerprints. A secret is never among them.
    """

    number: Annotated[int, msgspec.Meta(ge=1)]
    at: int
    who: str
    act: str
    facts: dict[str, Fact]
    previous: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]

    @property
    def line(self) -> bytes:
        """The entry as it stands in the log, without the line's end."""
        return msgspec.json.encode(self)

    @property
    def head(self) -> str:
        """The hash that the next entry names."""
        return hashlib.sha256(self.line).hexdigest()


def following(last: Entry | None, *, at: int, who: str, act: str, facts: dict[str, Fact]) -> Entry:
    """Make the entry after `last`."""
    number, previous = (last.number + 1, last.head) if last else (1, NOTHING_BEFORE)
    return Entry(number=number, at=at, who=who, act=act, facts=facts, previous=previous)


@dataclass(frozen=True, slots=True)
class Log:
    """A log whose chain holds up to the last act that the state knows."""

    entries: list[Entry]
    missing: bytes  # what a crash left unwritten at its end; nothing, as a rule

    def holds(self, head: str) -> Entry | None:
        """Find the entry with this hash, or with a hash that begins so."""
        return next((entry for entry in self.entries if entry.head.startswith(head.lower())), None)


def verify(content: bytes, last: Entry) -> Log:
    """Verify a log against the last entry that the fleet's state keeps. Raises AuditError, naming the line."""
    *whole, torn = content.split(b"\n")
    entries: list[Entry] = []
    for line in whole:
        entries.append(_check(line, entries[-1] if entries else None))
    end = last.line + b"\n"
    if entries and entries[-1] == last and not torn:
        return Log(entries, b"")
    before = entries[-1].head if entries else NOTHING_BEFORE
    if before == last.previous and last.number == len(entries) + 1 and end.startswith(torn):
        return Log([*entries, last], end[len(torn) :])
    raise AuditError(
        phrase(
            "the audit log ends at line {count}, but the fleet's last act is number {number}: its "
            "end was cut off, or it belongs to another state",
            count=len(entries),
            number=last.number,
        ),
        next_step=phrase("Put audit.jsonl back from your last copy of the fleet's folder, and ask who touched it."),
    )


def _check(line: bytes, before: Entry | None) -> Entry:
    number = before.number + 1 if before else 1
    try:
        entry = msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _broken(number, "it is no entry") from None
    if entry.line != line:
        raise _broken(number, "it is written otherwise than this program writes")
    if entry.number != number:
        raise _broken(number, f"it says that it is number {entry.number}")
    if entry.previous != (before.head if before else NOTHING_BEFORE):
        raise _broken(number, "the line before it is not the one it followed")
    return entry


def _broken(number: int, why: str) -> AuditError:
    return AuditError(
        phrase("the audit log is broken at line {number}: {why}", number=number, why=why),
        next_step=phrase("Put audit.jsonl back from your last copy of the fleet's folder, and ask who touched it."),
    )
