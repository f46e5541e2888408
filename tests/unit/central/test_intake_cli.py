import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from central.intake.cli import app
from central.intake.core import judge
from central.intake.settings import IntakeSettings, load
from central.store.sqlite import open_store
from edge_agent.errors import SettingsError
from edge_agent.settings import describe
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from edge_agent.wire.topics import Channel
from provisioning.throwaway import ThrowawayFleet
from tests.unit.central.world import NOW, Fleet

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
            {"finding": "missing", "epoch": epoch, "first": 2, "last": 3},
            {"finding": "missing", "epoch": epoch, "first": 5, "last": 6},
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
