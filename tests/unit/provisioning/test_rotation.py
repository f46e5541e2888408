"""A key of the office replaced while the fleet works: what is under way is believed, the old key at the end no more."""

import shutil

import pytest

from edge_agent.errors import KeyFileError, LocalError, UnknownSignerError
from edge_agent.files import read_signer
from edge_agent.wire import cose, orders, receipts, registry
from edge_agent.wire.bundle import trust
from edge_agent.wire.keys import SoftwareSigner, kid
from edge_agent.wire.receipts import Entry, Outcome, Receipt
from edge_agent.wire.topics import Address
from provisioning import keyring, letters
from provisioning.acts import enrolment as enrolling
from provisioning.acts import orders as ordering
from provisioning.acts import revocation
from provisioning.acts import rotation as acts_rotation
from provisioning.decisions.rotation import Step, next_step
from provisioning.fleet import FleetError, Turn
from provisioning.fleet_directory import FleetDirectory
from provisioning.fleet_view import Seen, View
from provisioning.office import Office
from tests.unit.provisioning.cuts import every_cut, killed_at
from tests.unit.provisioning.test_nothing_half_done import FAULTS
from tests.unit.provisioning.world import NOW, OFFICE, ROOT, KioskKeys, open_at_little_cost

ROUND = ("begin", "switch", "finish")
BY_BUNDLE = (Turn.RECEIPTS, Turn.ORDERS)  # another CA is in test_another_ca.py


class Rotation:
    """A fleet whose key files open at little cost, and what its kiosks and intakes say of themselves."""

    def __init__(self, staff, monkeypatch):
        self.staff = staff
        self.office = Office(FleetDirectory(staff.fleet), "Amina", NOW)
        self.out = staff.folder / "handed"
        open_at_little_cost(staff, monkeypatch)
        self.root = self.office.root(staff.root, ROOT)

    def kiosk(self):
        self.staff.ok(*self.staff.add("kiosk-1", self.staff.folder / "card"))
        keys = KioskKeys(self.staff.folder / "keys")
        self.staff.ok("certify", "kiosk-1", *keys.words, "--out", self.staff.folder / "back", *self.staff.office)
        return self

    @property
    def state(self):
        return self.office.state()

    @property
    def bundle(self):
        """The bundle in force, as a kiosk believes it."""
        state = self.state
        return trust(state.bundle, bytes.fromhex(state.root))

    def rotate(self, turn, *more, run=None):
        """Take the next step by the command line."""
        run = run or self.staff.ok
        out = ["--out", self.out] if turn == "receipts" else []
        return run("rotate", turn, *self.staff.apart, *self.staff.office, *out, "--yes", *more)

    def hears(self, *, signed_by="", **bundles):
        """Let the last roll say which bundle each kiosk runs."""
        plain = {"at": NOW, "online": True, "version": "1", "backlog": 0, "backlog_bytes": 0, "refused": 0}
        seen = [
            Seen(kiosk=name.replace("_", "-"), missing=0, bundle_version=version, **plain)
            for name, version in bundles.items()
        ]
        self.office.rolls.write(View(at=NOW, seen=seen, signed_by=signed_by))

    def step(self, turn, step):
        match step:
            case Step.BEGIN:
                acts_rotation.begin(self.office, turn, OFFICE, self.root)
            case Step.SWITCH:
                acts_rotation.switch(self.office, turn, OFFICE, self.out)
            case Step.FINISH:
                acts_rotation.finish(self.office, turn, OFFICE, self.root)

    def assert_sound(self, turn, step):
        """The step happened or did not; the office's keys open, sign, and are believed; the log is whole."""
        state = self.state
        happened = next_step(state, turn) is not step
        keys = self.office.keys(OFFICE)
        bundle = self.bundle
        assert receipts.trust(receipt(keys.receipts), bundle)
        assert registry.trust(state.registry, bundle)
        assert keys.orders.public_key in bundle.content.order_keys
        told = self.office.directory.log(state).entries
        assert (told[-1].act == "rotate" and told[-1].facts["step"] == step.name.lower()) == happened
        return happened


@pytest.fixture
def rotation(staff, monkeypatch):
    return Rotation(staff, monkeypatch)


def receipt(signer):
    entry = Entry(record_id=bytes(16), sha256=bytes(32), outcome=Outcome.STORED)
    return receipts.sign(Receipt(kiosk="kiosk-1", at=NOW, entries=[entry]), signer)


