"""Keys replaced from the console, step by step: with a real broker, and a kiosk that is away and says nothing."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from edge_agent.files import read_signer
from provisioning.broker_files import start_again
from provisioning.decisions.rotation import Step, next_step
from provisioning.fleet import Turn
from tests.support.browser import assert_all_can_use
from tests.support.console import picture_for_the_guide
from tests.unit.provisioning.place import Place
from tests.unit.provisioning.world import OFFICE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def place(tmp_path) -> Iterator[Place]:
    made = Place(tmp_path)
    made.bring_to_life("kiosk-1")
    made.copy("broker", "acl")
    with made.mosquitto():
        yield made


def look_at(hands, name, step):
    hands.press("link", "Keys")
    hands.press("link", f"{name}: look at step {step}")
    hands.page.get_by_role("heading", name=f"{name}: step {step} of 3").wait_for()


def take(hands, name, step, *, root=None):
    if root is not None:
        hands.type("The root's file", str(root))
        hands.type("The root's passphrase", ROOT)
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", f"Take step {step}")
    hands.page.get_by_role("heading", name=f"{name}: step {step} of 3 is done").wait_for()


@pytest.mark.timeout(600)
def test_another_ca_in_three_steps_with_who_is_not_ready_named_and_left_behind_only_when_chosen(hands, place):
    page, name = hands.page, "The device CA"
    look_at(hands, name, 1)
    assert_all_can_use(page)
    take(hands, name, 1)
    assert "The broker of this computer was started again with them" in page.inner_text("main")
    assert_all_can_use(page)
    hands.press("link", "To the keys")
    page.get_by_role("heading", name="Keys", exact=True).wait_for()
    assert "kiosk-1 is not known to run orders 1" in page.inner_text("main")
    assert "can't be known" in page.get_by_role("row", name="intake-1").inner_text()
    assert_all_can_use(page)
    picture_for_the_guide(page, "keys")

    look_at(hands, name, 2)
    picture_for_the_guide(page, "keys-step")
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Take step 2")
    said = page.get_by_role("alert").inner_text()
    assert "kiosk-1 is not known to run orders 1" in said
    assert place.broker not in said  # it was asked, and takes certificates of the new CA
    assert_all_can_use(page)
    assert next_step(place.state(), Turn.CA) is Step.SWITCH
    for who in ("kiosk-1 is not known", "intake-1 "):
        hands.tick(who)
    take(hands, name, 2)
    new = place.state().authorities[0]

    look_at(hands, name, 3)
    for who in ("kiosk-1 ", "intake-1 "):
        hands.tick(who)
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Take step 3")
    assert f"{place.broker} shows no certificate of the new CA" in page.get_by_role("alert").inner_text()
    place.write("broker", "--replace")
    start_again(place.folder / "broker")
    for who in ("kiosk-1 ", "intake-1 "):
        hands.tick(who)
    take(hands, name, 3)
    assert "Left behind: kiosk-1, intake-1" in page.inner_text("main")
    assert place.state().authorities == [new]


@pytest.mark.timeout(600)
def test_another_receipt_key_whose_file_is_fetched_and_never_gone_on_with_by_mistake(hands, place, tmp_path):
    page, name = hands.page, "The receipt key"
    look_at(hands, name, 1)
    assert_all_can_use(page)
    take(hands, name, 1, root=place.root)
    look_at(hands, name, 2)
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Take step 2")
    assert "has not reached everybody" in page.get_by_role("alert").inner_text()
    assert next_step(place.state(), Turn.RECEIPTS) is Step.SWITCH
    hands.tick("Go on without them")
    take(hands, name, 2)
    with page.expect_download() as fetched:
        hands.press("link", "Fetch the new receipt key (receipt-key.zip)")
    fetched.value.save_as(tmp_path / "handed.zip")
    assert key_in(tmp_path / "handed.zip").public_key == place.state().in_force(Turn.RECEIPTS)


def key_in(archive):
    with zipfile.ZipFile(archive) as packed:
        path = archive.with_name("receipt.key")
        path.touch(mode=0o600)
        path.write_bytes(packed.read("receipt.key"))
    return read_signer(path)
