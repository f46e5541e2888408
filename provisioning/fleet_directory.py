"""A fleet's directory on a staff computer: the state, the office's keys, the audit log, and a lock.

    fleet.json     the state in one line, its SHA-256 in the next: one rename is the moment when an act has happened
    office.keys    the office's keys under their passphrase
    audit.jsonl    one line an act
    lock           held while somebody changes something; says who
    roll.json      how each kiosk fared when intakes last told; can be thrown away
    to-copy/       what brokers and intakes must be given, written anew after each act that changes it

Whatever the moment of a Ctrl-C or a power cut: fleet.json is the old one or the new one, the log is completed from it,
and `to-copy/` is written again by the next act.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.errors import LocalError, WireError
from edge_agent.files import OWNER_ONLY, Stamp, read_private, stamp, write_whole
from provisioning import audit, handout
from provisioning.decisions.permission import check_clock
from provisioning.fleet import FleetError, State
from provisioning.fleet_view import RollFile
from provisioning.languages import marked, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.audit import Fact, Log

STATE: Final = "fleet.json"
OFFICE: Final = "office.keys"
LOG: Final = "audit.jsonl"
LOCK: Final = "lock"
ROLL: Final = "roll.json"
TO_COPY: Final = "to-copy"
_RESTORE: Final = marked("Put the folder back from your last copy of it. Nothing was changed.")


@dataclass
class Act:
    """One act under way: the lock is held, the clock was looked at. `commit` makes it happen, whole or not at all."""

    _directory: FleetDirectory
    state: State
    who: str
    now: int

    def commit(self, successor: State, act: str, facts: dict[str, Fact]) -> State:
        """Put the next state in force and record the act; return the state as it now stands."""
        entry = audit.following(self.state.last_act, at=self.now, who=self.who, act=act, facts=facts)
        self.state = msgspec.structs.replace(successor, last_act=entry)
        self._directory.put(self.state)
        return self.state


class FleetDirectory:
    """The directory of one fleet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rolls = RollFile(path / ROLL)
        self._looked: tuple[Stamp, State] | None = None

    @property
    def to_copy(self) -> Path:
        """The folder with what must be copied to brokers and intakes."""
        return self.path / TO_COPY

    def create(self, state: State, office_keys: bytes) -> None:
        """Make the directory, whole or not at all. Raises LocalError when there is something already."""
        self.check_free()
        with handout.staged(self.path) as beside:
            write_whole(beside / OFFICE, office_keys)
            FleetDirectory(beside).put(state)
            handout.settle(beside, self.path)

    def is_free(self) -> bool:
        """Say whether a fleet can be begun here: there is nothing yet."""
        return not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir()))

    def check_free(self) -> None:
        """Raise LocalError when there is something in the directory's place."""
        if not self.is_free():
            raise LocalError(
                phrase("{path} is there already", path=self.path), next_step=phrase("Name another folder with --fleet.")
            )

    def look(self) -> State:
        """Give the state, read when its file is another than at the last look. Raises as `read` does."""
        try:
            now = stamp(self.path / STATE)
        except OSError:
            return self.read()  # which says why
        if self._looked is None or self._looked[0] != now:
            self._looked = (now, self.read())
        return self._looked[1]

    def read(self) -> State:
        """Read and verify the state. Raises FleetError, KeyFileError."""
        path = self.path / STATE
        if not path.exists():
            raise FleetError(
                phrase("there is no fleet in {path}", path=self.path),
                next_step=phrase("Name its folder with --fleet, or begin one: `homeward-fleet init`."),
            )
        try:
            content = path.read_bytes()
        except OSError as fault:
            raise FleetError(
                phrase("{path} can't be read: {why}", path=path, why=fault.strerror),
                next_step=phrase("Check whose it is."),
            ) from fault
        return parse(content, str(path))

    def office_keys(self) -> bytes:
        """Read the office's key file. Raises KeyFileError."""
        return read_private(self.path / OFFICE)

    def put_office_keys(self, content: bytes) -> None:
        """Put another office's key file in force. It must fit the state before the act and the one after."""
        write_whole(self.path / OFFICE, content, replace=True)

    def log(self, state: State) -> Log:
        """Read and verify the audit log, without writing anything. Raises AuditError."""
        path = self.path / LOG
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as fault:
            raise audit.AuditError(
                phrase("{path} can't be read: {why}", path=path, why=fault.strerror),
                next_step=phrase("Check whose it is."),
            ) from fault
        return audit.verify(content, state.last_act)

    @contextlib.contextmanager
    def act(self, who: str, now: int, *, believed: bool = False) -> Iterator[Act]:
        """Begin an act: lock the fleet, read it, complete its log, look at the clock.

        Raises FleetError (somebody else is at it, damage), AuditError, ClockError.
        """
        with self._locked(who):
            state = self.look()
            self._append(self.log(state).missing)
            check_clock(now, state.last_act.at, believed=believed)
            yield Act(self, state, who, now)

    def put(self, state: State) -> None:
        """Put a state in force: rename first, then the log, which was whole before, then the copies for others."""
        write_whole(self.path / STATE, encode(state), replace=True)
        self._looked = (stamp(self.path / STATE), state)
        self._append(state.last_act.line + b"\n")
        handout.write_changed(self.to_copy, handout.to_copy(state))

    def _append(self, line: bytes) -> None:
        if not line:
            return
        path = self.path / LOG
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, OWNER_ONLY)
            with os.fdopen(descriptor, "ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as fault:
            raise handout.unwritable(path, fault) from fault

    @contextlib.contextmanager
    def _locked(self, who: str) -> Iterator[None]:
        path = self.path / LOCK
        if not self.path.is_dir():
            self.read()  # says that there is no fleet
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, OWNER_ONLY)
        except OSError as fault:
            raise handout.unwritable(path, fault) from fault
        with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FleetError(
                    phrase(
                        "somebody else is working on this fleet: {who}",
                        who=file.read(200).strip() or phrase("nobody gave a name"),
                    ),
                    next_step=phrase("Wait until they are done. Nothing was changed."),
                ) from None
            file.truncate(0)
            file.write(f"{who} (process {os.getpid()})\n")
            file.flush()
            yield


def encode(state: State) -> bytes:
    """Give a state as it stands in its file."""
    line = msgspec.json.encode(state)
    return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def parse(content: bytes, name: str) -> State:
    """Read a state out of its file's content; `name` stands for the file in errors. Raises FleetError."""
    line, _, rest = content.partition(b"\n")
    if rest.decode("ascii", "replace").strip() != hashlib.sha256(line).hexdigest():
        raise FleetError(
            phrase("{name} is damaged, half written, or was changed by hand", name=name), next_step=phrase(_RESTORE)
        )
    try:
        state = msgspec.json.decode(line, type=State)
        named = {state.fleet, state.trusted.content.fleet, state.registered.fleet}
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise FleetError(
            phrase("{name} is no fleet of this version: {why}", name=name, why=fault), next_step=phrase(_RESTORE)
        ) from None
    except WireError as fault:
        raise FleetError(
            phrase("{name} holds a document that can't be believed: {why}", name=name, why=fault.what),
            next_step=phrase(_RESTORE),
        ) from fault
    if len(named) != 1:
        raise FleetError(
            phrase("{name} mixes several fleets: {names}", name=name, names=", ".join(sorted(named))),
            next_step=phrase(_RESTORE),
        )
    return state
