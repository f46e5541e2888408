"""Who needs a person: what kiosks and intakes said, put into an order, with nothing of it believed too easily."""

from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import RolledBackError, UnknownSignerError
from edge_agent.wire import roll, status
from edge_agent.wire.documents import to_cbor
from edge_agent.wire.fields import ClockQuality
from edge_agent.wire.keys import SoftwareSigner
from provisioning import fleet_view
from provisioning.acts import cards
from provisioning.decisions.orders import with_orders
from provisioning.decisions.service import Enrolled, with_all_enrolled
from provisioning.fleet_view import SILENT_AFTER_S, Need, RollFile, View
from provisioning.particulars import particulars
from tests.unit.provisioning.test_enrolment import Bench
from tests.unit.provisioning.test_nothing_half_done import plan
from tests.unit.provisioning.world import DAY, NOW

if TYPE_CHECKING:
    from provisioning.office import Office

MIB = 1024 * 1024


class Kiosks:
    """A fleet of three kiosks in service, and what they say."""

    def __init__(self, staff):
        self.bench = Bench(staff)
        office, keys = self.bench.office, self.bench.open_keys
        names = ["kiosk-1", "kiosk-2", "kiosk-3"]
        cards.add_many(office, [plan(name) for name in names], keys, staff.folder / "cards")
        self.signers = {name: SoftwareSigner.generate() for name in names}
        state = office.state()
        enrolled = [
            Enrolled(name, signer.public_key, state.kiosk(name).claim.certificate)
            for name, signer in self.signers.items()
        ]
        enrolled = [
            Enrolled(one.kiosk, one.key, type(one.tls)(serial=one.tls.serial, not_after=NOW + 90 * DAY))
            for one in enrolled
        ]
        self.state = with_all_enrolled(state, enrolled, keys.orders, now=NOW)

    def entry(self, kiosk, *, at=NOW, signer=None, online=True, missing=0, doubt=None, about=None, **health):
        plain = {
            "kiosk": kiosk,
            "version": "1",
            "boot_id": "b",
            "uptime_ms": 1,
            "clock": ClockQuality.SYNCHRONISED,
            "ready": True,
            "orders_version": 0,
            "bundle_version": 1,
            "models": [],
            "epoch": bytes(16),
            "highest_seq": 0,
        }
        signed = status.sign_health(status.Health(**(plain | health)), signer or self.signers[kiosk])
        said = status.Status(kiosk=kiosk, online=online, version="1", health=signed, **(about or {}))
        return roll.Entry(kiosk=kiosk, at=at, status=to_cbor(said), missing=missing, doubt=doubt)

    def rows(self, *entries, now=NOW, state=None):
        state = state or self.state
        return fleet_view.rows(state, View(at=now, seen=fleet_view.read(entries, state)), now)

    def well(self, *names):
        return [self.entry(name) for name in names]


@pytest.fixture
def kiosks(staff):
    return Kiosks(staff)


def needs(row):
    return [need for need, _ in row.needs]


def test_kiosks_that_are_well_need_nobody(kiosks):
    shown = kiosks.rows(*kiosks.well("kiosk-1", "kiosk-2", "kiosk-3"))
    assert [needs(row) for row in shown] == [[], [], []]
    assert [row.kiosk.plan.id for row in shown] == ["kiosk-1", "kiosk-2", "kiosk-3"]


@pytest.mark.parametrize(
    ("need", "said"),
    [
        (Need.SILENT, {"online": False}),
        (Need.SILENT, {"at": NOW - SILENT_AFTER_S - 1}),
        (Need.BLOCKED, {"ready": False, "blocked_by": "camera"}),
        (Need.BLOCKED, {"about": {"free_bytes": 0}}),
        (Need.MISSING, {"missing": 3}),
        (Need.DOUBT, {"doubt": "bad-signature"}),
        (Need.REFUSED, {"about": {"refused": 2}}),
        (Need.CLOCK, {"clock": ClockQuality.UNSET}),
        (Need.FULL, {"about": {"free_bytes": 5 * MIB}}),
        (Need.HOT, {"about": {"temperature_c": 91.0}}),
    ],
)
def test_each_thing_that_is_wrong_is_said_and_comes_first(kiosks, need, said):
    shown = kiosks.rows(*kiosks.well("kiosk-1", "kiosk-2"), kiosks.entry("kiosk-3", **said))
    assert shown[0].kiosk.plan.id == "kiosk-3"
    assert needs(shown[0]) == [need]
    assert shown[0].needs[0][1]


def test_a_kiosk_that_was_never_heard_and_one_that_fell_silent_come_before_all_others(kiosks):
    later = NOW + 3 * SILENT_AFTER_S
    entries = [kiosks.entry("kiosk-2", missing=1, at=later), kiosks.entry("kiosk-3", at=NOW)]
    shown = kiosks.rows(*entries, now=later)
    assert [row.kiosk.plan.id for row in shown] == ["kiosk-1", "kiosk-3", "kiosk-2"]
    assert shown[0].needs[0][1] == "it has never been heard"
    assert shown[1].needs[0][1] == "silent for 45 minutes"


def test_what_another_signed_is_not_a_kiosks_own_word(kiosks):
    forged = kiosks.entry("kiosk-1", signer=kiosks.signers["kiosk-2"], orders_version=9)
    (row,) = [row for row in kiosks.rows(forged) if row.kiosk.plan.id == "kiosk-1"]
    assert row.seen.doubt == "wrong-signer"
    assert row.seen.orders_version is None
    garbled = roll.Entry(kiosk="kiosk-1", at=NOW, status=b"\xff")
    (row,) = [row for row in kiosks.rows(garbled) if row.kiosk.plan.id == "kiosk-1"]
    assert row.seen.doubt == "malformed"


