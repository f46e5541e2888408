"""What is printed: the root's sheets and a kiosk's label, as PDF with a QR code. Made in memory.

The PDF's own fonts know Latin letters alone, so that nothing need be installed. What is printed for certain is ASCII:
ids, words, a telephone number; a name in another script is left to the person who fills in the sheet.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Final

import segno

from provisioning.backup import grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fpdf import FPDF

    from provisioning.backup import Split

_LABEL_MM: Final = (100, 60)
_EDGE_MM: Final = 5
_CODE_MM: Final = 40
_BESIDE_MM: Final = 48  # where the words begin, beside the code
_ROOM_MM: Final = 48  # for the words, from the code's height on
_BELOW: Final = ("For staff: scan it on the fleet's", "computer while the console is open.")
_BELOW_POINTS: Final = 7
_LINE_MM: Final = 0.48  # a line's height for each point of its type
_NUMBER: Final = re.compile(r"[+(]?[0-9][0-9 ()/.-]{3,}[0-9]", re.ASCII)  # a telephone number in a longer text
_INK: Final = (0x14, 0x21, 0x3D)  # the project's ink


def sheet(fleet: str, words: str, number: int, split: Split, fingerprint: str) -> bytes:
    """Print one sheet of the root on A4."""
    page = _page("portrait", "a4")
    page.set_font("Helvetica", "B", 22)
    page.cell(0, 14, "Homeward: a fleet's root, on paper", new_x="LMARGIN", new_y="NEXT")
    page.set_font("Helvetica", "", 12)
    kept = (
        "Whoever has this sheet is the fleet: who may open reports is signed with it."
        if split.sheets == 1
        else f"{split.needed} of {split.sheets} sheets together are the fleet; fewer are worth nothing."
    )
    for line in (
        f"Fleet: {fleet}     Root: {fingerprint}",
        f"Sheet {number} of {split.sheets}. {kept}",
        "Keep it dry, in a safe or with a person you would trust with it. Never photograph it: its code",
        "is for a scanner on the fleet's own computer.",
        "To use it: homeward-fleet backup restore",
        "Kept by: ______________________________     since: ________________",
    ):
        page.multi_cell(0, 7, line, align="L", new_x="LMARGIN", new_y="NEXT")
    page.ln(6)
    page.set_font("Courier", "B", 15)
    for line in grouped(words):
        page.cell(0, 9, line, new_x="LMARGIN", new_y="NEXT")
    page.ln(6)
    _qr(page, words, x=20, y=page.get_y(), size=60)
    return bytes(page.output())


def label(fleet: str, kiosk: str, contact: str, address: str) -> bytes:
    """Print the label that goes onto a kiosk: whose it is, whom to call, and as a code the address of its page."""
    page = _page("landscape", (_LABEL_MM[1], _LABEL_MM[0]))
    page.set_margin(_EDGE_MM)
    _qr(page, address, x=_EDGE_MM, y=_EDGE_MM, size=_CODE_MM)
    page.set_font("Helvetica", "", _BELOW_POINTS)
    for number, words in enumerate(_BELOW):
        page.text(_EDGE_MM + 2, _EDGE_MM + _CODE_MM + 3 + number * _BELOW_POINTS * _LINE_MM, words)
    lines = [("B", 16, kiosk), ("", 11, f"Homeward, fleet {fleet}"), ("", 11, "Something wrong? Ask:")]
    lines.append(("B", 13, _printable(contact) or "_" * 16))
    scale = next((tenths / 10 for tenths in range(10, 5, -1) if _height(page, lines, tenths / 10) <= _ROOM_MM), 0.5)
    page.set_xy(_BESIDE_MM, _EDGE_MM + 2)
    for style, size, words in lines:
        _line(page, style, size * scale, words)
    return bytes(page.output())


def _printable(contact: str) -> str:
    """Give a contact as the PDF's fonts can write it: of one in another script, its telephone numbers."""
    if contact.isascii():
        return contact
    return ", ".join(number.strip() for number in _NUMBER.findall(contact))


def _height(page: FPDF, lines: Sequence[tuple[str, float, str]], scale: float) -> float:
    """Tell how high these lines stand beside the label's code, in millimetres, when they are printed at this scale."""
    return sum(_line(page, style, size * scale, words, only_measure=True) for style, size, words in lines)


def _line(page: FPDF, style: str, points: float, words: str, *, only_measure: bool = False) -> float:
    from fpdf.enums import MethodReturnValue  # noqa: PLC0415  # as below

    page.set_font("Helvetica", style, points)
    height = page.multi_cell(
        _LABEL_MM[0] - _BESIDE_MM - _EDGE_MM,
        points * _LINE_MM,
        words,
        align="L",
        new_x="LEFT",
        new_y="NEXT",
        dry_run=only_measure,
        output=MethodReturnValue.HEIGHT,
    )
    assert isinstance(height, int | float), "what was asked for"
    return height


def _page(orientation: str, size: str | tuple[float, float]) -> FPDF:
    from fpdf import FPDF  # noqa: PLC0415  # half a second, and few commands print

    page = FPDF(orientation=orientation, unit="mm", format=size)
    page.set_auto_page_break(auto=False)
    page.set_margin(20)
    page.add_page()
    page.set_text_color(*_INK)
    return page


def _qr(page: FPDF, text: str, *, x: float, y: float, size: float) -> None:
    picture = io.BytesIO()
    segno.make(text, error="m", micro=False).save(picture, kind="png", scale=8, border=4)
    page.image(picture, x=x, y=y, w=size)
