"""One vector."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_BROKEN = frozenset({"malformed", "unknown-version"})
_ENCODING = frozenset({"not-canonical", "too-large"})


@dataclass(frozen=True)
class Case:
    """An input, what a reader needs besides fleet.json, and what must come of it.

    `schema` says whether the CDDL accepts or refuses the input; None where it has no say.
    """

    name: str
    about: str
    kind: str
    data: bytes | None
    expect: str = "ok"
    needs: dict[str, Any] = field(default_factory=dict)
    schema: str | None = "by-outcome"

    def __post_init__(self) -> None:
        if self.schema == "by-outcome":
            told = None if self.expect in _ENCODING else "refuses" if self.expect in _BROKEN else "accepts"
            object.__setattr__(self, "schema", told)

    def plain(self) -> dict[str, Any]:
        """The file's content."""
        named = {"name": self.name, "about": self.about, "kind": self.kind, "expect": self.expect}
        read = {} if self.data is None else {"input": self.data.hex()}
        return named | {"schema": self.schema} | self.needs | read