def test_receipts_of_the_old_key_and_of_the_new_are_believed_until_the_last_step_and_then_the_new_alone(rotation):
    old = rotation.office.keys(OFFICE).receipts
    of_old = receipt(old)
    rotation.rotate("receipts")
    assert rotation.office.keys(OFFICE).receipts.public_key == old.public_key
    rotation.rotate("receipts")
    new = read_signer(rotation.out / "receipt.key")
    assert new.public_key != old.public_key
    assert rotation.office.keys(OFFICE).receipts.public_key == new.public_key
    for signed in (of_old, receipt(new)):
        assert receipts.trust(signed, rotation.bundle)
    rotation.rotate("receipts", "--anyway")
    assert receipts.trust(receipt(new), rotation.bundle)
    with pytest.raises(UnknownSignerError):
        receipts.trust(of_old, rotation.bundle)


def test_orders_and_registry_are_signed_anew_only_once_kiosks_believe_the_new_key(rotation):
    rotation.kiosk()
    old, before = rotation.office.keys(OFFICE), rotation.bundle
    sent = []

    def believed(bundle):
        """Have the kiosk and an intake read what is sent now; give the key that signed both."""
        state, keys = rotation.state, rotation.office.keys(OFFICE)
        (letter,) = letters.orders(state, ["kiosk-1"], keys)
        sent.append(letter.payload)
        assert orders.trust(letter.payload, bundle, Address("coast", "kiosk-1"), newer_than=0)
        assert registry.trust(state.registry, bundle).version == state.registered.version
        limit = orders.Orders.MAX_BYTES
        return cose.parse_sign1(letter.payload, orders.TYPE, max_bytes=limit).kid

    rotation.rotate("orders")
    assert believed(before) == kid(old.orders.public_key)  # a kiosk that has the old bundle still believes its orders
    overlap = rotation.bundle
    rotation.rotate("orders", "--anyway")
    new = believed(overlap)
    assert new != kid(old.orders.public_key)
    rotation.rotate("orders", "--anyway")
    assert believed(overlap) == new  # and takes up the last bundle by orders that it believes
    assert believed(rotation.bundle) == new
    with pytest.raises(UnknownSignerError):
        orders.trust(sent[0], rotation.bundle, Address("coast", "kiosk-1"), newer_than=0)
    assert believed(overlap)


def test_no_step_is_taken_before_every_kiosk_in_service_says_that_it_has_the_bundle(rotation):
    rotation.kiosk()
    rotation.rotate("orders")
    bundle = rotation.bundle.content.version
    for heard in ({}, {"kiosk_1": bundle - 1}):
        rotation.hears(**heard)
        said = rotation.rotate("orders", run=rotation.staff.fails)
        assert f"not known to run bundle {bundle}: kiosk-1" in said
        assert next_step(rotation.state, Turn.ORDERS) is Step.SWITCH
    rotation.hears(kiosk_1=bundle)
    rotation.rotate("orders")
    assert next_step(rotation.state, Turn.ORDERS) is Step.FINISH


def test_the_old_receipt_key_stays_until_an_intake_has_answered_with_the_new_one(rotation):
    rotation.rotate("receipts")
    rotation.rotate("receipts")
    old, new = (kid(key).hex() for key in rotation.state.named(Turn.RECEIPTS))
    rotation.hears(signed_by=old)
    assert f"no intake has answered yet with the new key {new}" in rotation.rotate("receipts", run=rotation.staff.fails)
    rotation.hears(signed_by=new)
    rotation.rotate("receipts")
    assert [kid(key).hex() for key in rotation.state.named(Turn.RECEIPTS)] == [new]


@pytest.mark.parametrize("turn", BY_BUNDLE)
def test_a_dry_run_and_a_no_show_the_difference_and_change_nothing(rotation, turn):
    for _step in Step:
        before = rotation.staff.everything()
        shown = rotation.staff.ok("rotate", turn, "--dry-run")
        assert f"step {next_step(rotation.state, turn)} of 3" in shown
        assert kid(rotation.state.in_force(turn)).hex() in shown
        out = ["--out", rotation.out] if turn is Turn.RECEIPTS else []
        words = ["rotate", turn, "--root", rotation.staff.root, *out, "--anyway"]
        assert "nothing was changed" in rotation.staff.fails(*words, entered="n\n")
        assert rotation.staff.everything() == before
        rotation.rotate(turn, "--anyway")


def test_the_steps_that_sign_a_bundle_ask_for_the_stick_and_the_log_tells_each_step(rotation):
    staff = rotation.staff
    said = staff.fails("rotate", "orders", *staff.office)
    assert "name its file with --root" in said
    assert "Do this?" not in said
    for _step in Step:
        rotation.rotate("orders", "--anyway")
    told = [entry for entry in rotation.office.directory.log(rotation.state).entries if entry.act == "rotate"]
    assert [(entry.facts["key"], entry.facts["step"]) for entry in told] == [("orders", step) for step in ROUND]
    assert {entry.facts["new"] for entry in told} == {kid(rotation.state.in_force(Turn.ORDERS)).hex()}


