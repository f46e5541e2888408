"""The first slice, played through the command line as staff would."""

import json
import tomllib
import zipfile

import pytest
from cryptography import x509
from typer.main import get_command

from central.intake import settings as intake_settings
from edge_agent import config
from edge_agent.wire.bundle import Holder
from provisioning.cli import app
from tests.unit.provisioning.world import DAY, NOW, OFFICE, ROOT, KioskKeys, Staff


def test_a_fleet_begins_and_waits_until_its_paper_was_read_back(new):
    new.begin()
    assert "read back" in new.fails(*new.add("kiosk-1", new.folder / "card"))
    new.prove()
    new.ok(*new.add("kiosk-1", new.folder / "card"))


def test_the_guided_flow_asks_explains_and_goes_on_once_the_paper_was_read(new):
    answers = ["coast", "The NGO", "+86 991 000 0000", "CN", "broker.example.org:8883"]
    secrets = [OFFICE, OFFICE, ROOT, ROOT]
    words = ["init", "--root", new.root, "--sheets", new.sheets]
    words += ["--recipient", new.public("Amina"), "--escrow", new.public("Escrow")]
    said = new.fails(*words, entered="\n".join([*answers, *secrets, "a b c d", "a b c d", "a b c d"]) + "\n")
    assert "part of every topic" in said
    assert "Kiosks name this organisation" in said
    assert "the fleet waits" in said
    assert OFFICE not in said
    assert ROOT not in said
    new.prove()
    assert new.state().backup_proven


def test_the_guided_flow_asks_for_the_files_too_and_again_after_a_slip(new):
    lost, known = new.folder / "lost.pub", new.folder / "known.key"
    known.write_text("somebody's", encoding="utf-8")
    slips = {
        "Coast 1": "is no id",
        "localhost": "no broker's address",
        lost: "can't be read",
        known: "is there already",
    }
    answers = ["Coast 1", "coast", "The NGO", "+86 991 000 0000", "CN", "localhost", "localhost:8883"]
    answers += [lost, new.public("Amina"), "y", new.public("Bakhyt"), "n", new.public("Escrow"), "n", known, new.root]
    secrets = ["short", "short", OFFICE, OFFICE, OFFICE, OFFICE, ROOT, ROOT]
    said = new.fails("init", entered="\n".join(map(str, [*answers, *secrets, *["a b c d"] * 3])) + "\n")
    for said_of_it in [*slips.values(), "shorter than 12", "the office's too"]:
        assert said_of_it in said
    assert "the fleet waits" in said
    assert [r.name for r in new.state().trusted.content.recipients] == ["Amina", "Bakhyt", "Escrow"]
    assert known.read_text(encoding="utf-8") == "somebody's"


def test_add_asks_for_what_it_was_not_given(staff):
    answers = ["East hall", "Urumqi", "95", "43.8", "87.6", "Asia/Urumqi", "ug, zh", staff.folder / "card"]
    said = staff.ok("add", "kiosk-1", *staff.office, entered="\n".join(map(str, answers)) + "\n")
    assert "less than or equal to 90" in said
    plan = staff.state().kiosk("kiosk-1").plan
    assert (plan.site.name, plan.site.latitude, plan.languages) == ("East hall", 43.8, ["ug", "zh"])


def test_two_of_three_sheets_give_the_root_and_one_does_not(new):
    first, second, third = new.begin("--split", "2of3")
    assert "don't give the root" in new.fails("backup", "prove", "--read", first)
    new.ok("backup", "prove", "--read", third, "--read", first)
    new.root.unlink()
    new.ok("backup", "restore", *new.apart, "--read", second, "--read", third)
    new.ok("recipients", "renew", *new.apart, "--yes")


def test_a_slip_in_a_sheet_and_another_fleets_sheet_are_refused(new, tmp_path):
    (sheet,) = new.begin()
    words = sheet.read_text(encoding="utf-8").split()
    words[-1] = "academic" if words[-1] != "academic" else "acid"
    slip = new.folder / "slip.txt"
    slip.write_text(" ".join(words), encoding="utf-8")
    assert "don't give the root" in new.fails("backup", "prove", "--read", slip)
    (tmp_path / "other").mkdir()
    other = Staff(tmp_path / "other")
    assert "another fleet" in new.fails("backup", "prove", "--read", *other.begin())


