import pytest

from central.trust import Floor, LiveTrust, load
from edge_agent.errors import RolledBackError, SettingsError, UnknownSignerError
from tests.unit.central.world import Fleet


@pytest.fixture
def fleet():
    made = Fleet()
    made.add("k1")
    return made


class Told:
    def __init__(self):
        self.adopted, self.refused = [], []

    def follow(self, files):
        return LiveTrust(files, Floor(), adopted=self.adopted.append, refused=self.refused.append)


def test_root_bundle_and_registry_are_verified_in_turn(fleet, tmp_path):
    found = load(fleet.write_trust(tmp_path))
    assert found.registry.kiosks == {"k1"}
    assert found.bundle.content.fleet == found.registry.fleet


def test_a_missing_file_is_named(fleet, tmp_path):
    files = fleet.write_trust(tmp_path)
    files.registry.unlink()
    with pytest.raises(SettingsError, match=r"registry\.cose"):
        load(files)


@pytest.mark.parametrize("text", ["", "not hexadecimal", "04" * 64, "ÿ"])
def test_a_root_that_is_no_point_is_refused(fleet, tmp_path, text):
    files = fleet.write_trust(tmp_path)
    files.root.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="not a root's public key"):
        load(files)


def test_a_bundle_by_another_root_is_refused(fleet, tmp_path):
    files = fleet.write_trust(tmp_path)
    files.bundle.write_bytes(Fleet().signed_bundle())
    with pytest.raises(UnknownSignerError):
        load(files)


def test_a_version_below_the_floor_is_refused_at_start(fleet, tmp_path):
    files = fleet.write_trust(tmp_path)
    with pytest.raises(RolledBackError):
        load(files, Floor(bundle=1, registry=2))


def test_a_replaced_registry_is_taken_up_without_a_restart(fleet, tmp_path):
    told = Told()
    files = fleet.write_trust(tmp_path)
    trust = told.follow(files)
    fleet.add("k2")
    fleet.write_registry(files)
    assert trust.current().registry.kiosks == {"k1", "k2"}
    assert told.adopted == [Floor(1, 1), Floor(1, 2)]


def test_an_older_registry_is_refused_and_the_one_in_force_stays(fleet, tmp_path):
    told = Told()
    files = fleet.write_trust(tmp_path)
    fleet.revoked.add("k1")
    fleet.write_registry(files)
    trust = told.follow(files)
    fleet.revoked.clear()
    fleet.write_registry(files, version=1)
    assert trust.current().registry.version == 2
    assert [fault.code for fault in told.refused] == ["rolled-back"]


def test_a_damaged_registry_is_refused_once_and_the_one_in_force_stays(fleet, tmp_path):
    told = Told()
    files = fleet.write_trust(tmp_path)
    trust = told.follow(files)
    files.registry.write_bytes(b"\x00")
    assert trust.current().registry.kiosks == trust.current().registry.kiosks == {"k1"}
    assert len(told.refused) == 1


def test_a_registry_that_vanishes_changes_nothing_until_it_is_back(fleet, tmp_path):
    told = Told()
    files = fleet.write_trust(tmp_path)
    trust = told.follow(files)
    files.registry.unlink()
    assert trust.current().registry.kiosks == {"k1"}
    fleet.add("k2")
    fleet.write_registry(files)
    assert trust.current().registry.kiosks == {"k1", "k2"}
