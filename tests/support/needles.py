"""What must not be found in any file after a session, and the search for it, through what is compressed too."""

from __future__ import annotations

import base64
import contextlib
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edge_agent.vision.photograph import as_frame, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.wire.report import Report

ASTRONAUT = Path(__file__).parents[2] / "models" / "files" / "astronaut.png"
SHORTEST = 24  # bytes: less might be there by chance
EVERY = 997  # bytes between two slices of a needle that is long


@dataclass(frozen=True)
class Needle:
    """Something that must not be found: `name` for people, any of `slices` gives it away."""

    name: str
    slices: tuple[bytes, ...]


def sliced(name: str, content: bytes) -> Needle:
    """Take slices all along something long, as it is and in base64 at each of its three phases."""
    plain = [content[at : at + SHORTEST] for at in range(0, len(content) - SHORTEST, EVERY)]
    encoded = [base64.b64encode(content[at : at + 48])[4:-4] for at in range(0, min(len(content), 4000) - 48, 97)]
    return Needle(name, tuple(piece for piece in (*plain, *encoded) if len(set(piece)) > 4))


def needles(opened: Report) -> list[Needle]:
    """Make needles of everything that the kiosk saw and was told."""
    frame = as_frame(load(ASTRONAUT))
    words = (
        opened.receipt_code,
        opened.consent.identifier,
        opened.consent.answers[0].purpose,
        opened.consent.answers[0].status,
        opened.consent.answers[-1].by,
    )
    rows = {"RGB": frame.large[300:700], "BGR": frame.large[300:700, :, ::-1], "small": frame.small[100:200]}
    return [
        sliced("the crop's JPEG", opened.faces[0].image),
        *(sliced(f"pixels, {name}", np.ascontiguousarray(pixels).tobytes()) for name, pixels in rows.items()),
        sliced("pixels, luma", np.asarray(Image.fromarray(frame.large[300:700]).convert("L")).tobytes()),
        sliced("the photograph's file", ASTRONAUT.read_bytes()[1000:]),
        *(Needle(f"the word {str(word)[:12]}...", tuple(spellings(str(word)))) for word in words),
    ]


def spellings(word: str) -> Iterator[bytes]:
    for encoding in ("utf-8", "utf-16-le"):
        yield word.encode(encoding)
    yield word.replace("-", "").encode()


def search(places: list[Path], wanted: list[Needle]) -> set[str]:
    """Look into every file below some places, also into what is compressed; name the needles that are there."""
    found: set[str] = set()
    for path in (path for place in places for path in (place.rglob("*") if place.is_dir() else [place])):
        if not stat.S_ISREG(path.lstat().st_mode):
            continue
        content = path.read_bytes()
        for layer in (content, inflated(content)):
            found |= {needle.name for needle in wanted if any(piece in layer for piece in needle.slices)}
    return found


def inflated(content: bytes) -> bytes:
    """Open what zlib or gzip has packed, wherever it begins."""
    opened = b""
    for head in (b"\x78\x9c", b"\x78\xda", b"\x78\x01", b"\x1f\x8b"):
        at = content.find(head)
        while at >= 0:
            with contextlib.suppress(zlib.error):  # it only looked like a beginning
                opened += zlib.decompressobj(wbits=47).decompress(content[at:], 1 << 24)
            at = content.find(head, at + 1)
    return opened
