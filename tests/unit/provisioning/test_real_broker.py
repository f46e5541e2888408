"""What the command line wrote, put to work: a real mosquitto, the real intake and courier, a kiosk's real keys."""

import re
import shutil
import subprocess
import sys

import pytest

from edge_agent.files import OWNER_ONLY, read_signer
from tests.support.spool import Spool
from tests.support.waiting import PATIENCE_S, until
from tests.unit.provisioning.place import Place, make_folders


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_mosquitto_with_the_written_settings_allows_what_it_should_and_nothing_else(place):
    place.copy("broker", "acl")
    with place.mosquitto():
        said = place.ok("broker", "check", *place.office)
    assert said.count("ok ") == 11
    assert "WRONG" not in said


def test_a_broker_that_lets_everybody_do_everything_is_found_out(place):
    acl = place.folder / "broker" / "acl"
    acl.write_text("topic readwrite #\npattern readwrite #\n", encoding="utf-8")
    with place.mosquitto():
        said = place.fails("broker", "check", *place.office)
    assert re.search(r"WRONG\s+another kiosk overhears its records", said)
    assert re.search(r"WRONG\s+a kiosk forges a receipt for another", said)


def test_a_broker_that_is_not_there_or_not_ours_is_said_in_words(place, tmp_path):
    assert "can't be reached" in place.fails("broker", "check", *place.office)
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    with other.mosquitto():
        said = place.fails("broker", "check", "--address", other.broker, *place.office)
    assert "not this fleet's" in said


def test_a_record_goes_from_an_enrolled_kiosk_to_the_intake_and_no_more_once_it_is_revoked(place):
    here = place.bring_to_life("kiosk-1")
    place.copy("broker", "acl")
    with place.mosquitto():
        check = [sys.executable, "-m", "central.intake", "check", "--config", str(place.folder / "intake/intake.toml")]
        checked = subprocess.run(check, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
        with Spool(here) as spool, place.intake() as intake:
            intake.wait_for("ready", timeout=PATIENCE_S)
            (record,) = spool.fill(1)
            with place.courier("kiosk-1") as courier:
                courier.wait_for("receipted", record=record.hex(), timeout=PATIENCE_S)
                until(lambda: spool.left == 0, "an empty outbox")
    place.ok("revoke", "kiosk-1", *place.office, "--confirm", "kiosk-1")
    place.copy("broker", "acl", "crl.pem")
    with place.mosquitto():
        place.ok("broker", "check", *place.office)
        with place.courier("kiosk-1") as courier:
            courier.wait_for("not_connected", timeout=PATIENCE_S)
            assert not any(line["event"] == "connected" for line in courier.said)


def test_every_report_is_let_go_of_while_the_receipt_key_is_replaced_under_a_working_kiosk(place):
    here = place.bring_to_life("kiosk-1")
    place.copy("broker", "acl")
    by_hand = [*place.apart, *place.office, "--yes", "--anyway"]  # no kiosk process runs here to say what it has
    intake_check = [
        sys.executable,
        "-m",
        "central.intake",
        "check",
        "--config",
        str(place.folder / "intake/intake.toml"),
    ]
    old_key = (place.folder / "intake" / "receipt.key").read_bytes()
    with place.mosquitto(), Spool(here) as spool, place.courier("kiosk-1") as courier:

        def delivers(seq):
            (record,) = spool.fill(1)
            courier.wait_for("receipted", record=record.hex(), timeout=PATIENCE_S)
            until(lambda: spool.left == 0, f"an empty outbox after record {seq}")

        with place.intake() as intake:
            intake.wait_for("ready", timeout=PATIENCE_S)
            courier.wait_for("connected", timeout=PATIENCE_S)
            assert "An intake was told; 1 of 1 kiosks" in place.ok("rotate", "receipts", *by_hand)
            courier.wait_for("orders_in_force", version=1, timeout=PATIENCE_S)
            intake.wait_for("trust_adopted", bundle=2, timeout=PATIENCE_S)
            delivers(1)  # the old key still signs
        place.ok("rotate", "receipts", *by_hand, "--out", place.folder / "handed")
        shutil.copy2(place.folder / "handed" / "receipt.key", place.folder / "intake" / "receipt.key")
        with place.intake() as intake:
            intake.wait_for("ready", timeout=PATIENCE_S)
            delivers(2)  # the new key signs, and the courier, which was not touched, believes it
            place.ok("rotate", "receipts", *by_hand)
            courier.wait_for("orders_in_force", version=2, timeout=PATIENCE_S)
            intake.wait_for("trust_adopted", bundle=3, timeout=PATIENCE_S)
            delivers(3)  # and goes on when the old one is believed no more
    (place.folder / "intake" / "receipt.key").write_bytes(old_key)
    checked = subprocess.run(intake_check, capture_output=True, text=True, check=False)
    assert "the bundle does not name the receipt key" in checked.stdout


def test_a_card_in_a_thiefs_hand_has_nothing_on_the_broker(place):
    """Its claim may enrol; it may not deliver. The ACL alone is tried here: no CRL lists an open claim."""
    here = place.folder / "kiosk-1"
    place.ok(*place.add("kiosk-1", here))
    place.copy("broker", "acl")
    claim = place.state().kiosk("kiosk-1").claim.id
    make_folders(here)
    shutil.copy2(here / "courier" / "claim.pem", here / "courier" / "tls.pem")
    shutil.copy2(here / "courier" / "claim.key", here / "courier" / "tls.key")
    shutil.copy2(place.folder / "broker" / "server.key", here / "kiosk" / "signing.key")
    (here / "kiosk" / "signing.key").chmod(OWNER_ONLY)
    assert read_signer(here / "kiosk" / "signing.key")
    settings = (here / "kiosk.toml").read_text(encoding="utf-8")
    (here / "kiosk.toml").write_text(settings.replace('kiosk = "kiosk-1"', f'kiosk = "{claim}"'), encoding="utf-8")
    with place.mosquitto(), Spool(here) as spool:
        spool.fill(1)
        with place.courier("kiosk-1") as courier:
            courier.wait_for_any([{"event": "not_connected"}, {"event": "not_passed_on"}], timeout=PATIENCE_S)
            assert not any(line["event"] == "acknowledged" for line in courier.said)
        assert spool.left == 1