def test_the_new_receipt_key_is_handed_out_for_its_owner_alone_and_never_without_a_place(rotation):
    staff = rotation.staff
    rotation.rotate("receipts")
    assert "--out" in staff.fails("rotate", "receipts", *staff.office, "--yes")
    rotation.rotate("receipts")
    assert (rotation.out / "receipt.key").stat().st_mode & 0o777 == 0o600
    assert (rotation.out / "bundle.cose").read_bytes() == rotation.state.bundle


def test_keys_that_were_opened_before_a_switch_sign_nothing_any_more(rotation):
    rotation.kiosk()
    opened = rotation.office.keys(OFFICE)
    rotation.rotate("orders")
    ordering.order(rotation.office, ["kiosk-1"], opened, changes={"delivery.window": 8})
    rotation.rotate("orders", "--anyway")
    before = rotation.staff.everything()
    for act in (
        lambda: letters.orders(rotation.state, ["kiosk-1"], opened),
        lambda: revocation.out_of_service(rotation.office, "kiosk-1", opened),
        lambda: enrolling.turn_away(rotation.office, "kiosk-1", b"", "refused-by-staff", opened),
    ):
        with pytest.raises(FleetError, match="replaced since these keys were opened"):
            act()
    assert rotation.staff.everything() == before
    revocation.out_of_service(rotation.office, "kiosk-1", rotation.office.keys(OFFICE))


def test_both_keys_can_be_replaced_at_once_and_again(rotation):
    first = [rotation.state.in_force(turn) for turn in BY_BUNDLE]
    for _twice in range(2):
        for _step in Step:
            shutil.rmtree(rotation.out, ignore_errors=True)
            for turn in BY_BUNDLE:
                rotation.rotate(turn, "--anyway")
    state = rotation.state
    assert [len(state.named(turn)) for turn in BY_BUNDLE] == [1, 1]
    assert not {state.in_force(turn) for turn in BY_BUNDLE} & set(first)
    assert state.switched == []


def test_a_key_file_that_is_older_than_the_fleet_beside_it_is_found_out(rotation):
    older = (rotation.staff.fleet / "office.keys").read_bytes()
    for _step in Step:
        rotation.rotate("orders", "--anyway")
    with_both = rotation.office.keys(OFFICE)
    assert with_both.orders.public_key == rotation.state.in_force(Turn.ORDERS)
    (rotation.staff.fleet / "office.keys").write_bytes(older)
    with pytest.raises(KeyFileError, match="does not hold the key"):
        rotation.office.keys(OFFICE)


def test_once_it_is_finished_the_office_holds_the_old_key_no_more(rotation):
    old = keyring.secret_of(rotation.office.keys(OFFICE).receipts.private_key)
    for _step in Step:
        rotation.rotate("receipts", "--anyway")
    content = (rotation.staff.fleet / "office.keys").read_bytes()
    held = keyring.unprotect(content, "coast", keyring.Purpose.OFFICE, OFFICE)
    assert sorted(held) == ["authority", "claims", "orders", "receipts"]
    assert old not in held.values()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("turn", BY_BUNDLE)
def test_each_step_is_whole_or_not_at_all_wherever_it_is_stopped(staff, rotation, turn, fault):
    cuts = 0
    for step in Step:
        before = staff.folder.parent / f"before-{step.name}"
        shutil.copytree(staff.folder, before)
        for _number, met in every_cut(lambda step=step: rotation.step(turn, step), FAULTS[fault]):
            assert met is None or isinstance(met, KeyboardInterrupt | LocalError), repr(met)
            if not rotation.assert_sound(turn, step):
                rotation.step(turn, step)  # again, from whatever was left
                rotation.assert_sound(turn, step)
            cuts += 1
            shutil.rmtree(staff.folder)
            shutil.copytree(before, staff.folder)
    assert cuts > 30


@pytest.mark.parametrize("turn", BY_BUNDLE)
def test_a_power_cut_in_any_step_leaves_a_fleet_that_signs_and_is_believed(staff, rotation, turn):
    for step in Step:
        before = staff.folder.parent / f"before-{step.name}"
        shutil.copytree(staff.folder, before)
        number = 1
        while killed_at(number, lambda step=step: rotation.step(turn, step)):
            rotation.assert_sound(turn, step)
            shutil.rmtree(staff.folder)
            shutil.copytree(before, staff.folder)
            number += 1
        assert number > 10
        assert rotation.assert_sound(turn, step)


def test_another_fleets_root_begins_nothing(staff, rotation):
    before = staff.everything()
    with pytest.raises(FleetError, match="another fleet's root"):
        acts_rotation.begin(rotation.office, Turn.ORDERS, OFFICE, SoftwareSigner.generate())
    with pytest.raises(FleetError, match="not what comes next"):
        rotation.step(Turn.ORDERS, Step.FINISH)
    assert staff.everything() == before
