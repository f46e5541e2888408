import json

import pytest

from edge_agent.errors import KeyFileError
from provisioning import keyring
from provisioning.keyring import Purpose

PASSPHRASE = "four random words here"


@pytest.fixture(scope="module")
def protected():
    return keyring.protect({"root": bytes(range(32))}, "coast", Purpose.ROOT, PASSPHRASE)


def test_keys_come_back_by_their_passphrase(protected):
    assert keyring.unprotect(protected, "coast", Purpose.ROOT, PASSPHRASE) == {"root": bytes(range(32))}


def test_a_passphrase_typed_with_combined_letters_is_the_same_passphrase():
    composed, combined = "Zürich lantern window", "Zu\u0308rich lantern window"
    content = keyring.protect({"root": bytes(32)}, "coast", Purpose.ROOT, composed)
    assert keyring.unprotect(content, "coast", Purpose.ROOT, combined)


def test_a_wrong_passphrase_opens_nothing(protected):
    with pytest.raises(KeyFileError, match="does not open"):
        keyring.unprotect(protected, "coast", Purpose.ROOT, PASSPHRASE + "!")


@pytest.mark.parametrize(("fleet", "purpose"), [("hills", Purpose.ROOT), ("coast", Purpose.OFFICE)])
def test_another_fleets_file_and_the_other_file_are_refused(protected, fleet, purpose):
    with pytest.raises(KeyFileError, match="it holds the root keys of fleet coast"):
        keyring.unprotect(protected, fleet, purpose, PASSPHRASE)


@pytest.mark.parametrize("field", ["fleet", "salt", "nonce", "sealed"])
def test_nothing_in_the_file_can_be_changed(protected, field):
    plain = json.loads(protected)
    plain[field] = "hills" if field == "fleet" else ("0" if plain[field][0] != "0" else "1") + plain[field][1:]
    with pytest.raises(KeyFileError, match="does not open"):
        keyring.unprotect(json.dumps(plain).encode(), plain["fleet"], Purpose.ROOT, PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"type": "homeward recipient key, version 1"}'])
def test_what_is_no_key_file_is_said_to_be_none(content):
    with pytest.raises(KeyFileError, match="no file with the root keys"):
        keyring.unprotect(content, "coast", Purpose.ROOT, PASSPHRASE)


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32])
def test_bytes_outside_the_curves_order_are_no_key(secret):
    with pytest.raises(KeyFileError, match="no P-256 key"):
        keyring.signer(secret)
