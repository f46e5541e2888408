"""Draw the README's gallery out of what the browser tests saw: `make gallery`.

The tests leave every scene in every language and size in `build/pictures/screen/`; here are the ones that tell most.
The face in them is that of the public-domain photograph of the demonstration.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

ROOT: Final = Path(__file__).parents[2]
SEEN: Final = ROOT / "build" / "pictures" / "screen"
FOLDER: Final = ROOT / "docs" / "pictures" / "screen"
_LONGEST: Final = 1000  # pixels
_QUALITY: Final = 82


@dataclass(frozen=True, slots=True)
class Shot:
    """One scene: its file among the tests' pictures, and what is to be seen there."""

    name: str
    shows: str

    @property
    def path(self) -> Path:
        """Where the gallery keeps it."""
        return FOLDER / f"{self.name}.webp"


SHOTS: Final = (
    Shot("zh-1280x800-01-rest", "At rest: a lantern in a window, three languages, the camera's shutter drawn shut"),
    Shot("en-1280x800-03-who", "Who is the picture of? What is lit first chooses nobody"),
    Shot("en-1280x800-04-tracing", "The whole notice and the first question; 'No' is lit first"),
    Shot("ug-1280x800-04-tracing", "The same in Uyghur, from right to left"),
    Shot("zh-1280x800-07-framing", "In Chinese: the camera is on, a mirror with a guide oval, one advice at a time"),
    Shot("ug-1280x800-11-choosing", "In Uyghur: two faces were found; the lit one is outlined in lantern"),
    Shot("en-1280x800-08-review", "Exactly what would be sent, not mirrored"),
    Shot("zh-1280x800-09-done", "In Chinese: on its way, with the receipt code as letters and as a QR"),
    Shot("en-1280x800-12-nothing-kept", "Stopped: nothing is kept, and the lantern is as warm as before"),
    Shot("ug-480x800-07-framing", "On a small standing display, in Uyghur"),
)


def draw() -> None:
    """Take the tests' pictures up, smaller. Raises FileNotFoundError when the tests have not left them."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.webp"):
        old.unlink()
    for shot in SHOTS:
        with Image.open(SEEN / f"{shot.name}.png") as seen:
            seen.thumbnail((_LONGEST, _LONGEST))
            seen.convert("RGB").save(shot.path, quality=_QUALITY, method=6)


if __name__ == "__main__":
    draw()
    sys.stdout.write(f"{len(SHOTS)} pictures in {FOLDER.relative_to(ROOT)}\n")
