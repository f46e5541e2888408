"""A store in one SQLite file: how to reach it, and how to read it. `sqlite_writer` writes and erases.

WAL and synchronous=FULL. Readers open the file read-only and never checkpoint, so that they get in nobody's way.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from central.store.reading import Row, SqlReader
from edge_agent.errors import StoreError
from edge_agent.files import OWNER_ONLY

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from central.store.port import Kept
    from edge_agent.wire.roll import What

VERSION: Final = 4
_APPLICATION: Final = 0x48574D49  # 'HWMI': the file says what it is
_WAIT_S: Final = 10.0

# `number` grows with every arrival. The bytes stand last in each row, so that reading the rest leaves them alone; they
# are NULL in a tombstone.
_SCHEMA: Final = """
CREATE TABLE records (
    number     INTEGER PRIMARY KEY,
    record_id  BLOB NOT NULL UNIQUE,
    kiosk      TEXT NOT NULL,
    epoch      BLOB NOT NULL,
    seq        INTEGER NOT NULL,
    previous   BLOB NOT NULL,
    sha256     BLOB NOT NULL,
    issued_at  INTEGER NOT NULL,
    arrived_at INTEGER NOT NULL,
    ends_at    INTEGER,
    withdraws  BLOB,
    erased_at  INTEGER,
    because    TEXT,
    withdrawal BLOB,
    sealed     BLOB,
    UNIQUE (kiosk, epoch, seq)
) STRICT;
CREATE INDEX ends ON records (ends_at) WHERE erased_at IS NULL;
CREATE TABLE recalled (  -- before it came
    kiosk      TEXT NOT NULL,
    record_id  BLOB NOT NULL,
    sha256     BLOB NOT NULL,
    epoch      BLOB NOT NULL,
    seq        INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    withdrawal BLOB,
    PRIMARY KEY (kiosk, record_id, sha256, epoch, seq)
) STRICT;
CREATE TABLE quarantine (
    number      INTEGER PRIMARY KEY,
    sha256      BLOB NOT NULL,
    topic       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    explanation TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    arrivals    INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    bytes       BLOB NOT NULL,
    UNIQUE (sha256, topic)
) STRICT;
CREATE TABLE statuses (
    kiosk   TEXT PRIMARY KEY,
    online  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    doubt   TEXT,
    message BLOB NOT NULL
) STRICT;
CREATE TABLE reaches (
    kiosk       TEXT NOT NULL,
    epoch       BLOB NOT NULL,
    highest_seq INTEGER NOT NULL,
    PRIMARY KEY (kiosk, epoch)
) STRICT;
CREATE TABLE floors (document TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
"""
_DOCUMENTS: Final = """
CREATE TABLE documents (document TEXT PRIMARY KEY, version INTEGER NOT NULL, content BLOB NOT NULL) STRICT;
CREATE TABLE parts (
    document TEXT NOT NULL,
    version  INTEGER NOT NULL,
    part     INTEGER NOT NULL,
    parts    INTEGER NOT NULL,
    content  BLOB NOT NULL,
    PRIMARY KEY (document, version, part)
) STRICT;
"""
# What bytes in quarantine say they are, and by what hash erased bytes are known whoever brings them.
_NOT_IN_QUARANTINE: Final = """
ALTER TABLE quarantine ADD COLUMN kiosk TEXT;
ALTER TABLE quarantine ADD COLUMN record_id BLOB;
CREATE INDEX said ON quarantine (kiosk, record_id);
CREATE INDEX erased ON records (sha256) WHERE because IS NOT NULL;
CREATE INDEX recalled_bytes ON recalled (sha256);
"""
_STEPS: Final = {2: _DOCUMENTS, 3: _NOT_IN_QUARANTINE}  # what carries a file of an older version over, to the next one


def connect(path: Path) -> sqlite3.Connection:
    """Open a store's file for writing, with WAL and synchronous=FULL; make it, with its tables, when it isn't there.

    Raises StoreError, and changes nothing, for a file that is something else.
    """
    with suppress(
        FileExistsError
    ):  # never opened besides: closing it would end the locks of another connection of ours
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    connection = sqlite3.connect(path, isolation_level=None, timeout=_WAIT_S, check_same_thread=False)
    try:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        found = _check(path, connection) if tables else 0
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only let go of
        if not tables:
            pragmas = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {VERSION};"
            connection.executescript(f"BEGIN; {_SCHEMA} {_DOCUMENTS} {_NOT_IN_QUARANTINE} {pragmas} COMMIT;")
        for version in range(found, VERSION if found else 0):
            connection.executescript(f"BEGIN; {_STEPS[version]} PRAGMA user_version = {version + 1}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> SqliteReader:
    """Open a store read-only. Raises StoreError when it isn't there, isn't one, or is of another version."""
    if not path.exists():
        raise StoreError(f"there is no store at {path}", next_step="Name the file that the intake writes.")
    with ExitStack() as resources, explained(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)
        resources.callback(connection.close)
        _check(path, connection)
        return SqliteReader(path, connection, resources.pop_all())


class SqliteReader(SqlReader):
    """Reads a store that others may be writing at the same time. `resources` is closed with it."""

    _size = "length(sealed)"
    _heard_first = "rowid"

    def __init__(self, path: Path, connection: sqlite3.Connection, resources: ExitStack) -> None:
        super().__init__(resources, self._fetch, self._stream)
        self._path = path
        self._connection = connection

    def ended(self, at: int) -> Iterator[Kept]:
        """Go through the records whose end has come at `at`."""
        yield from self._kept("ends_at <= ? AND erased_at IS NULL", at)

    def sealed(self, record_id: bytes) -> bytes | None:
        """Give a record's bytes, None when there are none."""
        for (found,) in self._rows("SELECT sealed FROM records WHERE record_id = ?", record_id):
            content: bytes | None = found
            return content
        return None

    def shared(self, what: What, above: int) -> bytes | None:  # type: ignore[explicit-override]
        """Give the newest signed document; none lies in a file of version 2."""
        there = self._rows("SELECT 1 FROM sqlite_master WHERE name = 'documents'")
        return super().shared(what, above) if there else None

    def _fetch(self, query: str, *values: Any) -> list[Row]:
        with explained(self._path):
            return self._connection.execute(query, values).fetchall()

    def _stream(self, query: str, *values: Any) -> Iterator[Row]:
        with explained(self._path):
            yield from self._connection.execute(query, values)


def _check(path: Path, connection: sqlite3.Connection) -> int:
    """Give a store's version. Raises StoreError when the file is none, or one that this program can't carry over."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION:
        raise StoreError(f"{path} is no store of an intake", next_step="Name the file that the intake writes.")
    found: int
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found != VERSION and found not in _STEPS:
        raise StoreError(
            f"{path} is a store of version {found}, this program knows {VERSION}",
            next_step="Use the program of the release that wrote it, or a newer one that can carry it over.",
        )
    return found


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Turn the faults of SQLite and of the file system into ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as fault:
        raise StoreError(
            f"the store {path} fails: {fault}",
            next_step="Check the disk's space and health and the file's rights; nothing was acknowledged.",
        ) from fault
