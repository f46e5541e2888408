"""Reads the code on a printed label without the library that drew it (ISO/IEC 18004, versions 2 to 4, bytes).

It mends no errors: a code that was never photographed has none.
"""

from __future__ import annotations

import io
import re
import struct

from PIL import Image

_BORDER = 4
_M, _Q, _H = 0b00, 0b11, 0b10  # how much of the code could be mended
_BLOCKS = {  # of a version and level: bytes of data in all, in how many blocks
    (2, _M): (28, 1),
    (3, _M): (44, 1),
    (4, _M): (64, 2),
    (2, _Q): (22, 1),
    (3, _Q): (34, 2),
    (4, _Q): (48, 2),
    (2, _H): (16, 1),
    (3, _H): (26, 2),
    (4, _H): (36, 4),
}
_MASKS = (
    lambda y, x: (y + x) % 2,
    lambda y, _: y % 2,
    lambda _, x: x % 3,
    lambda y, x: (y + x) % 3,
    lambda y, x: (y // 2 + x // 3) % 2,
    lambda y, x: y * x % 2 + y * x % 3,
    lambda y, x: (y * x % 2 + y * x % 3) % 2,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2,
)

Modules = list[list[bool]]


def read_code(pdf: bytes) -> str:
    """Give what the one code in a PDF says."""
    return _words(_modules(_picture(pdf)))


def _picture(pdf: bytes) -> Image.Image:
    """Take a PDF's one picture out of it: its stream is that of a fax, as TIFF knows it (compression 4)."""
    begins = pdf.index(b"stream", pdf.index(b"/Subtype /Image")) + len(b"stream\n")
    facts = pdf[pdf.rindex(b" obj", 0, begins) : begins]
    width, height, length = (
        int(re.search(rb"/%s (\d+)" % name, facts)[1]) for name in (b"Width", b"Height", b"Length")
    )
    tags = {256: width, 257: height, 258: 1, 259: 4, 262: 1, 273: 0, 278: height, 279: length}
    tags[273] = 8 + 2 + 12 * len(tags) + 4  # the picture comes after the tags
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    tiff = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + pdf[begins : begins + length]
    return Image.open(io.BytesIO(tiff)).convert("L")


def _modules(picture: Image.Image) -> Modules:
    first = next(at for at in range(picture.width) if picture.getpixel((at, at)) < 128)
    scale = first // _BORDER
    places = range(first + scale // 2, picture.width - first, scale)
    return [[picture.getpixel((x, y)) < 128 for x in places] for y in places]


def _words(dark: Modules) -> str:
    version = (len(dark) - 17) // 4
    level_and_mask = sum(dark[8][at] << (4 - at) for at in range(5)) ^ 0b10101
    held, blocks = _BLOCKS[version, level_and_mask >> 3]
    mask = _MASKS[level_and_mask & 7]
    bits = [dark[y][x] ^ (not mask(y, x)) for y, x in _way(len(dark))]
    data = [sum(bit << (7 - at) for at, bit in enumerate(bits[start : start + 8])) for start in range(0, len(bits), 8)]
    together = bytes(byte for block in range(blocks) for byte in data[block:held:blocks])
    assert together[0] >> 4 == 0b0100, "bytes"
    _, length, *words = (int.from_bytes(together) >> 4).to_bytes(len(together))  # what follows the four bits
    return bytes(words[:length]).decode("ascii")


def _way(size: int) -> list[tuple[int, int]]:
    """Give the places of the data, in their order: two columns at a time, up and down, from the right."""
    way = []
    for turn, right in enumerate([*range(size - 1, 6, -2), 5, 3, 1]):
        rows = range(size) if turn % 2 else range(size - 1, -1, -1)
        way += [(y, x) for y in rows for x in (right, right - 1) if not _is_fixed(size, y, x)]
    return way[: len(way) // 8 * 8]


def _is_fixed(size: int, y: int, x: int) -> bool:
    """Say whether a place belongs to the finders, the timing, the format or the one alignment pattern."""
    finder = (y < 9 and (x < 9 or x >= size - 8)) or (y >= size - 8 and x < 9)
    alignment = size - 9 <= y < size - 4 and size - 9 <= x < size - 4
    return finder or alignment or 6 in {y, x}
