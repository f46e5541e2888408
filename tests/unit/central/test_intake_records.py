"""`homeward-intake gaps`, `quarantine`, `verify` and `export`: what is there, what is missing, what was refused."""

import base64
import hashlib
import json
import sqlite3

import pytest

from central.intake import progress
from central.times import now
from central.trust import TrustFiles
from edge_agent.wire.topics import Channel
from tests.unit.central.server import ids
from tests.unit.central.world import DAY, NOW, Kiosk

# -- gaps --------------------------------------------------------------------------------------------------------------


def test_a_whole_chain_has_nothing_missing(server, fleet):
    k1 = fleet.kiosks["k1"]
    server.keep(fleet, *[(k1.topic(), k1.next()) for _ in range(3)])
    assert server.run("gaps").stdout == "k1: 3 records, nothing missing\n"


def test_what_is_missing_is_named_also_when_only_the_kiosk_knows_of_it(server, fleet):
    k1 = fleet.kiosks["k1"]
    records = [(k1.topic(), k1.next()) for _ in range(4)]
    server.keep(fleet, records[0], records[3], (k1.topic(Channel.STATUS), k1.status(health=k1.health(highest_seq=6))))
    (told,) = server.lines("gaps")
    epoch = k1.epoch.hex()
    assert told == {
        "kiosk": "k1",
        "records": 2,
        "findings": [
            {"finding": "missing", "epoch": epoch, "first": 2, "last": 3, "since": NOW},
            {"finding": "missing", "epoch": epoch, "first": 5, "last": 6, "since": NOW},
        ],
    }
    assert "numbers 2 to 3 are missing" in server.run("gaps").stdout


def test_a_place_that_was_signed_twice_is_called_a_fork(server, fleet):
    k1 = fleet.kiosks["k1"]
    assert server.keep(fleet, (k1.topic(), k1.seal()), (k1.topic(), k1.seal())) == ["stored", "replayed"]
    assert [found["finding"] for found in server.lines("gaps")[0]["findings"]] == ["forked"]


def test_an_exchanged_record_is_called_broken(server, fleet):
    k1 = fleet.kiosks["k1"]
    exchanged = k1.seal()
    k1.next()
    server.keep(fleet, (k1.topic(), exchanged), (k1.topic(), k1.next()))
    assert [found["finding"] for found in server.lines("gaps")[0]["findings"]] == ["broken"]


def test_without_a_store_the_next_step_is_said(server):
    result = server.run("gaps")
    assert result.exit_code == 1
    assert "there is no store" in result.stderr


# -- quarantine --------------------------------------------------------------------------------------------------------


def test_the_quarantine_is_listed_with_its_reasons(server, fleet):
    k1 = fleet.kiosks["k1"]
    server.keep(fleet, (k1.topic(), b"nonsense"), (k1.topic(), b"nonsense"))
    (entry,) = server.lines("quarantine", "list")
    assert (entry["reason"], entry["topic"], entry["arrivals"], entry["size"]) == ("malformed", k1.topic(), 2, 8)
    assert "malformed" in server.run("quarantine", "list").stdout


def test_an_entry_is_shown_with_what_it_claims_to_be(server, fleet):
    k1 = fleet.kiosks["k1"]
    raw = bytearray(k1.next())
    raw[-1] ^= 1
    server.keep(fleet, (k1.topic(), bytes(raw)))
    shown = server.run("quarantine", "show", "1").stdout
    assert "reason: bad-signature" in shown
    assert "claims kiosk: k1" in shown
    assert server.run("quarantine", "show", "1", "--raw").stdout_bytes == bytes(raw)


def test_a_script_is_told_the_same_of_an_entry_as_a_person(server, fleet):
    k1 = fleet.kiosks["k1"]
    raw = bytearray(k1.next())
    raw[-1] ^= 1
    server.keep(fleet, (k1.topic(), bytes(raw)))
    (listed,) = server.lines("quarantine", "list")
    (shown,) = server.lines("quarantine", "show", "1")
    assert shown.items() > listed.items()
    assert (shown["claims_kiosk"], shown["claims_number"], shown["ends_at"]) == ("k1", 1, NOW + 90 * DAY)
    lines = server.run("quarantine", "show", "1").stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [name.replace("_", " ") for name in shown]


def test_bytes_that_are_no_record_claim_nothing(server, fleet):
    server.keep(fleet, (fleet.kiosks["k1"].topic(), b"nonsense"))
    assert "claims" not in server.run("quarantine", "show", "1").stdout


def test_a_number_that_is_not_there_is_refused(server, fleet):
    server.keep(fleet, (fleet.kiosks["k1"].topic(), b"nonsense"))
    result = server.run("quarantine", "show", "7")
    assert result.exit_code == 1
    assert "quarantine list" in result.stderr


# -- What is kept ------------------------------------------------------------------------------------------------------


def test_every_record_is_verified_again(server, kept):
    result = server.run("verify")
    assert (result.exit_code, result.stdout) == (0, "3 records checked, 0 wrong.\n")


