"""The small files through which kiosk and courier meet about certificates. Nothing that lies here is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.files import PUBLIC, write_whole

if TYPE_CHECKING:
    from pathlib import Path

_FOR_THE_OTHER: Final = 0o640  # one group, two users
_LARGEST: Final = 128 * 1024


class Mailbox:
    """The shared mount, as enrolment uses it."""

    def __init__(self, shared: Path) -> None:
        self.signing = shared / "signing.csr"
        self.tls = shared / "tls.csr"
        self.request = shared / "enrolment-request"
        self.renewal = shared / "renewal-request"
        self.reply = shared / "enrolment-reply"
        self.words = shared / "six-words"

    def put(self, path: Path, content: bytes) -> None:
        """Leave something for the other process, whole. Raises LocalError."""
        if look(path) != content:
            write_whole(path, content, mode=_FOR_THE_OTHER, replace=True)

    def show(self, words: str) -> None:
        """Leave the six words for whoever shows them. Raises LocalError."""
        if look(self.words) != words.encode():
            write_whole(self.words, words.encode(), mode=PUBLIC, replace=True)

    def clear(self, *paths: Path) -> None:
        """Remove what is done with. What can't be removed does no harm: it is read for what it is."""
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue


def kept_reply(tls_key: Path) -> Path:
    """Say where the courier keeps the office's answer for itself: what lies in the mailbox may be damaged there."""
    return tls_key.with_name("enrolment-reply")


def look(path: Path) -> bytes | None:
    """Give what lies there, None when there is nothing, or nothing that fits."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError:
        return None
    return content if 0 < len(content) <= _LARGEST else None
