"""The device CA replaced in three steps: who is not known to be ready is named; a step is whole or not at all."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from edge_agent import authorities
from edge_agent.errors import KeyFileError, LocalError
from provisioning import letters
from provisioning.acts import device_ca, enrolment
from provisioning.acts.servers import Output, intake
from provisioning.decisions.device_ca import left, waits
from provisioning.decisions.rotation import Step, next_step
from provisioning.fleet import FleetError, Turn
from provisioning.fleet_directory import FleetDirectory
from provisioning.fleet_view import Seen, Told, View
from provisioning.office import Office
from provisioning.rabbitmq import READ_ANEW
from provisioning.throwaway import free_port
from provisioning.words import ca_rotated
from tests.unit.provisioning.cuts import every_cut, killed_at
from tests.unit.provisioning.test_nothing_half_done import FAULTS
from tests.unit.provisioning.world import NOW, OFFICE, KioskKeys, open_at_little_cost

SAID = {"at": NOW, "online": True, "version": "1", "backlog": 0, "backlog_bytes": 0, "refused": 0, "missing": 0}


class Rotation:
    """A fleet whose office file opens at little cost; nobody answers at its broker's address."""

    def __init__(self, staff, monkeypatch):
        self.staff = staff
        self.office = Office(FleetDirectory(staff.fleet), "Amina", NOW)
        open_at_little_cost(staff, monkeypatch)
        self.broker = f"127.0.0.1:{free_port()}"
        with self.office.act() as act:
            act.commit(replace(act.state, brokers=[self.broker]), "moved", {})

    @property
    def state(self):
        return self.office.state()

    def kiosk(self, name="kiosk-1", *, enrolled=True):
        self.staff.ok(*self.staff.add(name, self.staff.folder / f"{name}-card"))
        if enrolled:
            keys = KioskKeys(self.staff.folder / f"{name}-keys")
            self.staff.ok("certify", name, *keys.words, "--out", self.staff.folder / f"{name}-back", *self.staff.office)

    def step(self, *behind):
        ahead = next_step(self.state, Turn.CA)
        return device_ca.step(self.office, OFFICE, behind if ahead is Step.BEGIN else [*behind, self.broker])

    def later(self):
        """Let a minute pass."""
        self.office = dataclasses.replace(self.office, now=self.office.now + 60)
        self.staff.now = self.office.now

    def waits(self, view=None):
        return {wait.name: wait.why for wait in waits(self.state, view, NOW)}

    def assert_sound(self, step):
        """The step happened or did not; keys open, certify and list what the fleet trusts; the log is whole."""
        state = self.state
        happened = next_step(state, Turn.CA) is not step
        authority = self.office.keys(OFFICE).authority
        made = x509.load_pem_x509_certificate(authority.client("somebody", self.office.time).certificate)
        assert authorities.issuer(made, state.authorities) == state.authorities[0]
        assert listed_by(state) == [one.subject for one in state.authorities]
        told = self.office.directory.log(state).entries
        assert (told[-1].act == "rotate" and told[-1].facts["step"] == step.name.lower()) == happened
        return happened


def listed_by(state):
    """The issuers of the CRLs."""
    end = "-----END X509 CRL-----\n"
    return [x509.load_pem_x509_crl((part + end).encode()).issuer for part in state.crl.split(end) if part]


@pytest.fixture
def rotation(staff, monkeypatch):
    return Rotation(staff, monkeypatch)


def seen(kiosk, **more):
    return Seen(kiosk=kiosk, **(SAID | more))


def told(intake, cas, by):
    return Told(intake=intake, at=NOW, bundle=1, registry=1, authorities=list(cas), certified_by=by)


def test_the_new_ca_certifies_from_the_second_step_and_the_old_one_is_trusted_until_the_third(rotation):
    rotation.kiosk()
    (old,) = rotation.state.authorities
    rotation.step()
    assert rotation.state.authorities[0] == old
    new = rotation.state.authorities[1]
    assert new.subject != old.subject  # OpenSSL looks CRLs up by the name
    rotation.step("kiosk-1")
    assert rotation.state.authorities == [new, old]
    rotation.step("kiosk-1")
    assert rotation.state.authorities == [new]
    assert rotation.state.switched == []


def test_each_step_names_the_cas_in_the_orders_of_every_kiosk_and_in_what_is_copied_and_handed_out(rotation):
    rotation.kiosk()
    for number in (1, 2, 3):
        rotation.later()
        state = rotation.step(*(["kiosk-1"] if number > 1 else []))
        rotation.later()
        (letter,) = letters.orders(state, ["kiosk-1"], rotation.office.keys(OFFICE))
        ders = [one.public_bytes(Encoding.DER) for one in state.authorities]
        assert all(der in letter.payload for der in ders)
        assert state.kiosk("kiosk-1").orders.version == number
        assert (rotation.staff.fleet / "to-copy" / "ca.pem").read_text() == state.authority
        assert (rotation.staff.fleet / "to-copy" / "crl.pem").read_text() == state.crl
        rotation.kiosk(f"kiosk-{number}0", enrolled=False)
        assert (rotation.staff.folder / f"kiosk-{number}0-card" / "ca.pem").read_text() == state.authority


