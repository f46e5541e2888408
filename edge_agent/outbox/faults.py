"""What the file system says went wrong, in our words: the cause and the next step."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from edge_agent.errors import OutboxDamagedError, OutboxError, OutboxFullError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAKE_ROOM: Final = "Let the courier send what waits, or free space on this file system. No report is lost meanwhile."


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn whatever the file system raises about the outbox at `path` into an OutboxError."""
    try:
        yield
    except OSError as error:
        raise _of_system(path, error) from error


def disk_full(path: Path) -> OutboxFullError:
    """Say that the file system has no space left."""
    return OutboxFullError(f"No space is left for the outbox {path.name}.", next_step=_MAKE_ROOM)


def backlog_full(path: Path, bound: str) -> OutboxFullError:
    """Say that as much waits as the settings allow."""
    return OutboxFullError(f"The outbox {path.name} holds as {bound} as it may.", next_step=_MAKE_ROOM)


def read_only(path: Path) -> OutboxError:
    """Say that nothing can be written."""
    return OutboxError(
        f"The outbox {path.name} can't be written: the file, its folder or the whole disk is read-only.",
        next_step="Look who owns the file, and whether the card turned itself read-only, as worn ones do.",
    )


def locked(path: Path) -> OutboxError:
    """Say that somebody else holds the outbox for too long."""
    return OutboxError(
        f"The outbox {path.name} is locked by another program.",
        next_step="Close whatever else holds its lock (a copy in progress, a second kiosk or courier) and try again.",
    )


def unreachable(path: Path, why: str) -> OutboxError:
    """Say that the file can't be reached at all."""
    return OutboxError(
        f"The outbox {path.name} can't be opened: {why}.",
        next_step=f"Look whether {path.parent} is there, is mounted, and belongs to the kiosk's group.",
    )


def failing(path: Path, why: str) -> OutboxError:
    """Say that the disk does not do what it is told."""
    return OutboxError(
        f"The outbox {path.name} can't be used: {why}.",
        next_step="Look into the system's log for errors of the disk; replace the card if there are any.",
    )


def stranger(path: Path, what: str) -> OutboxError:
    """Say that the file is none that we could have written."""
    return OutboxError(
        f"The outbox {path.name} is {what}: it is left alone.",
        next_step="If reports may wait in it, let the software that wrote it send them. Then move it away.",
    )


def damaged(path: Path, what: str) -> OutboxDamagedError:
    """Say that the file is not what it was."""
    return OutboxDamagedError(
        f"The outbox {path.name} is damaged: {what}.",
        next_step="What can be read is saved into a new file by itself. Replace the card if you see this again.",
    )


def _of_system(path: Path, error: OSError) -> OutboxError:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return disk_full(path)
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return read_only(path)
        case errno.EIO:
            return failing(path, str(error.strerror))
        case _:
            return unreachable(path, str(error.strerror))
