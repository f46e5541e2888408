"""Ctrl-C, a full disk and a power cut at any moment: an act happened, or it did not; nothing is lost."""

import errno
import itertools
import shutil

import pytest

from edge_agent.errors import LocalError
from edge_agent.wire.bundle import Holder
from edge_agent.wire.fields import Controller
from edge_agent.wire.orders import Mode
from provisioning import handout
from provisioning.acts import cards, orders, revocation
from provisioning.acts import enrolment as enrolling
from provisioning.acts.beginning import Beginning, Passphrases, begin, prove_printed, remove_sheets
from provisioning.backup import Split
from provisioning.fleet import FleetError, Hardware, Network, Plan, Site
from provisioning.fleet_directory import FleetDirectory
from provisioning.office import Office
from provisioning.recipients import recipient
from tests.unit.provisioning.cuts import every_cut, killed_at, raising
from tests.unit.provisioning.test_enrolment import Newcomer
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
        cards.add(self.office, plan(f"kiosk-{number}"), self.keys, self.out, self.staff.folder / f"label-{number}.pdf")

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


@pytest.mark.parametrize("fault", FAULTS)
def test_a_list_of_kiosks_is_added_whole_or_not_at_all_wherever_it_is_stopped(staff, fault):
    desk = Desk(staff)

    def add_two():
        desk.number = next(desk.numbers)
        desk.out = staff.folder / f"cards-{desk.number}"
        desk.two = {f"kiosk-{desk.number}-{which}" for which in "ab"}
        cards.add_many(desk.office, [plan(name) for name in sorted(desk.two)], desk.keys, desk.out)

    cuts = 0
    for _number, met in every_cut(add_two, FAULTS[fault]):
        assert met is None or isinstance(met, KeyboardInterrupt | LocalError), repr(met)
        added = desk.two & {kiosk.plan.id for kiosk in desk.office.state().kiosks}
        assert added in (set(), desk.two)
        assert not desk.out.exists() or (added and desk.two <= {path.name for path in desk.out.iterdir()})
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


class Acts(Desk):
    """Acts on a kiosk of its own each: what they were given before, what they did, and what shows that they did it."""

    def before(self):
        """Give the act its kiosk: one that asks, or one that is in service."""
        self.add()
        self.kiosk = self.out.name.replace("card", "kiosk")
        newcomer = Newcomer(self.out)
        self.asked = newcomer.claim, newcomer.apply()
        if self.act is not Acts.approve:
            self.approve()

    def approve(self):
        asks = enrolling.consider(self.office, *self.asked, self.keys)
        (self.answer,) = enrolling.approve(self.office, [asks], self.keys)

    def order(self):
        orders.order(self.office, [self.kiosk], self.keys, mode=Mode.PAUSE)

    def revoke(self):
        revocation.out_of_service(self.office, self.kiosk, self.keys)

    def happened(self):
        """Say whether the act happened. Whatever the moment: all of it did, or nothing."""
        state = self.office.state()
        known = state.kiosk(self.kiosk)
        entries = [entry for entry in state.registered.keys if entry.kiosk == self.kiosk]
        (told, shown, trusted) = {
            Acts.approve: ("enrol", known.claim.used_at is not None, [e.revoked_at for e in entries] == [None]),
            Acts.order: ("order", known.orders is not None, known.orders is not None),
            Acts.revoke: ("revoke", known.revoked_at is not None, all(e.revoked_at is not None for e in entries)),
        }[self.act]
        log = [entry for entry in self.office.directory.log(state).entries if entry.act == told]
        assert (
            shown
            == trusted
            == any(self.kiosk in (entry.facts.get("kiosk"), *entry.facts.get("kiosks", [])) for entry in log)
        )
        return shown

    def assert_sound_after(self):
        """What happened is whole; done again it happens, or is refused because it happened; servers get what is so."""
        happened = self.happened()
        if not happened or self.act is Acts.approve:  # who asks again gets the same answer again
            self.act(self)
        assert self.happened()
        assert self.act is not Acts.approve or self.answer
        state = self.office.state()
        for name, file in handout.to_copy(state).items():
            assert happened or (self.staff.fleet / "to-copy" / name).read_bytes() == file.content
        self.assert_sound()
        for name, file in handout.to_copy(self.office.state()).items():
            assert (self.staff.fleet / "to-copy" / name).read_bytes() == file.content
        return happened


def acts(staff, act):
    made = Acts(staff)
    made.act = act
    return made


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("act", [Acts.approve, Acts.order, Acts.revoke], ids=lambda act: act.__name__)
def test_an_act_on_a_kiosk_is_whole_or_not_at_all_wherever_it_is_stopped(staff, act, fault):
    desk = acts(staff, act)
    seen = set()
    for _number, met in every_cut(lambda: act(desk), FAULTS[fault], desk.before):
        assert met is None or isinstance(met, KeyboardInterrupt | LocalError), repr(met)
        seen.add(desk.assert_sound_after())
    assert seen == {True, False}


@pytest.mark.parametrize("act", [Acts.approve, Acts.order, Acts.revoke], ids=lambda act: act.__name__)
def test_a_power_cut_during_an_act_on_a_kiosk_leaves_it_whole_or_not_at_all(staff, act):
    desk = acts(staff, act)
    seen = set()
    for number in itertools.count(1):
        desk.before()
        if not killed_at(number, lambda: act(desk)):
            break
        seen.add(desk.assert_sound_after())
    assert seen == {True, False}


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
    words = begin(office, a_beginning(new), new.root, new.sheets, Passphrases(OFFICE, ROOT))
    with pytest.raises(FleetError, match="not the last words of sheet 1"):
        prove_printed(office, words, ["lantern window river leaf"])
    assert not office.state().backup_proven
    prove_printed(office, words, [" ".join(words[0].split()[-4:]).upper()])
    assert office.state().backup_proven
    remove_sheets(new.sheets, Split())
    assert not new.sheets.exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_beginning_that_is_stopped_leaves_nothing_and_can_be_begun_again(new, fault, monkeypatch):
    monkeypatch.setattr("provisioning.keyring._SCRYPT_N", 1 << 4)  # some forty beginnings; the passphrase is not tried
    beginning = a_beginning(new)
    office = Office(FleetDirectory(new.fleet), "Amina", NOW)

    def begin_it():
        begin(office, beginning, new.root, new.sheets, Passphrases(OFFICE, ROOT))

    cuts = 0
    for number, met in every_cut(begin_it, FAULTS[fault]):
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
        new.root.parent.mkdir()
    assert cuts > 10