def test_recipients_change_as_a_difference_in_a_new_bundle(staff):
    public = staff.public("Bakhyt")
    shown = staff.ok("recipients", "add", public, *staff.apart, "--dry-run")
    assert "Bundle 1 -> 2" in shown
    assert "+ Bakhyt (caseworker" in shown
    assert staff.state().trusted.content.version == 1
    assert "nothing was changed" in staff.fails("recipients", "add", public, *staff.apart, entered="n\n")
    staff.ok("recipients", "add", public, *staff.apart, "--yes")
    staff.ok("recipients", "remove", "Amina", *staff.apart, "--yes")
    content = staff.state().trusted.content
    assert content.version == 3
    assert [(r.name, r.holder) for r in content.recipients] == [
        ("Escrow", Holder.ESCROW),
        ("Bakhyt", Holder.CASEWORKER),
    ]
    assert (staff.fleet / "to-copy" / "bundle.cose").read_bytes() == staff.state().bundle
    assert "Bakhyt" in staff.ok("recipients", "list")


def test_the_last_escrow_can_not_be_removed(staff):
    assert "no escrow" in staff.fails("recipients", "remove", "Escrow", *staff.apart, "--yes")


def test_a_cards_settings_are_those_that_the_kiosk_reads(staff):
    card = staff.folder / "card"
    staff.ok(*staff.add("kiosk-1", card))
    settings = config.load(card / "kiosk.toml")
    assert (settings.fleet, settings.kiosk) == ("coast", "kiosk-1")
    assert (settings.site.name, settings.site.area) == ("火车站, east hall", "ئۈرۈمچى")
    assert (settings.site.latitude, settings.site.longitude) == (43.8, 87.0)
    assert settings.consent.languages == ["ug", "zh", "en"]
    assert settings.broker.addresses == [staff.broker]
    first_boot = tomllib.loads((card / "courier" / "first-boot.toml").read_text(encoding="utf-8"))
    claim = staff.state().kiosk("kiosk-1").claim
    assert first_boot["claim"]["id"] == claim.id
    assert len(bytes.fromhex(first_boot["claim"]["secret"])) == 32
    assert 13 * DAY < first_boot["claim"]["expires_at"] - NOW <= 14 * DAY
    machine = tomllib.loads((card / "machine.toml").read_text(encoding="utf-8"))
    assert machine == {"time_zone": "Asia/Urumqi", "network": "ethernet"}
    assert (staff.folder / "kiosk-1-label.pdf").read_bytes().startswith(b"%PDF")


def test_a_simulated_kiosks_card_as_a_zip_is_the_same_card(staff, tmp_path):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card.zip", "--hardware", "simulated"))
    with zipfile.ZipFile(staff.folder / "card.zip") as archive:
        archive.extractall(tmp_path / "card")
    assert config.load(tmp_path / "card" / "kiosk.toml").hardware.kind == "simulated"


