"""Taking a report back at the desk, and erasing opened copies that have had their time."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from central.desk import keyfile
from central.desk.cli import app
from central.intake.core import judge
from central.store.port import Fate, Recall
from central.store.sqlite_writer import open_store
from edge_agent.wire import withdrawal
from edge_agent.wire.keys import RecipientPrivateKey
from edge_agent.wire.records import parse
from tests.unit.central.world import DAY, NOW, Fleet, a_report, seal_report

PASSPHRASE = "four random words here"
CODE = "7YK-B5H-EQT"


@pytest.fixture(scope="module")
def keys():
    key = RecipientPrivateKey.generate()
    return {"key": key, "file": keyfile.protect(key, "Amina", PASSPHRASE)}


class Desk:
    def __init__(self, folder, keys, signer):
        self.folder, self.key = folder, folder / "amina.key"
        self.fleet = Fleet(caseworker=keys["key"], desk=signer)
        self.kiosk = self.fleet.add("k1")
        self.trust = self.fleet.write_trust(folder / "trust")
        self.store, self.opened, self.back = folder / "store", folder / "opened", folder / "back.cose"
        self.key.write_bytes(keys["file"])
        (folder / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
        for private in (self.key, folder / "passphrase"):
            private.chmod(0o600)

    def keep(self, code="ABC-DEF-GHJ"):
        raw = seal_report(self.kiosk, a_report(receipt_code=code))
        entry = judge(self.kiosk.topic(), raw, self.fleet.registry())
        with open_store(self.store) as store:
            store.commit([entry], NOW).result()
        return parse(raw)

    def run(self, *words):
        return CliRunner().invoke(app, [str(word) for word in words])

    def open(self, record):
        return self.run("open", record.claims.record_id.hex(), "--store", self.store, "--out", self.opened, *self.me)

    @property
    def me(self):
        return ("--key", self.key, "--trust", self.trust.root.parent, "--passphrase-file", self.folder / "passphrase")

    def withdraw(self, code, *words):
        return self.run("withdraw", code, "--store", self.store, "--out", self.back, *self.me, *words)

    def erase_at_the_intake(self):
        raw = self.back.read_bytes()
        content = withdrawal.trust_desk(raw, self.fleet.trusted_bundle())
        with open_store(self.store) as store:
            return store.commit([Recall(raw, content)], NOW + DAY).result()

    def files(self):
        return sorted(path.name for path in self.opened.iterdir())


@pytest.fixture
def desk(tmp_path, keys):
    return Desk(tmp_path, keys, keyfile.withdrawal_signer(keys["key"]))


@pytest.mark.red_line(11)
def test_a_report_is_found_by_its_code_and_its_withdrawal_erases_it_at_the_intake(desk):
    wanted, other = desk.keep(CODE), desk.keep()
    result = desk.withdraw("7yk b5h eqt")
    assert result.exit_code == 0, result.output
    named = withdrawal.trust_desk(desk.back.read_bytes(), desk.fleet.trusted_bundle()).withdraws
    assert (named.record_id, named.sha256) == (wanted.claims.record_id, wanted.sha256)
    assert desk.erase_at_the_intake() == [Fate.ERASED]
    listed = desk.run("list", "--store", desk.store).stdout
    assert re.search(rf"{wanted.claims.record_id.hex()}  erased: the person took it back", listed)
    assert other.claims.record_id.hex() in listed


@pytest.mark.red_line(11)
def test_what_this_desk_has_opened_of_it_is_erased_with_it(desk):
    wanted, other = desk.keep(CODE), desk.keep()
    desk.open(wanted)
    desk.open(other)
    result = desk.withdraw(CODE, "--opened", desk.opened)
    assert result.stdout.count("Erased: ") == 2
    assert desk.files() == [f"{other.claims.record_id.hex()}.{kind}" for kind in ("jpg", "json")]


@pytest.mark.red_line(11)
def test_what_another_desk_has_opened_is_erased_once_the_store_says_so(desk, monkeypatch):
    monkeypatch.setattr("central.desk.commands_ends.now", lambda: NOW + 2 * DAY)
    wanted = desk.keep(CODE)
    desk.open(wanted)
    assert "0 erased, 1 kept" in desk.run("expire", desk.opened, "--store", desk.store).stdout
    desk.withdraw(CODE)
    desk.erase_at_the_intake()
    assert "1 would be erased" in desk.run("expire", desk.opened, "--store", desk.store, "--dry-run").stdout
    assert len(desk.files()) == 2
    assert "withdrawn at the intake" in desk.run("expire", desk.opened, "--store", desk.store).stdout
    assert desk.files() == []


@pytest.mark.red_line(11)
def test_opened_copies_are_warned_of_before_their_end_and_erased_after_it(desk, monkeypatch):
    desk.open(desk.keep())
    monkeypatch.setattr("central.desk.commands_ends.now", lambda: NOW + 170 * DAY)
    assert "ask the person again" in desk.run("expire", desk.opened).stdout
    assert len(desk.files()) == 2
    monkeypatch.setattr("central.desk.commands_ends.now", lambda: NOW + 181 * DAY)
    assert "it ended 2026-04-07" in desk.run("expire", desk.opened).stdout
    assert desk.files() == []


def test_a_code_with_a_slip_or_of_no_report_is_told(desk):
    desk.keep()
    assert "is wrong, or two have changed places" in desk.withdraw("7YK-B5H-EQV").stderr
    unknown = desk.withdraw(CODE)
    assert f"no report here has the code {CODE}" in unknown.stderr
    assert not desk.back.exists()


def test_a_key_that_the_bundle_does_not_let_take_back_signs_nothing(tmp_path, keys):
    desk = Desk(tmp_path, keys, keyfile.withdrawal_signer(RecipientPrivateKey.generate()))
    desk.keep(CODE)
    result = desk.withdraw(CODE)
    assert "does not let this key take reports back" in result.stderr
    assert not desk.back.exists()


def test_a_folder_with_other_files_in_it_is_left_alone(desk):
    desk.opened.mkdir()
    (desk.opened / "notes.json").write_text(json.dumps({"mine": 1}), encoding="utf-8")
    result = desk.run("expire", desk.opened)
    assert "is no opened report" in result.stderr
    assert desk.files() == ["notes.json"]


def test_the_key_of_withdrawals_follows_from_the_one_that_opens(keys):
    assert keyfile.withdrawal_signer(keys["key"]).public_key == keyfile.withdrawal_signer(keys["key"]).public_key
    other = RecipientPrivateKey.generate()
    assert keyfile.withdrawal_signer(keys["key"]).public_key != keyfile.withdrawal_signer(other).public_key