def test_who_is_not_known_to_trust_both_is_named_before_the_second_step(rotation):
    rotation.kiosk("kiosk-1")
    rotation.kiosk("kiosk-2")
    rotation.kiosk("older-card", enrolled=False)
    intake(rotation.office, "intake-1", rotation.office.keys(OFFICE), Output(rotation.staff.folder / "intake"))
    intake(rotation.office, "intake-2", rotation.office.keys(OFFICE), Output(rotation.staff.folder / "intake-2"))
    assert rotation.waits() == {}
    rotation.later()
    rotation.step()
    rotation.later()
    rotation.kiosk("newer-card", enrolled=False)
    assert set(rotation.waits()) == {"kiosk-1", "kiosk-2", "older-card", "intake-1", "intake-2"}
    old, new = (authorities.name(one).hex() for one in rotation.state.authorities)
    view = View(
        at=NOW,
        seen=[seen("kiosk-1", orders_version=1), seen("kiosk-2", orders_version=0)],
        intakes=[told("intake-1", [old, new], old), told("intake-2", [old], old)],
    )
    named = rotation.waits(view)
    assert set(named) == {"kiosk-2", "older-card", "intake-2"}
    assert "does not trust the new CA" in named["intake-2"]
    assert "homeward-fleet card older-card" in named["older-card"]


def test_who_is_not_known_to_have_a_new_certificate_is_named_before_the_third_step(rotation):
    for name in ("kiosk-1", "kiosk-2", "kiosk-3"):
        rotation.kiosk(name)
    intake(rotation.office, "intake-1", rotation.office.keys(OFFICE), Output(rotation.staff.folder / "intake"))
    rotation.step()
    rotation.step("kiosk-1", "kiosk-2", "kiosk-3", "intake-1")
    new, old = (authorities.name(one).hex() for one in rotation.state.authorities)
    kiosks = [seen("kiosk-1", certified_by=new), seen("kiosk-2", certified_by=old)]
    view = View(at=NOW, seen=kiosks, intakes=[told("intake-1", [new, old], old)])
    named = rotation.waits(view)
    assert set(named) == {"kiosk-2", "kiosk-3", "intake-1"}
    assert "never been heard" in named["kiosk-3"]
    assert "homeward-fleet intake --replace" in named["intake-1"]
    assert set(rotation.waits(View(at=NOW, seen=kiosks, intakes=[told("intake-1", [new], new)]))) == {
        "kiosk-2",
        "kiosk-3",
    }


def test_a_broker_that_can_not_be_seen_to_be_ready_holds_the_step_up_and_is_left_behind_by_its_address(rotation):
    rotation.step()
    with pytest.raises(FleetError, match=f"{rotation.broker} does not take a certificate of the new CA"):
        device_ca.step(rotation.office, OFFICE)
    assert next_step(rotation.state, Turn.CA) is Step.SWITCH
    device_ca.step(rotation.office, OFFICE, [rotation.broker])
    with pytest.raises(FleetError, match=f"{rotation.broker} shows no certificate of the new CA"):
        device_ca.step(rotation.office, OFFICE)


def test_only_somebody_who_is_waited_for_can_be_left_behind(rotation):
    rotation.step()
    with pytest.raises(FleetError, match="nobody waits for kiosk-9"):
        device_ca.step(rotation.office, OFFICE, [rotation.broker, "kiosk-9"])
    assert left([], []) == []
    assert next_step(rotation.state, Turn.CA) is Step.SWITCH


def test_a_dry_run_and_a_no_show_the_step_and_change_nothing(rotation):
    staff = rotation.staff
    for step in Step:
        before = staff.everything()
        shown = staff.ok("rotate", "ca", "--dry-run")
        assert f"The device CA, step {step} of 3" in shown
        assert authorities.name(rotation.state.authorities[0]).hex() in shown
        staff.fails("rotate", "ca", *staff.office, entered="n\n")
        assert staff.everything() == before
        behind = [] if step is Step.BEGIN else ["--leave-behind", rotation.broker]
        staff.ok("rotate", "ca", "--yes", *staff.office, *behind)


