import base64
import hashlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from central.intake.cli import app
from central.intake.core import judge
from central.intake.settings import IntakeSettings, load
from central.intake.upkeep import Upkeep
from central.store.sqlite import open_store
from central.terminal import now
from central.trust import TrustFiles
from edge_agent.errors import SettingsError
from edge_agent.settings import describe
from edge_agent.wire import receipts, withdrawal
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from edge_agent.wire.receipts import Outcome
from edge_agent.wire.sealing import parse_record
from edge_agent.wire.topics import Channel
from provisioning.certificates import private_pem
from provisioning.throwaway import ThrowawayFleet
from tests.unit.central.world import DAY, FLEET, NOW, Fleet, Kiosk

SETTINGS = """
fleet = "coast"
receipt_key = "receipt.key"

[broker]
addresses = ["127.0.0.1:{port}"]
ca = "ca.pem"
certificate = "tls.pem"
key = "tls.key"

[store]
sqlite = "intake.sqlite"

[trust]
root = "root.pub"
bundle = "bundle.cose"
registry = "registry.cose"
"""


@dataclass
class Server:
    """A central server as staff set it up, its broker not running."""

    folder: Path
    port: int

    @property
    def config(self):
        return self.folder / "intake.toml"

    def run(self, *words):
        return CliRunner().invoke(app, [*words, "--config", str(self.config)])

    def lines(self, *words):
        return [json.loads(line) for line in self.run(*words, "--json").stdout.splitlines()]

    def keep(self, fleet, *messages):
        entries = [judge(topic, payload, fleet.registry()) for topic, payload in messages]
        with open_store(self.folder / "intake.sqlite") as store:
            return store.commit(entries, NOW).result()


@pytest.fixture
def server(tmp_path):
    escrow = Recipient(name="escrow", holder=Holder.ESCROW, key=RecipientPrivateKey.generate().public_key.raw)
    fleet = ThrowawayFleet(tmp_path, [escrow], name="coast")
    made = Server(tmp_path / "intake", fleet.port)
    made.config.write_text(SETTINGS.format(port=fleet.port), encoding="utf-8")
    return made


@pytest.fixture
def fleet():
    made = Fleet()
    made.add("k1")
    return made


# -- check -------------------------------------------------------------------------------------------------------------


def problems(result):
    lines = [line for line in result.stdout.splitlines() if line.startswith("problem")]
    return {line.removeprefix("problem").split(":")[0].strip() for line in lines}


def test_a_sound_set_up_lacks_only_the_broker_that_does_not_run(server):
    result = server.run("check")
    assert problems(result) == {"broker 127.0.0.1"}
    assert "Check that the broker runs" in result.stdout
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("spoil", "part", "words"),
    [
        (lambda s: (s.folder / "receipt.key").chmod(0o644), "receipt key", "chmod 600"),
        (lambda s: (s.folder / "receipt.key").unlink(), "receipt key", "receipt.key can't be read"),
        (lambda s: (s.folder / "receipt.key").write_bytes(b"?"), "receipt key", "no unencrypted private key"),
        (lambda s: (s.folder / "tls.key").chmod(0o640), "TLS", "chmod 600"),
        (lambda s: (s.folder / "tls.pem").write_bytes(b"?"), "TLS", "tls.pem"),
        (lambda s: (s.folder / "registry.cose").unlink(), "trust", "registry.cose can't be read"),
        (lambda s: (s.folder / "bundle.cose").write_bytes(b"?"), "trust", ""),
        (lambda s: (s.folder / "intake.sqlite").write_bytes(b"?" * 2000), "store", "intake.sqlite"),
    ],
)
def test_each_problem_is_explained_and_the_rest_still_checked(server, spoil, part, words):
    spoil(server)
    result = server.run("check")
    assert part in problems(result)
    assert words in result.stdout
    assert len(result.stdout.splitlines()) >= 5
    assert "Traceback" not in result.output


def test_a_receipt_key_that_no_kiosk_believes_is_found_before_it_signs(server):
    (server.folder / "receipt.key").write_bytes((server.folder / "tls.key").read_bytes())
    result = server.run("check")
    assert "no kiosk would believe a receipt" in result.stdout
    refused = server.run("run")
    assert refused.exit_code == 1
    assert "no kiosk would believe a receipt" in refused.stderr


def test_another_fleets_trust_is_found(server):
    server.config.write_text(SETTINGS.format(port=server.port).replace('"coast"', '"inland"'), encoding="utf-8")
    assert "the trust files are of fleet coast" in server.run("check").stdout


# -- Settings ----------------------------------------------------------------------------------------------------------


def test_file_names_are_relative_to_the_settings_file(server):
    assert load(server.config).store.sqlite == str(server.folder / "intake.sqlite")


IN_POSTGRES = 'postgresql = "host=/nowhere dbname=homeward user=intake_1"'


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("", "to be one thing"),
        ('sqlite = "a.sqlite"\n' + IN_POSTGRES, "to be one thing"),
        ('postgresql = "host"', "no place of a PostgreSQL"),
        ('postgresql = "host=db password=secret"', "a password stands in the settings"),
        (IN_POSTGRES + '\nowner = "postgresql://owner:secret@db/homeward"', "a password stands in the settings"),
    ],
)
def test_a_store_that_is_none_or_tells_a_password_is_refused(server, store, words):
    text = SETTINGS.format(port=server.port).replace('sqlite = "intake.sqlite"', store)
    server.config.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=words) as fault:
        load(server.config)
    assert "secret" not in fault.value.explain()


