"""Ctrl-C, a full disk and a power cut at any moment: an act happened, or it did not; nothing is lost."""

import errno
import itertools
import shutil

import pytest

from edge_agent.errors import LocalError
from edge_agent.wire.bundle import Holder
from edge_agent.wire.consent import Controller
from provisioning.backup import Split
from provisioning.fleet import FleetError, Hardware, Network, Plan, Site
from provisioning.fleet_directory import FleetDirectory
from provisioning.office import Beginning, Office, recipient, remove_sheets
from tests.unit.provisioning.cuts import every_cut, killed_at, raising
from tests.unit.provisioning.world import NOW, OFFICE, ROOT

FAULTS = {
    "Ctrl-C": raising(KeyboardInterrupt()),
    "full": raising(OSError(errno.ENOSPC, "No space left on device")),
    "read-only": raising(OSError(errno.EROFS, "Read-only file system")),
}


def plan(kiosk):
    site = Site(id="s", name="East hall", latitude=43.8, longitude=87.6, accuracy_m=50, area="Urumqi")
    return Plan(
        id=kiosk,
        site=site,
        languages=["ug"],
        time_zone="Asia/Urumqi",
        hardware=Hardware.RASPBERRY_PI,
        network=Network.ETHERNET,
    )


class Desk:
    """The fleet of `staff`, worked without the command line, its keys opened once."""

    def __init__(self, staff):
        self.staff = staff
        self.office = Office(FleetDirectory(staff.fleet), "Amina", NOW)
        self.keys = self.office.keys(OFFICE)
        self.numbers = itertools.count(1)

    def add(self):
        number = next(self.numbers)
        self.out = self.staff.folder / f"card-{number}"
        self.office.add(plan(f"kiosk-{number}"), self.keys, self.out, self.staff.folder / f"label-{number}.pdf")

    def assert_sound(self):
        """The state reads, the log is whole, no half card lies about, and the next act goes through."""
        state = self.office.state()
        log = self.office.directory.log(state)
        added = {entry.facts["kiosk"] for entry in log.entries if entry.act == "add"}
        assert added == {kiosk.plan.id for kiosk in state.kiosks}
        for card in self.staff.folder.glob("card-*"):
            assert f"kiosk-{card.name.removeprefix('card-')}" in added
            assert {"kiosk.toml", "first-boot.toml", "claim.key"} <= {file.name for file in card.rglob("*")}
        self.add()
        assert self.out.is_dir()
        assert self.office.directory.log(self.office.state()).missing == b""


@pytest.mark.parametrize("fault", FAULTS)
def test_adding_a_kiosk_is_whole_or_not_at_all_wherever_it_is_stopped(staff, fault):
    desk = Desk(staff)
    cuts = 0
    for _number, met in every_cut(desk.add, FAULTS[fault]):
        assert met is None or isinstance(met, KeyboardInterrupt | LocalError), repr(met)
        desk.assert_sound()
        cuts += 1
    assert cuts > 20
    assert not [path for path in staff.folder.iterdir() if path.name.startswith(".")]


def test_a_power_cut_while_a_kiosk_is_added_leaves_the_fleet_sound(staff):
    desk = Desk(staff)
    for number in itertools.count(1):
        if not killed_at(number, desk.add):
            break
        next(desk.numbers)
        desk.assert_sound()
    assert number > 20


def a_beginning(new):
    recipients = [
        recipient(new.public(name).read_text(encoding="utf-8"), holder)
        for name, holder in (("Amina", Holder.CASEWORKER), ("Escrow", Holder.ESCROW))
    ]
    return Beginning(
        fleet="coast",
        controller=Controller(name="The NGO", contact="+86 991 000 0000"),
        jurisdiction="CN",
        brokers=[new.broker],
        recipients=recipients,
        split=Split(),
        days=365,
    )


def test_the_last_words_of_each_printed_sheet_prove_the_paper_and_the_files_go(new):
    office = Office(FleetDirectory(new.fleet), "Amina", NOW)
    words = office.begin(a_beginning(new), new.root, new.sheets, office=OFFICE, root=ROOT)
    with pytest.raises(FleetError, match="not the last words of sheet 1"):
        office.prove_printed(words, ["lantern window river leaf"])
    assert not office.state().backup_proven
    office.prove_printed(words, [" ".join(words[0].split()[-4:]).upper()])
    assert office.state().backup_proven
    remove_sheets(new.sheets, Split())
    assert not new.sheets.exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_beginning_that_is_stopped_leaves_nothing_and_can_be_begun_again(new, fault, monkeypatch):
    monkeypatch.setattr("provisioning.keyring._SCRYPT_N", 1 << 4)  # some forty beginnings; the passphrase is not tried
    beginning = a_beginning(new)
    office = Office(FleetDirectory(new.fleet), "Amina", NOW)

    def begin():
        office.begin(beginning, new.root, new.sheets, office=OFFICE, root=ROOT)

    cuts = 0
    for number, met in every_cut(begin, FAULTS[fault]):
        cuts += 1
        if new.fleet.exists():
            office.state()
            assert new.root.exists(), number
            assert new.sheet_files(), number
        elif met is not None and number > 1:
            assert not new.root.exists(), number
            assert not new.sheets.exists(), number
        for left in (new.fleet, new.sheets, new.root.parent):
            shutil.rmtree(left, ignore_errors=True)
    assert cuts > 10
