"""Files that wait to be fetched by the browser, once each: a card's, a kiosk's. They are gone when the server is."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import Self

from edge_agent.errors import LocalError
from provisioning.languages import phrase


class Downloads:
    """A private folder for the time of the server. A file leaves it as it is fetched."""

    def __init__(self) -> None:
        self._made = tempfile.TemporaryDirectory(prefix="homeward-console-")  # mode 0700
        self.folder = Path(self._made.name)
        self._waiting: dict[str, Path] = {}

    def place(self, name: str) -> Path:
        """Give a place that is free, for a file of this name."""
        return Path(tempfile.mkdtemp(dir=self.folder)) / name

    def offer(self, path: Path) -> str:
        """Let a file be fetched; return its address."""
        token = secrets.token_urlsafe(16)
        self._waiting[token] = path
        return f"/download/{token}"

    def take(self, token: str) -> tuple[str, bytes]:
        """Give name and content, and forget them. Raises LocalError."""
        path = self._waiting.pop(token, None)
        if path is None:
            raise LocalError(
                phrase("this file was fetched already, or never was here"),
                next_step=phrase(
                    "Look in your browser's downloads. For a card, make another: the one before is then void."
                ),
            )
        content = path.read_bytes()
        path.unlink()
        return path.name, content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.cleanup()
