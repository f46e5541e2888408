"""What is printed stands on the paper whole, and reads well."""

from __future__ import annotations

import re
import zlib

import pytest

from provisioning import labels, printing
from provisioning.backup import Split
from tests.support.qr import read_code

_POINTS_PER_MM = 72 / 25.4
ADDRESS = labels.address("station-1")
LONG = "child-help@lighthouse-foundation.example, +86 400 123 4567"


def written(pdf: bytes) -> list[tuple[float, str]]:
    """Each piece of text in a PDF and how far from the paper's lower edge it stands, in millimetres."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    drawn = [zlib.decompress(stream) for stream in streams if stream[:1] == b"\x78"]
    pieces = [piece for stream in drawn for piece in re.findall(rb"BT [\d.]+ (-?[\d.]+) Td .*?\((.*?)\) Tj ET", stream)]
    return [(float(y) / _POINTS_PER_MM, words.decode("latin-1")) for y, words in pieces]


@pytest.mark.parametrize("kiosk", ["station-1", "station-2-west-entrance-upstairs"])
@pytest.mark.parametrize("contact", ["+86 400 123 4567", LONG])
def test_a_label_has_all_of_it_on_the_paper_however_long_the_contact_is(kiosk, contact):
    pieces = written(printing.label("lighthouse-foundation-north-west", kiosk, contact, labels.address(kiosk)))
    told = re.sub(r"[^a-z0-9@]", "", "".join(words for _, words in pieces))
    assert re.sub(r"[^a-z0-9@]", "", contact) in told
    assert min(y for y, _ in pieces) >= 4


@pytest.mark.parametrize("kiosk", ["k", "station-1", "station-2-west-entrance-upstairs"])
def test_the_code_on_a_label_leads_to_the_kiosks_page_and_below_it_stands_for_whom_it_is(kiosk):
    pdf = printing.label("lighthouse", kiosk, LONG, labels.address(kiosk))
    assert read_code(pdf) == f"http://127.0.0.1:8018/kiosks/{kiosk}"
    assert "For staff: scan it on the fleet's computer" in " ".join(words for _, words in written(pdf))


@pytest.mark.parametrize(
    ("contact", "stands"),
    [
        ("寻亲热线 +86 400 123 4567、010-1234567", "+86 400 123 4567, 010-1234567"),
        ("ياردەم (0991) 123 45 67", "(0991) 123 45 67"),
        ("寻亲热线", "________________"),
    ],
)
def test_of_a_contact_in_another_script_the_number_stands_there_or_a_line_to_write_it_on(contact, stands):
    pieces = [words.replace("\\", "") for _, words in written(printing.label("coast", "station-1", contact, ADDRESS))]
    assert stands in " ".join(pieces)


def test_nothing_is_spread_over_a_line_and_a_sheet_has_a_place_for_its_keepers_name():
    pdfs = [
        printing.label("lighthouse", "station-1", "+86 400 123 4567", ADDRESS),
        printing.sheet("lighthouse", " ".join(["academic"] * 20), 1, Split(2, 3), "ab12"),
    ]
    pieces = [words for pdf in pdfs for _, words in written(pdf)]
    assert "Homeward, fleet lighthouse" in " ".join(pieces), "a spread line is written word by word"
    assert any("Kept by:" in words for words in pieces)