def test_whom_a_step_waits_for_is_told_with_the_one_command_that_leaves_all_of_them_behind(rotation):
    staff = rotation.staff
    for kiosk in ("kiosk-1", "kiosk-2"):
        rotation.kiosk(kiosk)
    rotation.step()
    everybody = f"kiosk-1,kiosk-2,{rotation.broker}"
    command = f"rotate ca --leave-behind {everybody}"
    for some in ([], ["--leave-behind", "kiosk-1"]):
        assert f"`homeward-fleet {command}`" in staff.fails("rotate", "ca", "--yes", *staff.office, *some)
    assert next_step(rotation.state, Turn.CA) is Step.SWITCH
    staff.ok(*command.split(), "--yes", *staff.office)
    assert next_step(rotation.state, Turn.CA) is Step.FINISH


@pytest.mark.parametrize("step", list(Step))
def test_a_clusters_nodes_are_told_to_read_their_files_anew_and_a_mosquitto_to_be_started_again(step):
    cluster, one = (" ".join(ca_rotated(step, Path("to-copy"), [], cluster=which)) for which in (True, False))
    assert f"rabbitmqctl eval '{READ_ANEW}'" in cluster
    assert "rabbitmqctl" not in one
    assert ("systemctl restart mosquitto" in one) == (step is not Step.SWITCH)


def test_the_log_tells_each_step_and_whom_it_left_behind(rotation):
    rotation.kiosk()
    for step in Step:
        rotation.step(*([] if step is Step.BEGIN else ["kiosk-1"]))
    entries = [entry for entry in rotation.office.directory.log(rotation.state).entries if entry.act == "rotate"]
    assert [(entry.facts["key"], entry.facts["step"]) for entry in entries] == [
        ("ca", "begin"),
        ("ca", "switch"),
        ("ca", "finish"),
    ]
    assert [entry.facts["left behind"] for entry in entries] == [
        [],
        ["kiosk-1", rotation.broker],
        ["kiosk-1", rotation.broker],
    ]


def test_keys_that_were_opened_before_the_new_ca_certified_certify_nothing_any_more(rotation):
    rotation.kiosk("kiosk-1")
    rotation.kiosk("kiosk-2", enrolled=False)
    opened = rotation.office.keys(OFFICE)
    rotation.step()
    rotation.step("kiosk-1", "kiosk-2")
    keys = KioskKeys(rotation.staff.folder / "late")
    requests = [keys.requests[name].read_bytes() for name in ("signing", "tls")]
    before = rotation.staff.everything()
    for act in (
        lambda keys: enrolment.certify(rotation.office, "kiosk-2", *requests, keys, rotation.staff.folder / "back"),
        lambda keys: intake(rotation.office, "intake-1", keys, Output(rotation.staff.folder / "intake")),
    ):
        with pytest.raises(FleetError, match="the CA was replaced"):
            act(opened)
        assert rotation.staff.everything() == before
    enrolment.certify(
        rotation.office, "kiosk-2", *requests, rotation.office.keys(OFFICE), rotation.staff.folder / "back"
    )


def test_once_it_is_finished_the_office_holds_the_old_key_no_more_and_older_key_files_are_found_out(rotation):
    older = (rotation.staff.fleet / "office.keys").read_bytes()
    for _step in Step:
        rotation.step()
    held = rotation.office.office_keys(rotation.state, OFFICE)
    assert sorted(held) == ["authority", "claims", "orders", "receipts"]
    (rotation.staff.fleet / "office.keys").write_bytes(older)
    with pytest.raises(KeyFileError, match="does not hold the key"):
        rotation.office.keys(OFFICE)


def test_it_can_be_replaced_again_and_the_other_keys_meanwhile(rotation):
    first = rotation.state.authorities
    for _twice in range(2):
        for _step in Step:
            rotation.step()
            rotation.staff.ok("rotate", "orders", *rotation.staff.apart, *rotation.staff.office, "--yes", "--anyway")
    assert len(rotation.state.authorities) == 1
    assert rotation.state.authorities != first
    assert rotation.state.switched == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_step_is_whole_or_not_at_all_wherever_it_is_stopped(staff, rotation, fault):
    cuts = 0
    for step in Step:
        before = staff.folder.parent / f"before-{step.name}"
        shutil.copytree(staff.folder, before)
        for _number, met in every_cut(rotation.step, FAULTS[fault]):
            assert met is None or isinstance(met, KeyboardInterrupt | LocalError), repr(met)
            if not rotation.assert_sound(step):
                rotation.step()  # again, from whatever was left
                rotation.assert_sound(step)
            cuts += 1
            shutil.rmtree(staff.folder)
            shutil.copytree(before, staff.folder)
    assert cuts > 15


def test_a_power_cut_in_any_step_leaves_a_fleet_that_certifies_and_is_trusted(staff, rotation):
    for step in Step:
        before = staff.folder.parent / f"before-{step.name}"
        shutil.copytree(staff.folder, before)
        number = 1
        while killed_at(number, rotation.step):
            rotation.assert_sound(step)
            shutil.rmtree(staff.folder)
            shutil.copytree(before, staff.folder)
            number += 1
        assert number > 5
        assert rotation.assert_sound(step)