def test_a_database_that_is_not_there_is_a_problem_of_the_store_alone(server):
    text = SETTINGS.format(port=server.port).replace('sqlite = "intake.sqlite"', IN_POSTGRES)
    server.config.write_text(text, encoding="utf-8")
    result = server.run("check")
    assert problems(result) == {"store", "broker 127.0.0.1"}
    assert "PostgreSQL: " in result.stdout
    refused = server.run("run")
    assert refused.exit_code == 1
    assert "Check the server" in refused.stderr


def test_a_schema_is_made_by_its_owner_alone(server):
    refused = server.run("migrate")
    assert refused.exit_code == 1
    assert "Set `store.owner`" in refused.stderr


@pytest.mark.parametrize("address", ["broker", "broker:", ":8883", "broker:0", "broker:65536", "broker:x"])
def test_an_address_that_is_none_is_refused(server, address):
    text = SETTINGS.format(port=1).replace("127.0.0.1:1", address)
    server.config.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="is no broker's address"):
        load(server.config)


def test_an_address_may_be_of_ip_version_6(server):
    server.config.write_text(SETTINGS.format(port=1).replace("127.0.0.1:1", "[::1]:8883"), encoding="utf-8")
    assert load(server.config).broker.targets() == [("::1", 8883)]


def test_a_misspelt_setting_gets_the_nearest_known_name(server):
    server.config.write_text(SETTINGS.format(port=1).replace("sqlite =", "sqllite ="), encoding="utf-8")
    result = server.run("check")
    assert result.exit_code == 1
    assert "Did you mean 'sqlite'?" in result.stderr


@pytest.mark.red_line(8)
def test_there_is_no_setting_for_a_key_that_opens_a_report(server):
    names = {line.split(":")[0] for line in describe(IntakeSettings).splitlines()}
    assert {name for name in names if name.split(".")[-1].endswith("key")} == {"broker.key", "receipt_key"}
    server.config.write_text('recipient_key = "amina.key"\n' + SETTINGS.format(port=1), encoding="utf-8")
    assert "recipient_key is no setting" in server.run("check").stderr


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


def test_bytes_that_are_no_record_claim_nothing(server, fleet):
    server.keep(fleet, (fleet.kiosks["k1"].topic(), b"nonsense"))
    assert "claims" not in server.run("quarantine", "show", "1").stdout


def test_a_number_that_is_not_there_is_refused(server, fleet):
    server.keep(fleet, (fleet.kiosks["k1"].topic(), b"nonsense"))
    result = server.run("quarantine", "show", "7")
    assert result.exit_code == 1
    assert "quarantine list" in result.stderr


def test_all_settings_are_listed_with_their_units():
    listed = CliRunner().invoke(app, ["settings"]).stdout
    assert "broker.session_expiry_s" in listed
    assert "seconds" in listed


# -- What is kept ------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(server, fleet):
    """Three records of a kiosk, whose fleet the settings trust."""
    trust = fleet.write_trust(server.folder / "trust")
    text = server.config.read_text(encoding="utf-8").replace('root = "', 'root = "trust/')
    text = text.replace('"bundle.cose"', '"trust/bundle.cose"').replace('"registry.cose"', '"trust/registry.cose"')
    server.config.write_text(text, encoding="utf-8")
    (server.folder / "receipt.key").write_bytes(private_pem(fleet.receipts.private_key))
    assert trust.root.exists()
    k1 = fleet.kiosks["k1"]
    messages = [(k1.topic(), k1.next()) for _ in range(3)]
    server.keep(fleet, *messages)
    return [raw for _, raw in messages]


def ids(raws):
    return [parse_record(raw).claims.record_id.hex() for raw in raws]


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


# -- Ends --------------------------------------------------------------------------------------------------------------


@pytest.mark.red_line(11)
def test_what_ends_soon_is_named_before_and_erased_after(server, fleet):
    k1 = fleet.kiosks["k1"]
    today = now()
    soon, past = k1.next(expires_at=today + 5 * DAY), k1.next(expires_at=today - 2 * DAY)
    server.keep(fleet, (k1.topic(), soon), (k1.topic(), past), (k1.topic(), k1.next(expires_at=today + 90 * DAY)))
    warned = server.run("expiring").stdout
    assert ids([soon])[0] in warned
    assert "2 records end within 14 days." in warned
    assert [line["record_id"] for line in server.lines("expire", "--dry-run")] == ids([past])
    assert server.run("expire").stdout == "Erased 1 records and 0 entries of the quarantine.\n"
    assert server.lines("expire", "--dry-run") == []
    assert server.lines("expire") == [{"records": 0, "quarantined": 0}]
    assert len(server.run("export").stdout.splitlines()) == 3, "two records and a tombstone"


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
    assert server.run("withdraw", str(file)).exit_code == 1
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
