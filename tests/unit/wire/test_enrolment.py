from __future__ import annotations

import hashlib

import pytest

from edge_agent.errors import MalformedError, SignatureError, UnknownSignerError
from edge_agent.wire import cbor, cose, documents, enrolment
from edge_agent.wire.keys import SoftwareSigner
from tests.vectors import cddl, fleet

SECRET = bytes(range(32))
REQUEST = enrolment.Request(fleet=fleet.FLEET, kiosk="station-1", name="claim-1", signing=b"one", tls=b"other")
ROOT = fleet.SIGNERS["root"].public_key


def test_the_list_of_words_is_the_well_known_one() -> None:
    known = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"  # BIP 39, english.txt
    assert hashlib.sha256(enrolment._LIST.read_bytes()).hexdigest() == known
    assert len({word[:4] for word in enrolment._word_list()}) == 2048


def test_six_words_say_the_first_66_bits_of_the_hash() -> None:
    bits = "".join(f"{enrolment._word_list().index(word):011b}" for word in enrolment.words(b"a request").split())
    assert bits == f"{int.from_bytes(hashlib.sha256(b'a request').digest(), 'big'):0256b}"[:66]


def test_a_request_holds_under_the_claims_secret_alone() -> None:
    made = enrolment.apply(REQUEST, SECRET)
    assert enrolment.check_application(made, SECRET) == REQUEST
    with pytest.raises(SignatureError):
        enrolment.check_application(made, bytes(32))


def reply(**changes: object) -> enrolment.Reply:
    plain = {
        "fleet": fleet.FLEET,
        "kiosk": "station-1",
        "request": hashlib.sha256(b"asked").digest(),
        "at": fleet.NOON,
        "bundle": fleet.SIGNED_BUNDLE,
        "signing": b"one",
        "tls": b"other",
    }
    return enrolment.Reply(**(plain | changes))  # type: ignore[arg-type]


def test_an_answer_holds_for_its_request_under_the_root_and_an_orders_key() -> None:
    signed = enrolment.sign_reply(reply(), fleet.SIGNERS["orders"])
    assert enrolment.trust_reply(signed, ROOT, b"asked")[0] == reply()
    with pytest.raises(UnknownSignerError):
        enrolment.trust_reply(signed, ROOT, b"asked otherwise")
    with pytest.raises(UnknownSignerError):
        enrolment.trust_reply(signed, SoftwareSigner.generate().public_key, b"asked")
    with pytest.raises(UnknownSignerError):
        enrolment.trust_reply(enrolment.sign_reply(reply(), SoftwareSigner.generate()), ROOT, b"asked")
    another = enrolment.sign_reply(reply(fleet="another"), fleet.SIGNERS["orders"])
    with pytest.raises(UnknownSignerError):
        enrolment.trust_reply(another, ROOT, b"asked")


def test_the_schema_accepts_all_three_and_refuses_a_wrong_field() -> None:
    orders = fleet.SIGNERS["orders"]
    cddl.validate("application", enrolment.apply(REQUEST, SECRET))
    cddl.validate("signed-renewal", enrolment.sign_renewal(REQUEST, fleet.SIGNERS["station-1"]))
    cddl.validate("signed-enrolment", enrolment.sign_reply(reply(), orders))
    no = reply(signing=None, tls=None, refused="claim-used")
    cddl.validate("signed-enrolment", enrolment.sign_reply(no, orders))
    for wrong in ({"at": -1}, {"request": bytes(31)}, {"tls": b""}):
        other = cbor.encode(documents.to_map(reply()) | wrong)
        with pytest.raises(cddl.RefusedError):
            cddl.validate("signed-enrolment", cose.sign1(other, orders, enrolment.REPLY_TYPE))


@pytest.mark.parametrize(
    "changes", [{"tls": None}, {"signing": None}, {"refused": "no"}, {"tls": None, "signing": None}]
)
def test_an_answer_is_a_yes_or_a_no(changes: dict[str, object]) -> None:
    with pytest.raises((MalformedError, ValueError)):
        enrolment.sign_reply(reply(**changes), fleet.SIGNERS["orders"])
