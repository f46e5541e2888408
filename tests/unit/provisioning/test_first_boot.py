"""A kiosk's first boot with a real broker: two processes, a card, six words, and staff who compare them."""

import shutil

import pytest
from cryptography import x509

from edge_agent.files import read_signer
from edge_agent.wire import enrolment
from tests.support.waiting import PATIENCE_S, until
from tests.unit.provisioning.place import Place


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def six_words(process):
    return process.wait_for("six_words", timeout=PATIENCE_S)["words"]


def test_staff_compare_six_words_and_the_kiosk_is_in_service(place):
    here = place.switch_on("kiosk-1")
    place.copy("broker", "acl")
    with place.mosquitto(), place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1") as courier:
        words = six_words(kiosk)
        assert len(words.split()) == 6
        assert (here / "shared" / "six-words").read_text(encoding="ascii") == words
        said = place.ok("enrol", "--words", words, *place.office)
        assert "kiosk-1 is in service" in said
        kiosk.wait_for("enrolled", timeout=PATIENCE_S)
        courier.wait_for("enrolled", claim_wiped=True, timeout=PATIENCE_S)
        courier.wait_for("ready", timeout=PATIENCE_S)
        courier.wait_for("connected", receive_maximum=100, timeout=PATIENCE_S)
    registered = place.state().registered.keys
    key = read_signer(here / "kiosk" / "signing.key").public_key
    assert [(entry.kiosk, entry.key) for entry in registered] == [("kiosk-1", key)]
    assert x509.load_pem_x509_certificate((here / "kiosk" / "signing.pem").read_bytes())
    left = {path.name for path in (here / "courier").iterdir()}
    assert not left & {"first-boot.toml", "claim.key", "claim.pem"}
    assert "enrol  kiosks: kiosk-1" in place.ok("audit")
    for key in (here / "kiosk" / "signing.key", here / "courier" / "tls.key"):
        assert key.stat().st_mode & 0o077 == 0


def test_a_card_that_is_older_than_the_orders_key_still_enrols_and_orders_by_the_new_key_are_believed(place):
    here = place.switch_on("kiosk-1")
    place.copy("broker", "acl")
    for _step in range(3):
        place.ok("rotate", "orders", *place.apart, *place.office, "--yes", "--anyway")
    with place.mosquitto(), place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1") as courier:
        place.ok("enrol", "--words", six_words(kiosk), *place.office)
        kiosk.wait_for("enrolled", timeout=PATIENCE_S)
        courier.wait_for("connected", receive_maximum=100, timeout=PATIENCE_S)
        assert (here / "shared" / "bundle.cose").read_bytes() == place.state().bundle
        place.ok("order", "kiosk-1", "--set", "delivery.window=8", *place.office, "--yes")
        courier.wait_for("orders_in_force", timeout=PATIENCE_S)  # by the new key, which its card does not name


def test_the_answer_that_did_not_reach_the_kiosk_is_given_when_it_asks_again(place):
    place.switch_on("kiosk-1")
    place.copy("broker", "acl")
    with place.mosquitto(), place.kiosk("kiosk-1") as kiosk:
        with place.courier("kiosk-1") as courier:
            words = six_words(kiosk)
            courier.wait_for("connected", timeout=PATIENCE_S)
        request = (place.folder / "kiosk-1" / "shared" / "enrolment-request").read_bytes()
        with place.front_desk() as desk:
            assert desk.approve([desk.consider(request)]) == [False]
            with place.courier("kiosk-1") as courier:
                until(lambda: desk.tend(0.1) or desk.renewed, "the same request again")
                courier.wait_for("enrolled", timeout=PATIENCE_S)
        assert enrolment.words(request) == words
        kiosk.wait_for("enrolled", timeout=PATIENCE_S)


def test_a_request_that_staff_refuse_is_told_to_the_kiosk_and_nothing_is_wiped(place):
    here = place.switch_on("kiosk-1")
    with place.mosquitto(), place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1") as courier:
        six_words(kiosk)
        with place.front_desk() as desk:
            until(lambda: desk.tend(0.1) or desk.pending, "a request")
            desk.refuse(desk.pending[0])
            for program in (kiosk, courier):
                program.wait_for("enrolment_refused", code="refused-by-staff", timeout=PATIENCE_S)
        assert (here / "courier" / "first-boot.toml").exists()
        assert not (here / "courier" / "tls.pem").exists()
        assert not (here / "kiosk" / "signing.key").exists()
        # the same card, another request: the kiosk's folders were cleared
    shutil.rmtree(here / "shared")
    (here / "shared").mkdir()
    (here / "kiosk" / "signing.key.next").unlink()
    with place.mosquitto(), place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1"):
        place.ok("enrol", "--words", six_words(kiosk), *place.office)
        kiosk.wait_for("enrolled", timeout=PATIENCE_S)


def test_a_copy_of_the_card_can_neither_enrol_again_nor_deliver(place):
    here = place.switch_on("kiosk-1")
    stolen = place.folder / "stolen"
    shutil.copytree(here, stolen)
    with place.mosquitto(), place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1"):
        place.ok("enrol", "--words", six_words(kiosk), *place.office)
        kiosk.wait_for("enrolled", timeout=PATIENCE_S)
    with place.mosquitto(), place.kiosk("stolen"), place.courier("stolen") as courier, place.front_desk() as desk:
        until(lambda: desk.tend(0.1) or desk.refused, "the thief's request")
        assert desk.refused[0].fault.reason == "claim-used"
        assert "copy of the card" in desk.refused[0].fault.explain()
        assert not desk.pending
        courier.wait_for("enrolment_refused", code="claim-used", timeout=PATIENCE_S)
    assert len(place.state().registered.keys) == 1
