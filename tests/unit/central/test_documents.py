"""A newer registry that came to one intake is in force at all that share its store, and nothing else ever is."""

import json
from dataclasses import dataclass

import pytest

from central.intake.documents import Documents, Follower
from central.store.port import Store
from central.store.sqlite_writer import open_store
from central.trust import Floor, LiveTrust, TrustFiles, load
from edge_agent.wire import roll
from edge_agent.wire.documents import from_cbor
from edge_agent.wire.keys import SoftwareSigner
from edge_agent.wire.roll import TrustPart, What
from tests.unit.central.world import NOW, Fleet


@dataclass
class Intake:
    """One intake's files, its way to the shared store, and what is in force there."""

    store: Store
    files: TrustFiles

    def __post_init__(self):
        self.documents = Documents(self.store, self.files)
        self.documents.begin()
        self.trust = LiveTrust(
            self.files, Floor(), adopted=lambda _: self.documents.offer(), refused=lambda fault: pytest.fail(fault.what)
        )
        self.clock = NOW
        self.follow = Follower(self.documents, self.trust, lambda: self.clock)

    def hear(self, what, version, whole):
        for part in roll.split(what, version, whole, 200):
            self.documents.hear(from_cbor(part, TrustPart), self.trust.floor)

    @property
    def has(self):
        found = self.trust.current()
        return found.bundle.content.version, found.registry.version


@pytest.fixture
def fleet():
    made = Fleet()
    made.add("kiosk-1")
    return made


@pytest.fixture
def intakes(tmp_path, fleet):
    fleet.write_trust(tmp_path / "one")
    files = [TrustFiles.in_folder(tmp_path / name) for name in ("one", "two")]
    (tmp_path / "two").mkdir()
    for name in ("root", "bundle", "registry"):
        getattr(files[1], name).write_bytes(getattr(files[0], name).read_bytes())
    with open_store(tmp_path / "store") as one, open_store(tmp_path / "store") as other:
        yield Intake(one, files[0]), Intake(other, files[1])


def test_what_one_heard_is_in_force_at_the_other_at_its_next_look(intakes, fleet):
    one, other = intakes
    one.hear(What.BUNDLE, 2, fleet.signed_bundle(2))
    one.hear(What.REGISTRY, 2, fleet.signed_registry())
    assert one.has == (2, 2)
    assert other.has == (1, 1)
    other.follow()
    assert other.has == (2, 2)


def test_parts_that_came_to_different_intakes_are_one_document(intakes, fleet):
    parts = roll.split(What.REGISTRY, 2, fleet.signed_registry(), 100)
    assert len(parts) > 2
    for number, part in enumerate(parts):
        intake = intakes[number % 2]
        intake.documents.hear(from_cbor(part, TrustPart), intake.trust.floor)
    for intake in intakes:
        intake.follow()
    assert [intake.has for intake in intakes] == [(1, 2), (1, 2)]


def test_what_was_copied_to_one_by_hand_reaches_the_other(intakes, fleet):
    one, other = intakes
    fleet.write_registry(one.files)
    one.follow()
    other.follow()
    assert other.has == (1, 2)


def test_it_looks_once_in_a_second(intakes, fleet):
    one, other = intakes
    other.follow()
    one.hear(What.REGISTRY, 2, fleet.signed_registry())
    other.follow()
    assert other.has == (1, 1)
    other.clock += 1
    other.follow()
    assert other.has == (1, 2)


def test_what_somebody_forged_in_the_store_is_in_force_nowhere_and_told_once(intakes, fleet, capsys):
    one, other = intakes
    fleet.orders = SoftwareSigner.generate()
    one.store.share(What.REGISTRY, 9, fleet.signed_registry(9))
    for _ in range(3):
        other.clock += 1
        other.follow()
    assert other.has == (1, 1)
    assert [json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()] == ["unknown-signer"]


def test_an_older_version_that_was_relabelled_in_the_store_does_not_come_back(intakes, fleet, capsys):
    one, other = intakes
    older = other.files.registry.read_bytes()
    one.hear(What.REGISTRY, 2, fleet.signed_registry())
    one.store.share(What.REGISTRY, 3, older)
    fleet.write_registry(other.files, 2)
    other.follow()
    assert other.has == (1, 2)
    assert [json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()] == ["rolled-back"]


@pytest.mark.parametrize("damage", [lambda file: None, lambda file: file.write_bytes(b"?"), lambda file: file.unlink()])
def test_an_intake_that_starts_with_an_old_or_damaged_file_takes_the_newest_from_the_store(intakes, fleet, damage):
    one, other = intakes
    one.hear(What.BUNDLE, 2, fleet.signed_bundle(2))
    one.hear(What.REGISTRY, 2, fleet.signed_registry())
    damage(other.files.registry)
    started = Intake(other.store, other.files)
    assert started.has == (2, 2)
    assert load(other.files).registry.version == 2
