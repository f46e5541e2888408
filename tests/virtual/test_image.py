"""What the image says of where and when it was built: nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from firmware.virtual import image

if TYPE_CHECKING:
    from pathlib import Path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_the_system_made_again_from_the_same_parts_is_the_same_byte_for_byte(tmp_path):
    image.make(tmp_path / "again")
    assert digest(tmp_path / "again") == digest(image.build())