def test_a_kiosk_that_runs_older_orders_than_it_was_given_is_said(kiosks):
    state = with_orders(kiosks.state, ["kiosk-1"], now=NOW, changes={"consent.days_kept": 90})
    shown = kiosks.rows(*kiosks.well("kiosk-1", "kiosk-2", "kiosk-3"), state=state)
    assert needs(shown[0]) == [Need.ORDERS]
    heard = [kiosks.entry("kiosk-1", orders_version=1), *kiosks.well("kiosk-2", "kiosk-3")]
    assert [needs(row) for row in kiosks.rows(*heard, state=state)] == [[], [], []]


def test_a_certificate_that_nobody_renewed_is_said_in_time(kiosks):
    now = NOW + 75 * DAY
    heard = [kiosks.entry(name, at=now) for name in kiosks.signers]
    shown = kiosks.rows(*heard, now=now)
    assert all(needs(row) == [Need.CERTIFICATE] for row in shown)
    assert "ends in 15 days" in shown[0].needs[0][1]


def test_a_view_that_was_kept_reads_back_and_a_damaged_one_is_none(kiosks, tmp_path):
    view = View(at=NOW, seen=fleet_view.read(kiosks.well("kiosk-1"), kiosks.state))
    kept = RollFile(tmp_path / "roll.json")
    assert kept.read() is None
    kept.write(view)
    assert kept.read() == view
    (tmp_path / "roll.json").write_bytes(b"{half")
    assert kept.read() is None


def test_a_roll_travels_in_parts_that_a_broker_carries_and_holds_under_the_receipt_key_alone(kiosks):
    office: Office = kiosks.bench.office
    state, receipts = office.state(), kiosks.bench.open_keys.receipts
    entries = [roll.Entry(kiosk=f"kiosk-{n}", at=NOW, status=bytes(600)) for n in range(1000)]
    parts = roll.sign("coast", NOW, entries, receipts)
    assert len(parts) > 1
    assert max(map(len, parts)) < 160 * 1024
    read = [roll.trust(part, state.trusted) for part in parts]
    assert [entry for part in read for entry in part.kiosks] == entries
    assert {(part.parts, part.at) for part in read} == {(len(parts), NOW)}
    assert len(roll.sign("coast", NOW, [], receipts)) == 1
    for signer in (kiosks.bench.open_keys.orders, SoftwareSigner.generate()):
        with pytest.raises(Exception, match="not trusted for receipts"):
            roll.trust(roll.sign("coast", NOW, entries[:1], signer)[0], state.trusted)


def test_an_old_roll_played_back_takes_no_views_place(kiosks):
    bench, trusted = kiosks.bench, kiosks.state.trusted
    (part,) = roll.sign(kiosks.state.fleet, NOW, kiosks.well("kiosk-1"), bench.open_keys.receipts)
    before, same, after, ahead = (View(at=NOW + seconds, seen=[]) for seconds in (-60, 0, 60, 7200))
    for view in (None, before, same, ahead):  # the last by a clock that was wrong
        assert roll.trust(part, trusted, at_least=fleet_view.floor(view, NOW + 3600)).at == NOW
    with pytest.raises(RolledBackError):
        roll.trust(part, trusted, at_least=fleet_view.floor(after, NOW + 3600))


def test_another_fleets_roll_is_refused(kiosks):
    (part,) = roll.sign("another", NOW, [], kiosks.bench.open_keys.receipts)
    with pytest.raises(UnknownSignerError):
        roll.trust(part, kiosks.state.trusted)


def test_all_that_a_kiosk_said_of_itself_is_told_beside_what_staff_said_it_is(kiosks):
    machine = {"backlog": 3, "backlog_bytes": 4096, "refused": 1, "free_bytes": 900 * MIB, "temperature_c": 41.25}
    word = {"ready": False, "blocked_by": "camera", "bundle_version": 2, "orders_version": 7, "models": [b"\xab" * 32]}
    told = kiosks.entry("kiosk-2", missing=2, about=machine, clock=ClockQuality.HOLDOVER, **word)
    row = next(row for row in kiosks.rows(told) if row.kiosk.plan.id == "kiosk-2")
    facts = particulars(kiosks.state, row)
    assert [why for name, why in facts if name == "needs a person"] == [why for _, why in row.needs]
    known = dict(facts)
    assert known["state"].startswith("in service; certificate ends ")
    assert known["heard"].endswith(", online")
    assert known["takes reports"] == "no: camera"
    assert known["waiting in its outbox"] == "3 reports, 4 KiB"
    assert (known["missing in its chain"], known["in quarantine"]) == ("2", "1")
    assert (known["clock"], known["free space"], known["temperature"]) == ("holdover", "900 MiB", "41.2 °C")
    assert (known["version"], known["models"]) == ("1", "abababab")
    assert (known["runs orders"], known["has bundle"]) == ("7; ordered: 0", "2; signed: 1")


def test_what_a_kiosk_did_not_say_is_not_made_up(kiosks):
    said = status.Status(kiosk="kiosk-1", online=False, version="1", health=None)
    silent = roll.Entry(kiosk="kiosk-1", at=NOW, status=to_cbor(said), missing=0, doubt=None)
    row = next(row for row in kiosks.rows(silent) if row.kiosk.plan.id == "kiosk-1")
    known = dict(particulars(kiosks.state, row))
    assert known["heard"].endswith(", not connected")
    assert {known[name] for name in ("takes reports", "clock", "free space", "temperature", "models")} == {
        "no word of it"
    }
