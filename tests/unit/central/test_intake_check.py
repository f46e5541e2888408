"""`homeward-intake check` and `settings`: what is wrong with a set-up, before it runs."""

import pytest
from typer.testing import CliRunner

from central.intake.cli import app
from central.intake.settings import IntakeSettings, load
from edge_agent.errors import SettingsError
from edge_agent.settings import describe
from tests.unit.central.server import SETTINGS

# -- check -------------------------------------------------------------------------------------------------------------


def problems(result):
    lines = [line for line in result.stdout.splitlines() if line.startswith("problem")]
    return {line.removeprefix("problem").split(":")[0].strip() for line in lines}


def test_a_sound_set_up_lacks_only_the_broker_that_does_not_run(server):
    result = server.run("check")
    assert problems(result) == {"broker 127.0.0.1"}
    assert "Check that the broker runs" in result.stdout
    assert result.exit_code == 1


def test_a_bundle_that_has_expired_says_who_signs_a_newer_one(server, kept):
    said = server.run("check").stdout  # the small fleet's is of 2025
    assert "the recipient bundle, version 1, has expired" in said
    assert "homeward-fleet recipients renew" in said


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


def test_all_settings_are_listed_with_their_units():
    listed = CliRunner().invoke(app, ["settings"]).stdout
    assert "broker.session_expiry_s" in listed
    assert "seconds" in listed
