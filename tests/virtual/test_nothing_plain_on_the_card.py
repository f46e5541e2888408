"""After a session nothing plain is on a kiosk's disks or in its logs, and no key that opens anything: all is searched.

The system's own disk is read-only: it is the same bytes afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from central.store.sqlite import open_reader
from edge_agent.wire import report, sealing
from tests.support.needles import Needle, needles, search, sliced
from tests.virtual.visitor import A_CHILD_WITH_STAFF, SESSION_S

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.wire.keys import RecipientPrivateKey

BLOCK = 4096

pytestmark = [pytest.mark.red_line(7), pytest.mark.red_line(8)]


@pytest.fixture
def session(live, kiosk, visitor, tmp_path):
    """Play a child's session; give the disks and the journal, and what must not be in them."""
    system_before = hashlib.sha256(kiosk.system.read_bytes()).digest()
    visitor.agree(A_CHILD_WITH_STAFF)
    record_id = visitor.send()
    kiosk.wait_for("receipted", record=record_id, timeout=SESSION_S)
    visitor.leave()
    kiosk.machine.ask("/usr/bin/sync")
    journal = tmp_path / "journal"
    journal.write_text(kiosk.machine.ask("/usr/bin/journalctl", "-o", "export", "--no-pager").out, encoding="utf-8")
    console = tmp_path / "console"
    console.write_text(kiosk.console(), encoding="utf-8")
    kiosk.cut_power()
    assert hashlib.sha256(kiosk.system.read_bytes()).digest() == system_before
    with open_reader(live.fleet.store_file) as store:
        content = store.sealed(bytes.fromhex(record_id))
    assert content is not None
    record = sealing.parse_record(content)
    opened = report.read(sealing.open_record(record, live.caseworker), record.claims)
    card = dense(kiosk.card_image, tmp_path / "card")
    return [card, journal, console], [*needles(opened), *as_the_camera_sees(kiosk.here), key_of(live.caseworker)]


def key_of(caseworker: RecipientPrivateKey) -> Needle:
    """The key that opens the report, as it is and as text."""
    raw = caseworker.raw
    return Needle("a recipient's private key", (raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")))


def dense(image: Path, into: Path) -> Path:
    """Write a disk without its empty blocks: there is nothing to find in them."""
    content = image.read_bytes()
    blocks = (content[at : at + BLOCK] for at in range(0, len(content), BLOCK))
    into.write_bytes(b"".join(block for block in blocks if block.strip(b"\0")))
    return into


def as_the_camera_sees(here: Path):
    """The frame's own pixels, as libcamera hands them out: its brightness, and its colours."""
    with Image.open(here / "frames" / "0.jpg") as photograph:
        photograph.draft("YCbCr", photograph.size)
        planes = np.asarray(photograph)
    with Image.open(io.BytesIO((here / "frames" / "0.jpg").read_bytes())) as photograph:
        pixels = np.asarray(photograph.convert("RGB"))
    return [
        sliced("the frame's brightness", np.ascontiguousarray(planes[300:700, :, 0]).tobytes()),
        sliced("the frame's pixels", np.ascontiguousarray(pixels[300:700]).tobytes()),
        sliced("the photograph's file", (here / "frames" / "0.jpg").read_bytes()[1000:]),
    ]


def test_nothing_that_was_seen_or_said_is_on_the_card_or_in_the_logs_and_each_would_be_found(session, tmp_path):
    places, wanted = session
    assert search(places, wanted) == set()

    card = places[0].read_bytes()
    for number, needle in enumerate(wanted):
        piece = needle.slices[len(needle.slices) // 2]
        planted = tmp_path / f"planted-{number}"
        planted.write_bytes(card[: len(card) // 2] + piece + card[len(card) // 2 :])
        assert needle.name in search([planted], [needle])
