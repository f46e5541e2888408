"""The pictures of the staff's guide: the console's own pages, as a browser shows them, in few colours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from PIL import Image

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(__file__).with_name("guide")
_TAKEN: Final = ROOT / "build" / "pictures" / "console" / "guide"
_TESTS: Final = "tests/browser/console"
_WHICH: Final = "gallery or life or compare_the_words or another_ca"
_COLOURS: Final = 96  # flat pages: nobody sees the difference, and the file is a third


def take() -> None:
    """Let the browser tests take the pictures anew, and keep them."""
    subprocess.run([sys.executable, "-m", "pytest", "-k", _WHICH, _TESTS], cwd=ROOT, check=True)
    FOLDER.mkdir(exist_ok=True)
    for path in sorted(_TAKEN.glob("*.png")):
        with Image.open(path) as picture:
            few = picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
            few.save(FOLDER / path.name, optimize=True)
