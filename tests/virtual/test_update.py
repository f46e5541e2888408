"""Updates on the device's own stack: a stick, RAUC, two slots, real restarts. A bad one goes back by itself."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from firmware.update.bundle import make_bundle, make_key
from firmware.virtual import image
from firmware.virtual.cache import run
from firmware.virtual.device import BOOT_S, VirtualKiosk
from tests.support.spool import Spool
from tests.virtual.conftest import ASTRONAUT, SOON
from tests.virtual.visitor import PACE, SESSION_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KIND = "virtual-kiosk"
MODEL = "/opt/homeward/lib/python3.13/site-packages/models/files/face_detection_short_range.tflite"
PLUGGED_IN = "/dev/disk/by-id/virtio-stick"
INSTALL_S = 1200.0  # far more than it takes
MIB = 1024 * 1024
AS_RAUC_LEAVES_IT = b"primary=b a=good b=2".ljust(512)
BEGUN = 64 * MIB  # written to the other slot


class Stick:
    """A stick, and the kiosk that it is plugged into."""

    def __init__(self, folder: Path, kiosk: VirtualKiosk) -> None:
        self._folder = folder
        self.kiosk = kiosk

    def brings(self, make: Callable[[Path], None]) -> None:
        """Put an update on it, whatever was there."""
        content = self._folder / "stick"
        shutil.rmtree(content, ignore_errors=True)
        content.mkdir()
        make(content / "update.raucb")
        image.disk(self.kiosk.stick, "HOMEWARD", content, self.kiosk.stick.stat().st_size)

    def plug_in(self) -> None:
        """Plug it into a kiosk that is on: the kernel says so, all else is the kiosk's own."""
        device = self("/usr/bin/readlink", "-f", PLUGGED_IN)
        self("/usr/sbin/blockdev", "--flushbufs", device)
        for action in ("remove", "add"):
            self("/usr/bin/udevadm", "trigger", f"--action={action}", "--settle", device)

    def __call__(self, *command: str) -> str:
        assert self.kiosk.machine is not None
        done = self.kiosk.machine.run(*command)
        assert done.status == 0, done.errors + done.out
        return done.out.strip()

    def told(self) -> str:
        """What the kiosk says of updates since its last start."""
        return self("/usr/bin/journalctl", "--no-pager", "-o", "cat", "-u", "homeward-update@*", "-u", "rauc")

    def until_told(self, what: str) -> None:
        self.kiosk.until(lambda: what in self.told(), what, INSTALL_S)


def signed(system: Path, version: str) -> Callable[[Path], None]:
    return lambda out: make_bundle(system, KIND, version, image.update_key(), out)


def without_models(folder: Path) -> Path:
    """Copy the kiosk's system, and damage its models."""
    (folder / "damaged").write_bytes(b"no model")
    copy = folder / "bad.ext4"
    run("cp", "--sparse=always", image.build(), copy)
    run("debugfs", "-w", "-f", "-", copy, text=f"rm {MODEL}\nwrite {folder / 'damaged'} {MODEL}\n")
    return copy


def foreign(system: Path, folder: Path) -> Callable[[Path], None]:
    """Sign as another fleet would."""
    signer = make_key(folder, "elsewhere", dt.datetime.now(dt.UTC), None)
    return lambda out: make_bundle(system, KIND, "9", signer, out)


def damaged(system: Path, folder: Path) -> Callable[[Path], None]:
    """Sign as the fleet does; then one bit falls over, in the middle."""

    def make(out: Path) -> None:
        signed(system, "9")(out)
        content = bytearray(out.read_bytes())
        content[len(content) // 2] ^= 1
        out.write_bytes(content)

    return make


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(foreign, "is not the fleet's, or it is damaged"), (damaged, "could not be written; the running system stays")],
)
def test_an_update_that_is_another_fleets_or_damaged_is_refused_and_changes_nothing(kiosk, tmp_path, spoil, said):
    stick = Stick(tmp_path, kiosk)
    (tmp_path / "system.ext4").write_bytes(os.urandom(4 * MIB))
    stick.brings(spoil(tmp_path / "system.ext4", tmp_path))
    stick.plug_in()
    stick.until_told(said)
    assert stick("/usr/local/lib/homeward/slots", "get-primary") == "a"
    assert kiosk.lights() == (True, True, False)


@pytest.fixture
def offered(frozen, tmp_path):
    """Go on with a kiosk at rest whose stick is still empty."""
    frozen.thaw()
    yield Stick(tmp_path, frozen)
    frozen.end()


@pytest.fixture
def waiting(live, tmp_path):
    """Give a kiosk that is switched off, and the record that waits on its card."""
    with VirtualKiosk(tmp_path / "kiosk", live.fleet, "kiosk-2", [ASTRONAUT], pace=PACE, delivery=SOON) as kiosk:
        card = live.fleet.kiosk_directory("kiosk-2")
        with Spool(card) as spool:
            (record,) = spool.fill(1)
        for path in (card / "shared").iterdir():
            path.chmod(0o666)  # both processes' numbers and their group's are the guest's
        image.disk(kiosk.card_image, "homeward", card, kiosk.card_image.stat().st_size)
        yield kiosk, record


@pytest.mark.red_line(14)
def test_a_system_whose_models_are_damaged_gives_up_the_one_before_is_back_and_what_waited_goes_out(
    live, waiting, tmp_path
):
    kiosk, record = waiting
    without_models(tmp_path).rename(kiosk.second_system)
    kiosk.slots.write_bytes(AS_RAUC_LEAVES_IT)
    kiosk.boot()
    kiosk.until_started("b", timeout=BOOT_S)
    kiosk.until_started("b", "a", timeout=BOOT_S)
    kiosk.wait_for_rest()
    assert kiosk.slots.read_bytes().startswith(b"primary=a a=good b=bad ")

    intake = live.intake()
    kiosk.wait_for("receipted", record=record.hex(), timeout=SESSION_S)
    intake.stop()
    assert [stored for stored, _ in live.stored()].count(record) == 1


def test_an_update_goes_on_after_a_power_cut_in_its_midst_and_stays_once_it_has_proved_itself(offered):
    kiosk = offered.kiosk
    offered.brings(signed(kiosk.system, "good"))
    offered.plug_in()
    kiosk.until(lambda: kiosk.second_system.stat().st_blocks * 512 > BEGUN, "an installation in its midst", INSTALL_S)
    kiosk.cut_power()

    kiosk.boot()
    kiosk.until(lambda: kiosk.slots.read_bytes() == AS_RAUC_LEAVES_IT, "an installation", INSTALL_S)
    kiosk.until_started("a", "b", timeout=BOOT_S)
    kiosk.until(lambda: b"b=good" in kiosk.slots.read_bytes(), "a system that has proved itself", BOOT_S)
    kiosk.wait_for_rest()
    assert kiosk.started() == ["a", "b"]
