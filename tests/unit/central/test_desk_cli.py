import json
import stat

import pytest
from typer.testing import CliRunner

from central.desk import keyfile
from central.desk.cli import app
from central.store.sqlite_writer import open_store
from edge_agent.wire import cbor, consent, documents, report
from edge_agent.wire.consent import Purpose, Role, Status, Subject
from edge_agent.wire.fields import ClockQuality
from edge_agent.wire.keys import RecipientPrivateKey
from tests.unit.central.desk import PASSPHRASE, SECRETS
from tests.unit.central.world import DAY, IMAGE, NOW, Fleet, a_consent, a_face, a_report, answer, seal_report

# -- Opening -----------------------------------------------------------------------------------------------------------


def test_a_record_opens_into_a_picture_and_a_report(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    result = desk.open_stored(record_id)
    assert result.exit_code == 0
    assert desk.left_behind() == [f"{record_id}.jpg", f"{record_id}.json"]
    assert (desk.out / f"{record_id}.jpg").read_bytes() == IMAGE
    written = json.loads((desk.out / f"{record_id}.json").read_text(encoding="utf-8"))
    assert (written["record_id"], written["kiosk"], written["seq"]) == (record_id, "k1", 1)
    assert written["report"]["site"]["name"] == "The station"
    assert written["report"]["faces"][0]["image"] == f"{record_id}.jpg"
    assert written["report"]["faces"][0]["models"] == ["00" * 32]
    assert written["expires_at"] == NOW + 180 * DAY


def test_what_is_opened_is_for_its_owner_alone(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    desk.open_stored(record_id)
    assert stat.S_IMODE(desk.out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in desk.out.iterdir()} == {0o600}


def test_a_sealed_file_opens_without_a_store(desk):
    file = desk.folder / "sealed.bin"
    file.write_bytes(seal_report(desk.kiosk))
    assert desk.open("--file", str(file)).exit_code == 0
    assert len(desk.left_behind()) == 2


def test_each_chosen_face_gets_its_file(desk):
    record_id = desk.keep(seal_report(desk.kiosk, a_report(faces=[a_face(b"one"), a_face(b"two")])))
    assert desk.open_stored(record_id).exit_code == 0
    assert (desk.out / f"{record_id}.jpg").read_bytes() == b"one"
    assert (desk.out / f"{record_id}-2.jpg").read_bytes() == b"two"


def test_the_consent_is_said_in_words(desk):
    asked = a_consent(
        answer(Purpose.TRACING),
        answer(Purpose.TRACING, Role.STAFF),
        answer(Purpose.PUBLIC_APPEAL),
        answer(Purpose.PUBLIC_APPEAL, Role.STAFF, Status.REFUSED),
        subject=Subject.CHILD,
    )
    result = desk.open_stored(desk.keep(seal_report(desk.kiosk, a_report(consent=asked))))
    assert "About a child" in result.stdout
    assert "Tracing by the organisation: AGREED" in result.stdout
    assert "the person: yes, 2025-10-09 08:53 UTC (button held 1.2 s)" in result.stdout
    assert "somebody who said they are shelter staff: yes" in result.stdout
    assert "A public appeal: NOT AGREED" in result.stdout
    assert "somebody who said they are shelter staff: NO" in result.stdout
    assert "notice notice-7 in language ug" in result.stdout
    assert "until 2026-04-07 08:53 UTC" in result.stdout


@pytest.mark.parametrize(
    ("quality", "error_ms", "words"),
    [
        (ClockQuality.SYNCHRONISED, 300, "by a synchronised clock, right within 0.3 s"),
        (ClockQuality.HOLDOVER, None, "by how much is unknown"),
        (ClockQuality.UNSET, None, "NEVER SET"),
    ],
)
def test_how_far_the_clock_can_be_believed_is_said_in_words(desk, quality, error_ms, words):
    captured = report.Captured(utc=NOW, quality=quality, error_ms=error_ms, boot_id="boot", uptime_ms=4000)
    result = desk.open_stored(desk.keep(seal_report(desk.kiosk, a_report(captured=captured))))
    assert words in result.stdout


@pytest.mark.red_line(11)
def test_an_expired_record_says_so(desk):
    captured = report.Captured(utc=5, quality=ClockQuality.SYNCHRONISED, boot_id="boot", uptime_ms=4)
    record_id = desk.keep(seal_report(desk.kiosk, a_report(captured=captured)), at=9)
    assert "EXPIRED" in desk.open_stored(record_id).stdout
    assert json.loads(desk.open_stored(record_id, "--force", "--json").stdout)["expired"] is True


@pytest.mark.red_line(11)
def test_a_record_by_a_clock_that_was_never_set_ends_counted_from_its_arrival(desk):
    captured = report.Captured(utc=5, quality=ClockQuality.UNSET, boot_id="boot", uptime_ms=4)
    raw = seal_report(desk.kiosk, a_report(captured=captured))
    stored = desk.open_stored(desk.keep(raw))
    assert "until 2026-04-07 08:53 UTC" in stored.stdout
    assert "counted from its arrival" in stored.stdout
    file = desk.folder / "sealed.bin"
    file.write_bytes(raw)
    assert "ask the site for the day" in desk.open("--file", str(file), "--force").stdout


def test_a_withdrawal_names_the_record_that_it_takes_back(desk):
    report_id = desk.keep(seal_report(desk.kiosk))
    withdrawal_id = desk.keep(desk.kiosk.take_back(), fates=("erased",))
    result = desk.open_stored(withdrawal_id)
    assert result.exit_code == 1
    assert f"it takes back record {report_id}" in result.stderr
    assert desk.left_behind() == []
    listed = CliRunner().invoke(app, ["list", "--store", str(desk.store)]).stdout
    assert f"{withdrawal_id}  takes back {report_id}" in listed


@pytest.mark.red_line(11)
@pytest.mark.parametrize("end", ["the person took it back", "what was consented to has ended"])
def test_what_was_erased_can_not_be_opened_and_the_desk_says_why(desk, end):
    record_id = desk.keep(seal_report(desk.kiosk))
    if "took" in end:
        desk.keep(desk.kiosk.take_back(), fates=("erased",))
    else:
        with open_store(desk.store) as store:
            store.erase_ended(NOW + 1000 * 86_400)
    assert_refused(desk, desk.open_stored(record_id), end, "Erase what you have of it")


def test_scripts_get_one_line(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    result = desk.open_stored(record_id, "--json")
    (line,) = result.stdout.splitlines()
    told = json.loads(line)
    assert told["record_id"] == record_id
    assert told["image"] == str(desk.out / f"{record_id}.jpg")
    assert told["revoked"] is False


def test_a_kiosks_words_can_not_steer_the_terminal(desk):
    content = a_report(
        consent=documents.from_map(
            documents.to_map(a_consent()) | {"dpv:hasConsentControl": "call \x1b[2J\x07"}, consent.ConsentRecord
        )
    )
    result = desk.open_stored(desk.keep(seal_report(desk.kiosk, content)))
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout


@pytest.mark.red_line(7)
def test_nothing_of_the_report_is_said_but_its_consent(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    said = desk.open_stored(record_id).output + desk.open_stored(record_id, "--json", "--force").output
    assert not [secret for secret in SECRETS if secret in said]


# -- Overwriting -------------------------------------------------------------------------------------------------------


def test_files_that_are_there_are_left_alone(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    desk.out.mkdir()
    (desk.out / f"{record_id}.json").write_text("notes", encoding="utf-8")
    result = desk.open_stored(record_id)
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert desk.left_behind() == [f"{record_id}.json"]
    assert (desk.out / f"{record_id}.json").read_text(encoding="utf-8") == "notes"


def test_force_writes_them_anew_for_their_owner_alone(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    desk.out.mkdir()
    (desk.out / f"{record_id}.json").write_text("notes", encoding="utf-8")
    assert desk.open_stored(record_id, "--force").exit_code == 0
    assert json.loads((desk.out / f"{record_id}.json").read_text(encoding="utf-8"))["record_id"] == record_id
    assert stat.S_IMODE((desk.out / f"{record_id}.json").stat().st_mode) == 0o600


def test_a_picture_is_taken_back_when_the_report_can_not_be_written(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    (desk.out / f".{record_id}.json.new").mkdir(parents=True)
    result = desk.open_stored(record_id)
    assert result.exit_code == 1
    assert desk.left_behind() == [f".{record_id}.json.new"]


# -- Refusals: one sentence, the next step, no file --------------------------------------------------------------------


def assert_refused(desk, result, *words):
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    assert [word for word in words if word not in result.stderr] == []
    assert not [secret for secret in SECRETS if secret in result.output]
    assert desk.left_behind() == []


def test_a_wrong_passphrase_is_refused(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    desk.passphrase.write_text("not the right words", encoding="utf-8")
    assert_refused(desk, desk.open_stored(record_id), "the passphrase does not open the key", "Type it again")


def test_a_passphrase_file_that_others_can_read_is_refused(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    desk.passphrase.chmod(0o644)
    assert_refused(desk, desk.open_stored(record_id), "open to others", "chmod 600")


def test_the_passphrase_is_never_echoed(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    result = desk.open_stored(record_id, entered=f"{PASSPHRASE}\n")
    assert result.exit_code == 0
    assert PASSPHRASE not in result.output


def test_another_recipients_key_is_told_from_a_broken_record(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    other = desk.folder / "other.key"
    keyfile.write(other, RecipientPrivateKey.generate(), "Other", PASSPHRASE)
    assert_refused(desk, desk.open_stored(record_id, key=other), "sealed for 1 others")


def test_an_unknown_record_is_refused(desk):
    desk.keep(seal_report(desk.kiosk))
    assert_refused(desk, desk.open_stored("00" * 16), "no record", "homeward-desk list")


@pytest.mark.parametrize("text", ["xyz", "00", "00" * 17, ""])
def test_what_is_no_id_is_refused(desk, text):
    desk.keep(seal_report(desk.kiosk))
    assert_refused(desk, desk.open_stored(text), "no record's id")


def test_a_missing_store_is_refused(desk):
    assert_refused(desk, desk.open_stored("00" * 16), "there is no store")


@pytest.mark.parametrize("words", [(), ("00" * 16,), ("00" * 16, "--file", "f"), ("--store", "s", "--file", "f")])
def test_saying_no_record_or_two_is_refused(desk, words):
    assert_refused(desk, desk.open(*words), "nothing says which record")


def test_an_altered_file_is_refused(desk):
    raw = bytearray(seal_report(desk.kiosk))
    raw[-1] ^= 1
    file = desk.folder / "sealed.bin"
    file.write_bytes(raw)
    assert_refused(desk, desk.open("--file", str(file)), "signature")


def test_a_file_larger_than_any_record_is_refused(desk):
    file = desk.folder / "sealed.bin"
    file.write_bytes(bytes(10_000_000))
    assert_refused(desk, desk.open("--file", str(file)), "more than")


def test_a_consent_that_is_not_the_one_outside_is_refused(desk):
    record_id = desk.keep(seal_report(desk.kiosk, consent_hash=b"x" * 32))
    assert_refused(desk, desk.open_stored(record_id), "consent")


def test_a_report_without_consent_to_tracing_does_not_open(desk):
    plain = documents.to_map(a_report())
    plain["consent"]["homeward:asked"][0][3] = Status.REFUSED.value
    refused = consent.ConsentRecord(
        **{
            field: getattr(a_consent(answer(status=Status.REFUSED)), field)
            for field in consent.ConsentRecord.__struct_fields__
        }
    )
    raw = desk.kiosk.next(cbor.encode(plain), consent_hash=consent.consent_hash(refused, bytes(16)))
    assert_refused(desk, desk.open_stored(desk.keep(raw)), "consent to tracing")


def test_a_stranger_is_refused(desk):
    file = desk.folder / "sealed.bin"
    file.write_bytes(seal_report(Fleet(caseworker=desk.fleet.caseworker).add("k1")))
    assert_refused(desk, desk.open("--file", str(file)), "no kiosk of fleet")


def test_a_revoked_kiosks_record_opens_from_the_store_with_a_warning(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    desk.fleet.revoked.add("k1")
    desk.fleet.write_registry(desk.trust)
    result = desk.open_stored(record_id)
    assert result.exit_code == 0
    assert "WARNING: this kiosk was taken out of service" in result.stdout


def test_a_revoked_kiosks_record_as_a_file_is_refused(desk):
    file = desk.folder / "sealed.bin"
    file.write_bytes(seal_report(desk.kiosk))
    desk.fleet.revoked.add("k1")
    desk.fleet.write_registry(desk.trust)
    assert_refused(desk, desk.open("--file", str(file)), "taken out of service", "from the intake's store")


def test_missing_trust_is_refused(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    desk.trust.registry.unlink()
    assert_refused(desk, desk.open_stored(record_id), "registry.cose", "fleet's computer")


# -- Keys and lists ----------------------------------------------------------------------------------------------------


def test_a_key_is_made_from_a_passphrase_that_is_typed_twice_and_not_shown(tmp_path):
    path = tmp_path / "amina.key"
    result = CliRunner().invoke(app, ["key", "--name", "Amina", "--out", str(path)], input=f"{PASSPHRASE}\n" * 2)
    assert result.exit_code == 0
    assert PASSPHRASE not in result.output
    made = keyfile.read(path, PASSPHRASE)
    keys = f"{made.public_key.raw.hex()}:{keyfile.withdrawal_signer(made).public_key.hex()}"
    assert keyfile.public_path(path).read_text(encoding="utf-8").split() == [keys, "Amina"]
    assert made.public_key.kid.hex() in result.stdout


@pytest.mark.parametrize(
    ("name", "passphrase", "words"),
    [
        ("Amina", "too short", "shorter than 12"),
        (" ", PASSPHRASE, "needs a name"),
        ("a\nb", PASSPHRASE, "needs a name"),
    ],
)
def test_a_key_that_can_not_be_made_leaves_no_file(tmp_path, name, passphrase, words):
    secret = tmp_path / "passphrase"
    secret.write_text(passphrase, encoding="utf-8")
    secret.chmod(0o600)
    arguments = ["key", "--name", name, "--out", str(tmp_path / "a.key"), "--passphrase-file", str(secret)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["passphrase"]


def test_a_key_that_is_there_is_never_overwritten_nor_a_passphrase_asked_for(tmp_path):
    (tmp_path / "a.key").write_text("precious", encoding="utf-8")
    result = CliRunner().invoke(app, ["key", "--name", "Amina", "--out", str(tmp_path / "a.key")])
    assert result.exit_code == 1
    assert "is there already" in result.stderr
    assert "Passphrase" not in result.output


def test_a_list_names_time_kiosk_and_id_and_nothing_of_a_person(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    plain = CliRunner().invoke(app, ["list", "--store", str(desk.store)])
    assert plain.stdout.split() == ["2025-10-09", "08:53", "UTC", "k1", record_id]
    told = json.loads(CliRunner().invoke(app, ["list", "--store", str(desk.store), "--json"]).stdout)
    assert (told["record_id"], told["kiosk"], told["arrived_at"]) == (record_id, "k1", NOW)