def test_a_record_that_was_altered_in_the_store_is_found(server, kept):
    with sqlite3.connect(server.folder / "intake.sqlite") as store:
        store.execute("UPDATE records SET sealed = CAST(substr(sealed, 1, 400) || x'00' AS BLOB) WHERE number = 2")
    store.close()
    assert server.run("verify").exit_code == 1
    assert server.lines("verify") == [
        {"record_id": ids(kept)[1], "kiosk": "k1", "problem": "altered"},
        {"checked": 3, "wrong": 1},
    ]


def test_bytes_that_were_exchanged_with_their_hash_fail_by_their_signature(server, fleet, kept):
    other = Kiosk("k1", fleet.kiosks["k1"].recipients).next()
    with sqlite3.connect(server.folder / "intake.sqlite") as store:
        store.execute(
            "UPDATE records SET sealed = ?, sha256 = ? WHERE number = 1", (other, hashlib.sha256(other).digest())
        )
    store.close()
    assert [line.get("problem") for line in server.lines("verify")] == ["altered", None]


def test_a_record_of_a_kiosk_that_was_revoked_later_is_still_right(server, fleet, kept):
    fleet.revoked.add("k1")
    fleet.write_registry(TrustFiles.in_folder(server.folder / "trust"))
    assert server.run("verify").exit_code == 0


def test_records_are_exported_as_json_lines_with_their_claims(server, kept):
    lines = [json.loads(line) for line in server.run("export").stdout.splitlines()]
    assert [base64.b64decode(line["sealed"]) for line in lines] == kept
    assert [(line["record_id"], line["seq"]) for line in lines] == list(zip(ids(kept), (1, 2, 3), strict=True))
    assert lines[1]["previous"] == hashlib.sha256(kept[0]).hexdigest()


@pytest.mark.red_line(11)
def test_what_was_erased_here_is_erased_where_it_was_exported_to(server, fleet, kept, tmp_path):
    to = tmp_path / "elsewhere"
    assert server.run("export", "--to", str(to)).stdout == f"3 new records and 0 new tombstones in {to}.\n"
    assert [(to / f"{name}.cose").read_bytes() for name in ids(kept)] == kept
    k1 = fleet.kiosks["k1"]
    server.keep(fleet, (k1.topic(), k1.take_back()))
    assert server.run("export", "--to", str(to)).stdout == f"1 new records and 1 new tombstones in {to}.\n"
    erased = ids(kept)[2]
    assert not (to / f"{erased}.cose").exists()
    assert not (to / f"{erased}.json").exists()
    assert json.loads((to / f"{erased}.erased.json").read_text())["because"] == "withdrawn"


def test_what_is_missing_says_since_when(server, fleet):
    k1 = fleet.kiosks["k1"]
    first, _lost, third = k1.next(), k1.next(), k1.next()
    server.keep(fleet, (k1.topic(), first), (k1.topic(), third))
    assert "number 2 is missing since 2025-10-09 08:53 UTC" in server.run("gaps").stdout
    assert server.lines("gaps")[0]["findings"][0]["since"] == NOW


def test_long_work_says_how_far_it_is_beside_what_it_gives(server, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "EACH", 2)
    assert server.run("verify").stderr == "2 checked\n"
    lines = server.run("export")
    assert (len(lines.stdout.splitlines()), lines.stderr) == (3, "2 exported\n")
    assert server.run("export", "--to", str(tmp_path / "elsewhere")).stderr == "2 looked at\n"


def test_an_empty_quarantine_says_so_and_an_entry_says_when_in_words(server, fleet, kept):
    assert server.run("quarantine", "list").stdout == "Nothing is in quarantine.\n"
    assert server.lines("quarantine", "list") == []
    server.keep(fleet, (fleet.kiosks["k1"].topic(), b"nonsense"))
    shown = server.run("quarantine", "show", "1").stdout
    assert "first at: 2025-10-09 08:53 UTC\n" in shown
    assert "ends at: 2026-01-07 08:53 UTC\n" in shown


def test_quarantine_is_tried_again_when_the_registry_has_caught_up(server, fleet, kept):
    stranger = Kiosk("k3", fleet.kiosks["k1"].recipients)
    raw = stranger.next(expires_at=now() + 90 * DAY)
    server.keep(fleet, (stranger.topic(), raw), (stranger.topic(), b"nonsense"))
    assert server.run("quarantine", "retry").stdout == "Verified 2 again: nothing; 2 stay in quarantine.\n"
    fleet.kiosks["k3"] = stranger
    fleet.write_registry(TrustFiles.in_folder(server.folder / "trust"))
    assert server.run("quarantine", "retry", "1").stdout == "Verified 1 again: 1 stored; 0 stay in quarantine.\n"
    assert ids([raw])[0] in server.run("export").stdout
    assert "nothing in quarantine has number 9" in server.run("quarantine", "retry", "9").stderr
