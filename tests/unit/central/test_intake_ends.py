"""`homeward-intake expiring`, `expire` and `withdraw`: what ends, and what is taken back."""

import hashlib
import json
from pathlib import Path

import pytest

from central.intake.upkeep import Upkeep
from central.store.sqlite_writer import open_store
from central.times import now
from edge_agent.wire import receipts, withdrawal
from edge_agent.wire.receipts import Outcome
from edge_agent.wire.sealing import parse_record
from tests.unit.central.server import ids
from tests.unit.central.world import DAY, FLEET, NOW


@pytest.mark.red_line(11)
def test_what_ends_soon_is_named_before_and_erased_after(server, fleet):
    k1 = fleet.kiosks["k1"]
    today = now()
    soon, past = k1.next(expires_at=today + 5 * DAY), k1.next(expires_at=today - 2 * DAY)
    server.keep(fleet, (k1.topic(), soon), (k1.topic(), past), (k1.topic(), k1.next(expires_at=today + 90 * DAY)))
    warned = server.run("expiring").stdout
    assert ids([soon])[0] in warned
    assert "2 records end within 14 days." in warned
    assert [line.get("record_id") for line in server.lines("expire", "--dry-run")] == [*ids([past]), None]
    assert server.run("expire").stdout == "Erased 1 records and 0 entries of the quarantine.\n"
    assert server.lines("expire", "--dry-run") == [{"records": 0, "quarantined": 0}]
    assert server.lines("expire") == [{"records": 0, "quarantined": 0}]
    assert len(server.run("export").stdout.splitlines()) == 3, "two records and a tombstone"


def test_a_dry_run_says_how_much_would_go_and_then_just_that_goes(server, fleet):
    k1 = fleet.kiosks["k1"]
    claimed_past = k1.seal(expires_at=now() - 2 * DAY)
    altered = claimed_past[:-1] + bytes([claimed_past[-1] ^ 1])
    server.keep(fleet, (k1.topic(), k1.next(expires_at=now() - 2 * DAY)), (k1.topic(), altered))
    said = server.run("expire", "--dry-run").stdout.splitlines()
    assert said[-1] == "Would erase 1 records and 1 entries of the quarantine."
    assert len(said) == 2
    assert server.run("expire").stdout == "Erased 1 records and 1 entries of the quarantine.\n"


def test_a_dry_run_does_not_pretend_to_have_looked_for_orphans(server):
    result = server.run("expire", "--dry-run", "--orphans")
    assert result.exit_code == 2
    assert "leave --orphans out" in result.stderr


def desk_withdrawal(server, fleet, raw, **wrong):
    claims = parse_record(raw).claims
    named = {
        "record_id": claims.record_id,
        "sha256": hashlib.sha256(raw).digest(),
        "epoch": claims.epoch,
        "seq": claims.seq,
    }
    content = withdrawal.DeskWithdrawal(
        fleet=FLEET, kiosk=wrong.pop("kiosk", "k1"), issued_at=NOW, withdraws=withdrawal.Withdrawn(**(named | wrong))
    )
    file = server.folder / "withdrawal.cose"
    file.write_bytes(withdrawal.sign_at_desk(content, fleet.desk))
    return str(file)


def test_check_says_what_has_ended_and_is_still_there(server, fleet):
    k1 = fleet.kiosks["k1"]
    server.keep(fleet, (k1.topic(), k1.next(expires_at=now() - 2 * DAY)))
    assert "1 have ended and wait for `homeward-intake expire`" in server.run("check").stdout
    server.run("expire")
    assert "have ended" not in server.run("check").stdout


@pytest.mark.red_line(11)
def test_a_caseworker_takes_back_for_somebody_who_telephoned_and_gets_a_signed_receipt(server, fleet, kept, tmp_path):
    file, receipt = desk_withdrawal(server, fleet, kept[1]), tmp_path / "receipt.cose"
    result = server.run("withdraw", file, "--receipt", str(receipt))
    assert result.stdout == f"Record {ids(kept)[1]} of k1 is erased here.\n"
    (entry,) = receipts.trust(receipt.read_bytes(), fleet.trusted_bundle()).entries
    assert (entry.record_id.hex(), entry.outcome) == (ids(kept)[1], Outcome.ERASED)
    assert ids(kept)[1] not in {json.loads(line)["record_id"] for line in server.run("export").stdout.splitlines()[:2]}
    assert server.run("withdraw", file).exit_code == 0, "again is fine"


@pytest.mark.parametrize(("wrong", "words"), [({"kiosk": "k2"}, "another kiosk's"), ({"seq": 9}, "not the one")])
def test_a_withdrawal_that_does_not_fit_erases_nothing_and_says_so(server, fleet, kept, wrong, words):
    result = server.run("withdraw", desk_withdrawal(server, fleet, kept[1], **wrong))
    assert result.exit_code == 1
    assert words in result.stderr
    assert len(server.run("export").stdout.splitlines()) == 3


def test_nobody_else_takes_back(server, fleet, kept):
    file = Path(desk_withdrawal(server, fleet, kept[1]))
    content = withdrawal.trust_desk(file.read_bytes(), fleet.trusted_bundle())
    file.write_bytes(withdrawal.sign_at_desk(content, fleet.orders))
    result = server.run("withdraw", str(file))
    assert result.exit_code == 1
    assert f"{file} is no withdrawal that this fleet believes" in result.stderr
    assert "Nothing was erased." in result.stderr
    assert server.run("withdraw", str(server.folder / "nothing")).exit_code == 1
    assert len(server.run("export").stdout.splitlines()) == 3


def test_an_intake_on_a_file_erases_by_itself_every_hour(server, fleet):
    k1 = fleet.kiosks["k1"]
    server.keep(fleet, (k1.topic(), k1.next(expires_at=NOW + 100)))
    clock = [NOW]
    with open_store(server.folder / "intake.sqlite") as store:
        upkeep = Upkeep(store, lambda: clock[0])
        upkeep()
        clock[0] += 200
        upkeep()
        assert len(list(store.records())) == 1, "the hour is not over"
        clock[0] += 3600
        upkeep()
        assert list(store.records()) == []
