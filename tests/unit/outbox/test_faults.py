"""Each fault of the disk is told with its cause and the next step."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import OutboxError, OutboxFullError
from edge_agent.outbox.faults import told

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (OSError(errno.ENOSPC, "full"), OutboxFullError, "No space"),
        (OSError(errno.EDQUOT, "quota"), OutboxFullError, "No space"),
        (OSError(errno.EFBIG, "too large"), OutboxFullError, "No space"),
        (OSError(errno.EROFS, "read-only"), OutboxError, "can't be written"),
        (OSError(errno.EACCES, "denied"), OutboxError, "can't be written"),
        (OSError(errno.EIO, "Input/output error"), OutboxError, "can't be used: Input/output error"),
        (OSError(errno.ENOENT, "No such file or directory"), OutboxError, "can't be opened: No such file"),
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
    with pytest.raises(KeyError), told(tmp_path / "outbox.db"):
        raise KeyError
