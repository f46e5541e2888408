"""What the office sends the intake: taken up when it is newer and signed, whatever order it comes in; else left."""

import json

import pytest

from central.intake.documents import Documents
from central.intake.office import OfficeWindow
from central.intake.presence import Presence
from central.store import sqlite, sqlite_writer
from central.trust import Floor, LiveTrust
from edge_agent.wire import roll
from edge_agent.wire.keys import SoftwareSigner
from edge_agent.wire.roll import What
from edge_agent.wire.topics import Desk, desk
from tests.support.waiting import until
from tests.unit.central.world import NOW, Fleet


class Place:
    def __init__(self, folder):
        self.fleet = Fleet()
        self.fleet.add("kiosk-1")
        self.files = self.fleet.write_trust(folder / "trust")
        self.trust = LiveTrust(self.files, Floor(), adopted=lambda _: None, refused=lambda _: None)
        self.store = folder / "store.sqlite"
        self.written = sqlite_writer.open_store(self.store)
        self.documents = Documents(self.written, self.files)
        name = self.trust.current().registry.fleet
        self.window = OfficeWindow(
            name,
            self.documents,
            self.trust,
            self.fleet.receipts,
            lambda: NOW,
            lambda: sqlite.open_reader(self.store),
            Presence("intake-1", [b"the CA's"], b"the CA's"),
        )
        self.ask, self.down = desk(name, Desk.ASK), desk(name, Desk.TRUST)

    @property
    def newer(self):
        """A registry of the next version, as bytes, with its version."""
        before = self.files.registry.read_bytes()
        version = self.trust.current().registry.version
        self.fleet.add(f"kiosk-{version + 10}")
        self.fleet.write_trust(self.files.registry.parent)
        made = self.files.registry.read_bytes()
        self.files.registry.write_bytes(before)
        return made


@pytest.fixture
def place(tmp_path):
    with_window = Place(tmp_path)
    yield with_window
    with_window.window.close()
    with_window.written.close()


def said(capsys):
    return [json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()]


def test_what_is_not_the_offices_is_left_to_the_intake(place):
    assert not place.window.hear("homeward/1/coast/kiosk-1/records", b"a record")
    assert not place.window.hear(place.window.answers_by, b"")


def test_the_roll_is_told_once_after_it_was_asked_for(place):
    assert place.window.answers() == []
    assert place.window.hear(place.ask, b"")
    (part,) = until(place.window.answers, "the roll")
    read = roll.trust(part, place.trust.current().bundle)
    assert (read.at, read.kiosks) == (NOW, [])
    assert read.by == roll.Teller(
        intake="intake-1", bundle=1, registry=1, authorities=[b"the CA's"], certified_by=b"the CA's"
    )
    assert place.window.answers() == []


def test_parts_are_put_together_in_any_order_and_what_was_forged_is_left(place, capsys):
    made, version = place.newer, place.trust.current().registry.version + 1
    before = place.files.registry.read_bytes()
    forged = roll.split(What.REGISTRY, version, made[:-1] + bytes([made[-1] ^ 1]), 100)
    for part in forged:
        assert place.window.hear(place.down, part)
    assert said(capsys) == ["bad-signature"]
    assert place.files.registry.read_bytes() == before
    parts = roll.split(What.REGISTRY, version, made, 100)
    assert len(parts) > 2
    for part in reversed(parts):
        place.window.hear(place.down, part)
    assert place.files.registry.read_bytes() == made
    assert place.trust.current().registry.version == version


def test_an_older_document_and_garbage_change_nothing(place, capsys):
    before = place.files.registry.read_bytes()
    for part in roll.split(What.REGISTRY, place.trust.current().registry.version, before):
        place.window.hear(place.down, part)
    place.window.hear(place.down, b"\xff")
    assert said(capsys) == ["malformed"]
    foreign = SoftwareSigner.generate().public_key
    for part in roll.split(What.BUNDLE, 99, foreign):
        place.window.hear(place.down, part)
    assert len(said(capsys)) == 1
    assert place.files.registry.read_bytes() == before
