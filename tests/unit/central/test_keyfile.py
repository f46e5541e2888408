import json
import stat

import pytest

from central.desk import keyfile
from edge_agent.errors import KeyFileError, LocalError
from edge_agent.wire.keys import RecipientPrivateKey

PASSPHRASE = "four random words here"


@pytest.fixture(scope="module")
def key():
    return RecipientPrivateKey.generate()


@pytest.fixture(scope="module")
def protected(key):
    return keyfile.protect(key, "Amina", PASSPHRASE)


def changed(protected, **fields):
    return json.dumps(json.loads(protected) | fields).encode()


def test_the_passphrase_gives_the_key_back(key, protected):
    assert keyfile.unprotect(protected, PASSPHRASE) == key


def test_the_passphrase_is_the_same_however_an_accent_was_typed(key):
    assert keyfile.unprotect(keyfile.protect(key, "Amina", "cafe\u0301 au lait"), "caf\u00e9 au lait") == key


def test_a_wrong_passphrase_is_said_clearly(protected):
    with pytest.raises(KeyFileError, match="the passphrase does not open"):
        keyfile.unprotect(protected, PASSPHRASE + " ")


def test_the_name_can_not_be_exchanged(protected):
    with pytest.raises(KeyFileError, match="does not open"):
        keyfile.unprotect(changed(protected, name="Somebody else"), PASSPHRASE)


@pytest.mark.parametrize("field", ["kid", "salt", "nonce", "sealed"])
def test_a_changed_field_is_refused(protected, field):
    was = json.loads(protected)[field]
    with pytest.raises(KeyFileError):
        keyfile.unprotect(changed(protected, **{field: ("0" if was[0] != "0" else "1") + was[1:]}), PASSPHRASE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"-----BEGIN PRIVATE KEY-----",
        b'{"type": "homeward recipient key, version 2"}',
    ],
)
def test_what_is_no_key_file_is_refused(content):
    with pytest.raises(KeyFileError, match="no recipient's key file"):
        keyfile.unprotect(content, PASSPHRASE)


def test_an_unknown_field_is_refused(protected):
    with pytest.raises(KeyFileError):
        keyfile.unprotect(changed(protected, comment="hello"), PASSPHRASE)


def test_neither_the_key_nor_the_passphrase_is_legible_in_the_file(key, protected):
    assert key.raw.hex().encode() not in protected
    assert key.raw not in protected
    assert PASSPHRASE.encode() not in protected


def test_the_same_key_never_makes_the_same_file_twice(key, protected):
    other = json.loads(keyfile.protect(key, "Amina", PASSPHRASE))
    assert all(other[field] != json.loads(protected)[field] for field in ("salt", "nonce", "sealed"))


def test_a_key_file_is_for_its_owner_alone_and_its_public_half_names_the_keys(key, tmp_path):
    path = tmp_path / "amina.key"
    keyfile.write(path, key, "Amina", PASSPHRASE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    withdrawals = keyfile.withdrawal_signer(key).public_key.hex()
    assert keyfile.public_path(path).read_text(encoding="utf-8") == f"{key.public_key.raw.hex()}:{withdrawals} Amina\n"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["amina.key", "amina.key.pub"]
    assert keyfile.read(path, PASSPHRASE) == key


@pytest.mark.parametrize("taken", ["amina.key", "amina.key.pub"])
def test_a_key_is_never_overwritten(key, tmp_path, taken):
    (tmp_path / taken).write_text("precious", encoding="utf-8")
    with pytest.raises(LocalError, match="is there already"):
        keyfile.write(tmp_path / "amina.key", key, "Amina", PASSPHRASE)
    assert [found.read_text(encoding="utf-8") for found in tmp_path.iterdir()] == ["precious"]


def test_a_key_file_that_others_can_read_is_refused(protected, tmp_path):
    path = tmp_path / "amina.key"
    path.write_bytes(protected)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="open to others") as refused:
        keyfile.read(path, PASSPHRASE)
    assert "chmod 600" in refused.value.next_step
