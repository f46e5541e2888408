"""What cameras see in the tests: the public-domain astronaut, before a wall, once or several times."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

ASTRONAUT = Path(__file__).parents[2] / "models" / "files" / "astronaut.png"
_SIZE = (1280, 960)
_FACE = (224, 115)  # the middle of the face in the photograph, pixels
_SOFT = 24


def in_the_oval(path: Path) -> Path:
    """One person who stands where the guide oval asks for it. The photograph's edges go on, blurred."""
    scale, (x, y) = 2.5, (640, 470)
    with Image.open(ASTRONAUT) as seen:
        side = round(seen.width * scale)
        large = np.asarray(seen.convert("RGB").resize((side, side), Image.Resampling.LANCZOS))
    left, top = x - round(_FACE[0] * scale), y - round(_FACE[1] * scale)
    rows = np.clip(np.arange(_SIZE[1]) - top, 0, side - 1)
    columns = np.clip(np.arange(_SIZE[0]) - left, 0, side - 1)
    whole = Image.fromarray(large[rows][:, columns])
    sharp = Image.new("L", _SIZE, 0)
    sharp.paste(255, (left + _SOFT, top + _SOFT, *_SIZE))
    whole = Image.composite(
        whole, whole.filter(ImageFilter.GaussianBlur(40)), sharp.filter(ImageFilter.GaussianBlur(16))
    )
    whole.save(path)
    return path


def people(path: Path, places: Sequence[tuple[int, int, float]] = ((400, 420, 2.0), (930, 520, 1.7))) -> Path:
    """Several people: each place is the middle of a face in pixels, and how much larger than in the photograph."""
    wall = Image.new("RGB", _SIZE, (143, 150, 160))
    with Image.open(ASTRONAUT) as seen:
        person = seen.convert("RGB").crop((112, 0, 352, 300))
    for x, y, scale in places:
        one = person.resize((round(person.width * scale), round(person.height * scale)))
        soft = Image.new("L", one.size, 0)
        soft.paste(255, (_SOFT, _SOFT, one.width - _SOFT, one.height - _SOFT))
        wall.paste(one, (round(x - 112 * scale), round(y - 115 * scale)), soft.filter(ImageFilter.GaussianBlur(12)))
    wall.save(path)
    return path


def nobody(path: Path) -> Path:
    """A wall."""
    Image.new("RGB", _SIZE, (143, 150, 160)).save(path)
    return path
