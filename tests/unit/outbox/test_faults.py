"""Each fault of the disk is told with its cause and the next step."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import OutboxDamagedError, OutboxError, OutboxFullError
from edge_agent.outbox.faults import told

if TYPE_CHECKING:
    from pathlib import Path


def sqlite_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = getattr(sqlite3, name)
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (OSError(errno.ENOSPC, "full"), OutboxFullError, "No space"),
        (OSError(errno.EDQUOT, "quota"), OutboxFullError, "No space"),
        (OSError(errno.EROFS, "read-only"), OutboxError, "can't be written"),
        (OSError(errno.EACCES, "denied"), OutboxError, "can't be written"),
        (OSError(errno.EIO, "Input/output error"), OutboxError, "Input/output error"),
        (sqlite_error("SQLITE_FULL"), OutboxFullError, "No space"),
        (sqlite_error("SQLITE_BUSY"), OutboxError, "locked"),
        (sqlite_error("SQLITE_READONLY_DBMOVED"), OutboxError, "can't be written"),
        (sqlite_error("SQLITE_CANTOPEN"), OutboxError, "can't be opened: what SQLite says"),
        (sqlite_error("SQLITE_IOERR_FSYNC"), OutboxError, "SQLITE_IOERR_FSYNC"),
        (sqlite_error("SQLITE_CORRUPT"), OutboxDamagedError, "damaged"),
        (sqlite_error("SQLITE_NOTADB"), OutboxDamagedError, "damaged"),
    ],
)
def test_a_fault_says_what_happened_and_what_to_do(
    tmp_path: Path, error: Exception, kind: type[OutboxError], what: str
) -> None:
    with pytest.raises(kind, match=what) as caught, told(tmp_path / "outbox.db"):
        raise error
    assert caught.value.next_step
    assert type(caught.value) is kind


def test_a_mistake_of_our_own_is_not_blamed_on_the_disk(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.ProgrammingError), told(tmp_path / "outbox.db"):
        raise sqlite3.ProgrammingError("Cannot operate on a closed database.")


def test_a_read_only_file_on_a_writable_disk_is_told_apart_from_a_damaged_header(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.touch()
    with pytest.raises(OutboxDamagedError), told(path):
        raise sqlite_error("SQLITE_READONLY")
