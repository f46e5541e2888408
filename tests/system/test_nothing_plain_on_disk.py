"""After a whole session nothing plain is on any disk: no pixel, no photograph, no word of the report (red line 7)."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from central.store.sqlite import open_reader
from edge_agent.vision.photograph import as_frame, load
from edge_agent.wire import report, sealing
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.wire.report import Report
    from tests.support.live import LiveFleet

pytestmark = pytest.mark.red_line(7)

ASTRONAUT = Path(__file__).parents[2] / "models" / "files" / "astronaut.png"
KIOSK = "kiosk-1"
SHORTEST = 24  # bytes: less might be there by chance
EVERY = 997  # bytes between two slices of a needle that is long
SCRIPT = "".join(
    f'[[step]]\nstage = "{stage}"\nchoose = {json.dumps(choose)}\n'
    for stage, choose in [
        ("rest", []),
        ("language", ["ug"]),
        ("who", ["child_with_staff"]),
        *[("consent", ["yes"])] * 3,
        *[("permission", ["yes"])] * 3,
        ("framing", ["take"]),
        ("review", ["send"]),
        ("done", ["finish"]),
    ]
)


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
    for path in (path for place in places for path in place.rglob("*")):
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


@pytest.fixture
def session(live: LiveFleet) -> tuple[list[Path], list[Needle]]:
    """Play a child's session with all programs running; give what to search, and what for, once it was delivered."""
    here = live.fleet.add_kiosk(KIOSK, [ASTRONAUT], pace="hold_s = 0.3")
    (here / "script.toml").write_text(SCRIPT, encoding="utf-8")
    live.broker()
    live.intake()
    courier, kiosk = live.courier(), live.kiosk()
    sealed = kiosk.wait_for("sealed", timeout=PATIENCE_S)
    courier.wait_for("receipted", record=sealed["record"], timeout=PATIENCE_S)
    until(lambda: kiosk.said[-1] == {"event": "stage", "stage": "rest"}, "rest")
    with open_reader(live.fleet.store_file) as store:
        content = store.sealed(bytes.fromhex(sealed["record"]))
    assert content is not None
    record = sealing.parse_record(content)
    opened = report.read(sealing.open_record(record, live.caseworker), record.claims)
    said = here / "said.log"
    said.write_text("\n".join(map(json.dumps, [*kiosk.said, *courier.said])), encoding="utf-8")
    return [live.fleet.directory], needles(opened)


def test_nothing_that_was_seen_or_said_is_in_any_file(session):
    places, wanted = session
    assert len([piece for needle in wanted for piece in needle.slices]) > 1000
    assert search(places, wanted) == set()


def test_the_search_finds_each_of_them_when_it_is_there(session, tmp_path):
    _, wanted = session
    for number, needle in enumerate(wanted):
        plain, packed = tmp_path / f"plain-{number}", tmp_path / f"packed-{number}"
        for place in (plain, packed):
            place.mkdir()
        piece = needle.slices[len(needle.slices) // 2]
        (plain / "file").write_bytes(os.urandom(5000) + piece + os.urandom(5000))
        (packed / "file").write_bytes(os.urandom(500) + zlib.compress(b"before " * 40 + piece + b" after" * 40))
        assert search([plain], wanted) >= {needle.name}
        assert search([packed], wanted) >= {needle.name}


def test_the_kiosks_process_dumps_no_core_and_has_no_socket_to_the_network(live):
    here = live.fleet.add_kiosk(KIOSK, [ASTRONAUT])
    (here / "script.toml").write_text("", encoding="utf-8")
    kiosk = live.kiosk()
    kiosk.wait_for("ready", timeout=PATIENCE_S)
    process = Path(f"/proc/{kiosk.pid}")
    limits = (process / "limits").read_text(encoding="ascii").splitlines()
    assert next(line for line in limits if line.startswith("Max core file size")).split()[4:6] == ["0", "0"]
    opened = [str(link.readlink()) for link in (process / "fd").iterdir()]
    inodes = {name.removeprefix("socket:[").removesuffix("]") for name in opened if name.startswith("socket:")}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        lines = (process / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        assert not inodes & {line.split()[9] for line in lines}
