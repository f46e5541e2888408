"""The fleet's signed documents in a store, for all intakes that share it. SQL that SQLite and PostgreSQL read alike.

A part may come to any of them; the newest whole document lies here for all. Nothing here is believed: whoever takes a
document out of the store verifies its signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.wire.roll import TrustPart, What

    Run = Callable[..., list[tuple[Any, ...]]]  # runs a statement, its values marked by `?`; gives its rows

_KEEP_PART: Final = """
INSERT INTO parts (document, version, part, parts, content) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (document, version, part) DO UPDATE SET parts = excluded.parts, content = excluded.content
"""  # the last to come has the place: what was forged gives way to what comes again
_PARTS: Final = "SELECT content FROM parts WHERE document = ? AND version = ? AND parts = ? ORDER BY part"
_SHARE: Final = """
INSERT INTO documents (document, version, content) VALUES (?, ?, ?)
ON CONFLICT (document) DO UPDATE SET version = excluded.version, content = excluded.content
WHERE documents.version < excluded.version
"""
_RAISE_FLOOR: Final = """
INSERT INTO floors (document, version) VALUES (?, ?)
ON CONFLICT (document) DO UPDATE SET version = excluded.version WHERE floors.version < excluded.version
"""


def gather(run: Run, part: TrustPart) -> bytes | None:
    """Keep a part; give the whole once all parts of that version are here. One transaction, one after the other."""
    run(_KEEP_PART, part.what.value, part.version, part.part, part.parts, part.content)
    parts = run(_PARTS, part.what.value, part.version, part.parts)
    return b"".join(content for (content,) in parts) if len(parts) == part.parts else None


def share(run: Run, what: What, version: int, whole: bytes) -> None:
    """Keep a whole document in the place of an older one, and let go of its parts. One transaction."""
    run(_SHARE, what.value, version, whole)
    run("DELETE FROM parts WHERE document = ? AND version <= ?", what.value, version)


def shared(run: Run, what: What, above: int) -> bytes | None:
    """Give the newest document, None when there is none of a version above that."""
    for (content,) in run("SELECT content FROM documents WHERE document = ? AND version > ?", what.value, above):
        found: bytes = content
        return found
    return None


def floor(run: Run, document: str) -> int:
    """Give the lowest version that is still taken: 1 when none was ever raised."""
    return next((int(version) for (version,) in run("SELECT version FROM floors WHERE document = ?", document)), 1)


def raise_floor(run: Run, document: str, version: int) -> None:
    """Take no older version from now on."""
    run(_RAISE_FLOOR, document, version)