def test_a_new_card_makes_the_one_before_worthless(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    earlier = staff.state().kiosk("kiosk-1").claim
    staff.now += 15 * DAY
    assert "card expired" in staff.ok("list")
    staff.ok("card", "kiosk-1", "--out", staff.folder / "card-2", *staff.office)
    assert "waiting for first boot" in staff.ok("list")
    assert staff.state().kiosk("kiosk-1").claim.id != earlier.id
    assert earlier.certificate.serial in revoked_serials(staff)


def test_a_kiosk_goes_into_service_and_out_of_it(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    keys = KioskKeys(staff.folder / "kiosk")
    staff.ok("certify", "kiosk-1", *keys.words, "--out", staff.folder / "back", *staff.office)
    assert "in service" in staff.ok("list")
    others = KioskKeys(staff.folder / "others")
    again = ["--out", staff.folder / "again", *staff.office]
    assert "in service already" in staff.fails("certify", "kiosk-1", *others.words, *again)
    shown = staff.ok("revoke", "kiosk-1", "--dry-run")
    assert "registry 2 -> 3" in shown
    assert "Nothing was changed" in shown
    assert "nothing was changed" in staff.fails("revoke", "kiosk-1", *staff.office, entered="kiosk-2\n")
    said = staff.ok("revoke", "kiosk-1", *staff.office, entered="kiosk-1\n")
    assert "What can't be known" in said
    assert "revoked" in staff.ok("list")
    state = staff.state()
    assert [entry.revoked_at for entry in state.registered.keys] == [NOW]
    assert "user kiosk-1\ntopic deny #" in (staff.fleet / "to-copy" / "acl").read_text(encoding="utf-8")
    known = state.kiosk("kiosk-1")
    assert revoked_serials(staff) == {known.claim.certificate.serial, known.certificates[0].serial}
    again = staff.ok("revoke", "kiosk-1", *staff.office, "--confirm", "kiosk-1")
    assert "the broker can't be reached" in again
    assert staff.state() == state


def test_a_kiosk_that_comes_with_the_same_keys_gets_a_new_certificate_alone(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    keys = KioskKeys(staff.folder / "kiosk")
    for out in ("back", "renewed"):
        staff.ok("certify", "kiosk-1", *keys.words, "--out", staff.folder / out, *staff.office)
        staff.now += 60 * DAY
    state = staff.state()
    assert len(state.registered.keys) == 1
    assert state.registered.version == 2
    assert len(state.kiosk("kiosk-1").certificates) == 2
    staff.ok(*staff.add("kiosk-2", staff.folder / "card-2"))
    words = ["certify", "kiosk-2", *keys.words, "--out", staff.folder / "other", *staff.office]
    assert "another kiosk's" in staff.fails(*words)


def revoked_serials(staff):
    listed = x509.load_pem_x509_crl((staff.fleet / "to-copy" / "crl.pem").read_bytes())
    return {f"{entry.serial_number:x}" for entry in listed}


def test_the_list_begins_with_who_needs_a_person(staff):
    for kiosk in ("a-waits", "b-expired"):
        staff.ok(*staff.add(kiosk, staff.folder / kiosk))
    staff.now += 10 * DAY
    staff.ok("card", "a-waits", "--out", staff.folder / "again", *staff.office)
    staff.now += 10 * DAY
    said = staff.ok("list")
    assert said.index("b-expired") < said.index("a-waits")


def test_an_intakes_folder_passes_its_own_check(staff):
    out = staff.folder / "intake"
    staff.ok("intake", "--out", out, *staff.office)
    settings = intake_settings.load(out / "intake.toml")
    assert settings.fleet == "coast"
    assert "written over" in staff.fails("intake", "--out", out, *staff.office)
    before = (out / "tls.pem").read_bytes()
    shown = staff.ok("intake", "--out", out, *staff.office, "--replace", "--dry-run")
    assert "over what is there" in shown
    assert (out / "tls.pem").read_bytes() == before
    staff.ok("intake", "--out", out, *staff.office, "--replace")
    assert (out / "tls.pem").read_bytes() != before


def only(*names):
    """Give the regular expression of these topics alone, as RabbitMQ's permissions have it."""
    return "^(" + "|".join(rf"homeward\.1\.coast\.{name.replace('.', chr(92) + '.')}" for name in names) + ")$"


def test_an_intake_of_a_cluster_reads_the_clusters_queue(staff):
    out = staff.folder / "intake"
    staff.ok("intake", "--out", out, "--cluster", *staff.office)
    settings = intake_settings.load(out / "intake.toml")
    assert settings.broker.amqp == intake_settings.Amqp(queue="homeward-arrivals", undelivered="homeward-undelivered")
    assert settings.broker.addresses == ["broker.example.org:5671"]


def test_rabbitmqs_definitions_name_everybody_and_give_a_revoked_kiosk_nothing(staff):
    staff.ok("intake", "--out", staff.folder / "intake", *staff.office)
    for kiosk in ("kiosk-1", "kiosk-2"):
        staff.ok(*staff.add(kiosk, staff.folder / kiosk))
        keys = KioskKeys(staff.folder / f"{kiosk}-keys")
        staff.ok("certify", kiosk, *keys.words, "--out", staff.folder / f"{kiosk}-back", *staff.office)
    staff.ok("revoke", "kiosk-2", *staff.office, "--confirm", "kiosk-2")
    nodes = [word for number in (1, 2, 3) for word in ("--node", f"rabbit@node{number}")]
    staff.ok("broker", "rabbitmq", "--out", staff.folder / "rabbit", *nodes, *staff.office)
    content = json.loads((staff.folder / "rabbit" / "definitions.json").read_text(encoding="utf-8"))
    users = {user["name"] for user in content["users"]}
    assert {"kiosk-1", "kiosk-2", "intake-1", "broker-check"} <= users
    assert not any(user["password_hash"] for user in content["users"])
    topics = {entry["user"]: (entry["write"], entry["read"]) for entry in content["topic_permissions"]}
    assert topics["kiosk-1"] == (
        only("kiosk-1.records", "kiosk-1.status", "enrol.kiosk-1.request"),
        only("kiosk-1.receipts", "kiosk-1.orders", "enrol.kiosk-1.reply"),
    )
    assert topics["kiosk-2"] == ("^$", "^$")
    assert topics["intake-1"][0] == only("[a-z0-9-]+.receipts", "office.roll")
    rights = {entry["user"]: (entry["configure"], entry["read"]) for entry in content["permissions"]}
    assert rights["intake-1"] == ("^$", "^(homeward-arrivals|homeward-undelivered)$")
    assert {queue["name"] for queue in content["queues"]} == {"homeward-arrivals", "homeward-undelivered"}
    settings = (staff.folder / "rabbit" / "rabbitmq.conf").read_text(encoding="utf-8")
    assert "ssl_options.fail_if_no_peer_cert = true" in settings
    assert "cluster_formation.classic_config.nodes.3 = rabbit@node3" in settings


def test_every_act_is_in_the_audit_log_with_who_did_it(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"), who="Bakhyt")
    said = staff.ok("audit")
    assert "Bakhyt  add  kiosk: kiosk-1" in said
    assert "Whole and unbroken: 3 acts" in said
    head = said.split("Its hash now: ")[1].split()[0]
    staff.ok(*staff.add("kiosk-2", staff.folder / "card-2"))
    assert "is number 3" in staff.ok("audit", "--contains", head)
    assert "put back" in staff.fails("audit", "--contains", "0" * 16)


@pytest.mark.red_line(8)
def test_no_secret_is_in_the_log_the_state_or_a_file_that_others_can_read(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    staff.ok("intake", "--out", staff.folder / "intake", *staff.office)
    first_boot = tomllib.loads((staff.folder / "card" / "courier" / "first-boot.toml").read_text(encoding="utf-8"))
    secret = first_boot["claim"]["secret"]
    open_files = {path: text for path, text in staff.everything().items() if path.stat().st_mode & 0o077}
    assert open_files
    for path, text in open_files.items():
        assert b"PRIVATE KEY" not in text, path
        for hidden in (OFFICE, ROOT, secret):
            assert hidden.encode() not in text, path
    for path, text in staff.everything().items():
        if path.is_relative_to(staff.fleet):
            assert b"PRIVATE KEY" not in text, path
            assert not path.stat().st_mode & 0o077 or path.parent.name == "to-copy", path
            for hidden in (OFFICE, ROOT, secret):
                assert hidden.encode() not in text, path
    assert staff.fleet.stat().st_mode & 0o077 == 0


@pytest.mark.red_line(8)
def test_no_command_takes_a_secret_from_its_arguments_or_from_the_environment():
    seen = 0
    for parameter in parameters(get_command(app)):
        seen += 1
        assert not parameter.envvar
        if "passphrase" in parameter.name:
            assert all(option.endswith("passphrase-file") for option in parameter.opts), parameter.opts
    assert seen > 50


def parameters(command):
    yield from command.params
    for inner in getattr(command, "commands", {}).values():
        yield from parameters(inner)


def test_every_command_and_every_option_says_what_it_is():
    for parameter in parameters(get_command(app)):
        assert parameter.help, parameter.name
