"""An update is believed by its signature alone: unsigned, foreign or changed ones are refused by RAUC itself."""

from __future__ import annotations

import datetime as dt
import os
import subprocess

import pytest

from firmware.update.__main__ import main
from firmware.update.bundle import _KIOSK, SigningKey, UpdateError, check_bundle, make_bundle, make_key
from provisioning.certificates import Authority
from tests.unit.firmware.units import FIRMWARE

NOW = dt.datetime.now(dt.UTC)
COMPATIBLE = "virtual-kiosk"


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return make_key(tmp_path_factory.mktemp("stick"), "coast", NOW, None)


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    image = tmp_path_factory.mktemp("image") / "system.ext4"
    image.write_bytes(os.urandom(1 << 16))
    return image


@pytest.fixture(scope="module")
def bundle(signer, system, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "update.raucb"
    make_bundle(system, COMPATIBLE, "2", signer, out)
    return out


def test_a_bundle_says_what_it_is_once_its_signature_holds(bundle, signer):
    said = check_bundle(bundle, signer.certificate)
    assert "RAUC_MF_VERSION='2'" in said
    assert f"RAUC_MF_COMPATIBLE='{COMPATIBLE}'" in said


def test_the_kiosks_settings_take_the_bundles_that_are_made_for_them():
    settings = (FIRMWARE / "update/tree/etc/rauc/system.conf").read_text(encoding="utf-8")
    assert f"compatible={COMPATIBLE}\n" in settings
    assert {line for line in _KIOSK.splitlines() if "-" in line} <= set(settings.splitlines())


def test_a_foreign_fleets_bundle_is_refused(bundle, tmp_path):
    foreign = make_key(tmp_path, "elsewhere", NOW, None)
    with pytest.raises(UpdateError, match="signature verification failed"):
        check_bundle(bundle, foreign.certificate)


def test_a_key_that_the_fleet_made_for_something_else_signs_no_updates(system, signer, tmp_path):
    """A server's TLS key: neither where images trust the update key, nor where they trusted the fleet's CA itself."""
    authority = Authority.create("coast", NOW)
    identity = authority.server(["localhost"], NOW, dt.timedelta(days=1))
    thief = SigningKey(tmp_path)
    thief.key.write_bytes(identity.key)
    thief.certificate.write_bytes(identity.certificate)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    make_bundle(system, COMPATIBLE, "3", thief, tmp_path / "update.raucb")
    for trusted in (signer.certificate, tmp_path / "ca.pem"):
        with pytest.raises(UpdateError, match="signature verification failed"):
            check_bundle(tmp_path / "update.raucb", trusted)


def test_an_unsigned_bundle_is_refused(bundle, signer, tmp_path):
    bare = tmp_path / "update.raucb"
    subprocess.run(["mksquashfs", str(bundle.parent), str(bare), "-quiet"], check=True, capture_output=True)
    with pytest.raises(UpdateError):
        check_bundle(bare, signer.certificate)


@pytest.mark.parametrize("at", [-40, -600])
def test_a_bundle_with_a_changed_signature_or_manifest_is_refused(bundle, signer, tmp_path, at):
    content = bytearray(bundle.read_bytes())
    content[at] ^= 1
    changed = tmp_path / "update.raucb"
    changed.write_bytes(content)
    with pytest.raises(UpdateError):
        check_bundle(changed, signer.certificate)


def test_a_bundle_is_never_written_over(bundle, signer, system):
    with pytest.raises(UpdateError, match="is there already"):
        make_bundle(system, COMPATIBLE, "4", signer, bundle)


def test_the_key_is_for_its_owner_alone_and_is_never_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("getpass.getpass", lambda _prompt: "correct horse")
    assert main(["key", str(tmp_path), "--fleet", "coast"]) == 0
    made = SigningKey(tmp_path)
    assert b"ENCRYPTED" in made.key.read_bytes()
    assert made.key.stat().st_mode & 0o777 == 0o600
    before = made.key.read_bytes()
    assert main(["key", str(tmp_path), "--fleet", "coast"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert made.key.read_bytes() == before
