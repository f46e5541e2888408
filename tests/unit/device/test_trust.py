"""The recipient bundle on a kiosk: taken up when it is newer, never when it is older, whatever happens in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.config import Trust
from edge_agent.errors import RolledBackError, SettingsError, UnknownSignerError
from edge_agent.trust import TrustFile
from edge_agent.wire import bundle
from edge_agent.wire.fields import Controller
from edge_agent.wire.keys import RecipientPrivateKey, SoftwareSigner

if TYPE_CHECKING:
    from pathlib import Path

ROOT, RECEIPTS = SoftwareSigner.generate(), SoftwareSigner.generate()
ESCROW = RecipientPrivateKey.generate()


def signed(version: int, root: SoftwareSigner = ROOT) -> bytes:
    content = bundle.Bundle(
        fleet="coast",
        version=version,
        issued_at=1,
        expires_at=2,
        controller=Controller(name="An NGO", contact="+00"),
        jurisdiction="here",
        recipients=[bundle.Recipient(name="escrow", holder=bundle.Holder.ESCROW, key=ESCROW.public_key.raw)],
        receipt_keys=[RECEIPTS.public_key],
        order_keys=[RECEIPTS.public_key],
    )
    return bundle.sign(content, root)


class Kiosk:
    def __init__(self, folder: Path) -> None:
        self.settings = Trust(root=str(folder / "root.pub"), bundle=str(folder / "bundle.cose"))
        self.floor = folder / "bundle-version"
        (folder / "root.pub").write_text(ROOT.public_key.hex(), encoding="ascii")
        self.put(signed(3))

    def put(self, content: bytes) -> None:
        path = type(self.floor)(self.settings.bundle)
        beside = path.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(path)

    def start(self) -> TrustFile:
        return TrustFile(self.settings, self.floor)


@pytest.fixture
def kiosk(tmp_path: Path) -> Kiosk:
    return Kiosk(tmp_path)


def test_a_newer_bundle_is_taken_up_without_a_restart(kiosk):
    trust = kiosk.start()
    kiosk.put(signed(4))
    assert trust.current().content.version == 4


def test_an_older_bundle_is_refused_while_running(kiosk):
    trust = kiosk.start()
    kiosk.put(signed(2))
    with pytest.raises(RolledBackError):
        trust.current()


def test_an_older_bundle_is_refused_after_a_restart_too(kiosk):
    kiosk.start()
    kiosk.put(signed(2))
    with pytest.raises(RolledBackError):
        kiosk.start()


def test_a_version_once_refused_stays_refused_until_a_right_one_comes(kiosk):
    trust = kiosk.start()
    kiosk.put(signed(2))
    for _ in range(2):
        with pytest.raises(RolledBackError):
            trust.current()
    kiosk.put(signed(5))
    assert trust.current().content.version == 5


def test_a_bundle_of_another_root_is_refused(kiosk):
    kiosk.put(signed(9, root=SoftwareSigner.generate()))
    with pytest.raises(UnknownSignerError):
        kiosk.start()


def test_a_floor_that_can_not_be_read_is_not_taken_for_none(kiosk):
    kiosk.start()
    kiosk.floor.write_text("three", encoding="ascii")
    with pytest.raises(SettingsError, match="bundle's version"):
        kiosk.start()


def test_a_missing_bundle_and_a_bad_root_say_what_to_copy(kiosk):
    type(kiosk.floor)(kiosk.settings.bundle).unlink()
    with pytest.raises(SettingsError) as caught:
        kiosk.start()
    assert "bundle.cose" in caught.value.next_step
    type(kiosk.floor)(kiosk.settings.root).write_text("xyz", encoding="ascii")
    with pytest.raises(SettingsError) as caught:
        kiosk.start()
    assert "root.pub" in caught.value.next_step
