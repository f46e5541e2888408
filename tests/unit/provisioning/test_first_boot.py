"""A kiosk's first boot with a real broker: two processes, a card, six words, and staff who compare them."""

import shutil
import subprocess
import sys

import msgspec
import pytest
from cryptography import x509

from edge_agent.files import read_signer
from edge_agent.wire import enrolment
from provisioning.children import Child
from tests.support.read_only import BOUND_BY_RIGHTS, read_only
from tests.support.waiting import PATIENCE_S, until
from tests.unit.provisioning.place import Place


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def six_words(process):
    return process.wait_for("six_words", timeout=PATIENCE_S)["words"]


@pytest.mark.parametrize("left", [b"half of an ans", None], ids=["cut off", "gone"])
def test_an_answer_that_is_damaged_after_the_courier_has_its_half_is_left_again_for_the_kiosk(place, left):
    here = place.switch_on("kiosk-1")
    place.copy("broker", "acl")
    reply = here / "shared" / "enrolment-reply"
    with place.mosquitto():
        with place.courier("kiosk-1") as courier:
            with place.kiosk("kiosk-1") as kiosk:
                words = six_words(kiosk)
            place.ok("enrol", "--words", words, *place.office)
            courier.wait_for("enrolled", timeout=PATIENCE_S)
        reply.unlink()
        if left is not None:
            reply.write_bytes(left)
        with place.kiosk("kiosk-1") as kiosk:
            if left is not None:
                kiosk.wait_for("reply_not_believed", timeout=PATIENCE_S)
            with place.courier("kiosk-1"):
                kiosk.wait_for("enrolled", timeout=PATIENCE_S)
    assert not (here / "shared" / "signing.csr").exists()


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


CLAIM = ("claim.key", "claim.pem", "first-boot.toml")


def courier_command(here, word):
    config = here / "kiosk.toml"
    return [*BOUND_BY_RIGHTS, sys.executable, "-m", "edge_agent.courier", word, "--config", str(config)]


def courier_check(here):
    return subprocess.run(courier_command(here, "check"), capture_output=True, text=True, check=False)


def test_a_claim_on_a_card_that_takes_no_writes_is_said_at_each_start_and_wiped_once_it_can_be(place):
    here = place.switch_on("kiosk-1")
    place.copy("broker", "acl")
    card = here / "card"
    card.mkdir()
    for name in CLAIM:
        (here / "courier" / name).rename(card / name)
    settings = here / "kiosk.toml"
    written = settings.read_text(encoding="utf-8")
    assert 'card = "courier"\n' in written
    settings.write_text(written.replace('card = "courier"\n', 'card = "card"\n'), encoding="utf-8")
    with place.mosquitto():
        with read_only(card):
            with place.kiosk("kiosk-1") as kiosk, Child("courier", courier_command(here, "run")) as courier:
                place.ok("enrol", "--words", six_words(kiosk), *place.office)
                kiosk.wait_for("enrolled", timeout=PATIENCE_S)
                assert str(card) in courier.wait_for("claim_left", timeout=PATIENCE_S)["reason"]
                courier.wait_for("enrolled", claim_wiped=False, timeout=PATIENCE_S)
                courier.wait_for("connected", receive_maximum=100, timeout=PATIENCE_S)
            with Child("courier", courier_command(here, "run")) as courier:
                courier.wait_for("connected", receive_maximum=100, timeout=PATIENCE_S)
                assert [line["event"] for line in courier.said].count("claim_left") == 1
            checked = courier_check(here)
            assert checked.returncode == 1
            assert all(f"{name}: Permission denied" in checked.stderr for name in CLAIM)
            assert "delete first-boot.toml, claim.key and claim.pem by hand" in checked.stderr
            assert sorted(path.name for path in card.iterdir()) == list(CLAIM)
        with Child("courier", courier_command(here, "run")) as courier:
            courier.wait_for("claim_wiped", timeout=PATIENCE_S)
            courier.wait_for("connected", receive_maximum=100, timeout=PATIENCE_S)
    assert not list(card.iterdir())
    assert courier_check(here).returncode == 0


def put(path, content):
    """Leave something between the two processes, in one moment as they do."""
    beside = path.with_name("beside")
    beside.write_bytes(content)
    beside.replace(path)


def test_what_is_damaged_or_foreign_between_the_two_is_refused_and_asked_again_with_the_same_words(place):
    here = place.switch_on("kiosk-1")
    place.copy("broker", "acl")
    shared = here / "shared"
    with place.mosquitto(), place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1") as courier:
        words = six_words(kiosk)
        whole = {name: (shared / name).read_bytes() for name in ("signing.csr", "enrolment-request")}
        asked = enrolment.read_application(whole["enrolment-request"])
        foreign = enrolment.apply(msgspec.structs.replace(asked, kiosk="kiosk-2"), bytes(32))
        for name, content in whole.items():
            for damaged in (b"", content[: len(content) // 2], foreign):
                put(shared / name, damaged)
                until(lambda path=shared / name, content=content: path.read_bytes() == content, f"{name} again")
        for damaged in (b"", whole["signing.csr"], (here / "bundle.cose").read_bytes()):
            put(shared / "enrolment-reply", damaged)
        for program in (kiosk, courier):
            program.wait_for("reply_not_believed", timeout=PATIENCE_S)
        place.ok("enrol", "--words", words, *place.office)
        kiosk.wait_for("enrolled", timeout=PATIENCE_S)
        courier.wait_for("connected", receive_maximum=100, timeout=PATIENCE_S)
        assert [line["words"] for line in kiosk.said if line["event"] == "six_words"] == [words]


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_half_written_file_of_a_process_that_is_not_there_is_said_and_made_again_when_it_is(place, kept):
    here = place.switch_on("kiosk-1")
    place.copy("broker", "acl")
    signing, request = here / "shared" / "signing.csr", here / "shared" / "enrolment-request"
    with place.mosquitto():
        with place.kiosk("kiosk-1") as kiosk:
            with place.courier("kiosk-1"):
                six_words(kiosk)
            put(request, request.read_bytes()[: int(request.stat().st_size * kept)])
            kiosk.wait_for("request_not_believed", code="malformed", timeout=PATIENCE_S)
        put(signing, signing.read_bytes()[: int(signing.stat().st_size * kept)])
        with place.courier("kiosk-1") as courier:
            courier.wait_for("request_not_believed", code="malformed", timeout=PATIENCE_S)
            with place.kiosk("kiosk-1") as kiosk:
                place.ok("enrol", "--words", six_words(kiosk), *place.office)
                kiosk.wait_for("enrolled", timeout=PATIENCE_S)
                courier.wait_for("enrolled", timeout=PATIENCE_S)


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
