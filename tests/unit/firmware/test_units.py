"""The units that keep the kiosk's process from the network, and the courier's from everything else."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware.virtual import rootfs
from provisioning.card import PAGE, WORD
from tests.container import debian
from tests.unit.firmware.units import AGENT, FIRMWARE, KIOSK, UNITS, complaints, exposure, settings

EACH = pytest.mark.parametrize("name", AGENT)
VOICES = "homeward-voices"  # once at each start, and when what it says has changed
MOST = 1.5  # of 10, in systemd's own scale


@pytest.mark.parametrize("name", [*AGENT, VOICES])
def test_a_unit_is_exposed_to_little(name):
    found = exposure(UNITS / f"{name}.service")
    print(f"\n{name}: exposure {found.figure}, from {', '.join(sorted(found.open))}")
    assert found.figure <= MOST


def test_the_test_above_would_see_an_open_unit(tmp_path):
    unit = tmp_path / "homeward-kiosk.service"
    shutil.copy(UNITS / unit.name, unit)  # without what both share
    assert exposure(unit).figure > MOST


def test_systemd_finds_nothing_wrong_with_any_unit():
    units = [path for path in FIRMWARE.glob("**/systemd/system/*") if path.suffix in {".service", ".mount", ".path"}]
    assert len(units) >= len(AGENT)
    assert complaints(*units) == []


def test_a_slip_in_a_unit_would_be_seen(tmp_path):
    unit = tmp_path / "slip.service"
    unit.write_text("[Service]\nExecStart=/bin/true\nProtectSytem=strict\n", encoding="utf-8")
    assert any("ProtectSytem" in line for line in complaints(unit))


@pytest.mark.red_line(7)
def test_who_sees_people_has_no_network_and_nobody_dumps_or_swaps_memory():
    kiosk = settings(UNITS / "homeward-kiosk.service")
    assert kiosk["PrivateNetwork"] == ["yes"]
    assert kiosk["IPAddressDeny"] == ["any"]
    assert kiosk["LimitMEMLOCK"] == ["infinity"]
    for name in AGENT:
        unit = settings(UNITS / f"{name}.service")
        assert unit["LimitCORE"] == ["0"]
        assert unit["MemorySwapMax"] == ["0"]


def test_who_has_the_network_has_no_device():
    courier = settings(UNITS / "homeward-courier.service")
    assert courier["PrivateDevices"] == ["yes"]
    assert "DeviceAllow" not in courier


@EACH
def test_the_two_see_nothing_of_each_other_but_the_shared_folder(name):
    unit = settings(UNITS / f"{name}.service")
    own = name.removeprefix("homeward-")
    other = {"kiosk": "courier", "courier": "kiosk"}[own]
    assert unit["ReadWritePaths"] == [f"/var/lib/homeward/{own}", "/var/lib/homeward/shared /run/homeward"]
    assert f"-/var/lib/homeward/{other}" in unit["InaccessiblePaths"][0].split()


@EACH
def test_a_hang_is_noticed_and_nothing_is_given_up_or_tried_in_a_rush(name):
    unit = settings(UNITS / f"{name}.service")
    assert unit["WatchdogSec"] == ["60s"]
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["RestartMaxDelaySec"] == ["5min"]


def test_what_the_kiosk_says_is_recorded_before_it_starts_by_who_can_do_nothing_else():
    unit = settings(UNITS / f"{VOICES}.service")
    assert "homeward-kiosk.service" in unit["Before"]
    assert "homeward-first-boot.service" in unit["After"][0].split()
    assert unit["User"] == settings(UNITS / "homeward-kiosk.service")["User"]
    assert unit["ReadWritePaths"] == ["/var/lib/homeward/voices"]
    assert "-/var/lib/homeward/kiosk/signing.key" in unit["InaccessiblePaths"][0].split()
    assert "-/var/lib/homeward/courier" in unit["InaccessiblePaths"][1].split()
    assert (unit["PrivateNetwork"], unit["PrivateDevices"]) == (["yes"], ["yes"])
    assert "DeviceAllow" not in unit


def test_what_the_kiosk_says_of_itself_lies_in_memory_where_both_processes_meet_and_nothing_runs():
    lines = (KIOSK / "etc/tmpfiles.d/homeward.conf").read_text(encoding="utf-8").splitlines()
    assert f"d {WORD} 2770 root homeward -" in {" ".join(line.split()) for line in lines}
    assert WORD.startswith("/run/")
    for name in AGENT:
        forbidden = " ".join(settings(UNITS / f"{name}.service")["NoExecPaths"]).split()
        assert f"-{WORD}" in forbidden


def test_the_address_of_the_page_is_where_the_card_says_and_where_the_browser_waits():
    screen = FIRMWARE / "common/screen/etc"
    (folder,) = (screen / "tmpfiles.d/homeward-screen.conf").read_text(encoding="utf-8").splitlines()[1:]
    assert folder.split()[1] == str(Path(PAGE).parent)
    assert settings(screen / "systemd/system/homeward-screen.service")["ExecStart"][0].split()[1] == PAGE


def test_the_folder_of_recordings_is_the_one_that_the_card_names_and_its_writer_owns():
    (line,) = [line for line in (KIOSK / "etc/tmpfiles.d/homeward.conf").read_text().splitlines() if "/voices" in line]
    folder, owner = line.split()[1], line.split()[3]
    assert (Path(folder).parent, owner) == (Path("/var/lib/homeward"), "homeward-kiosk")
    assert f'folder = "{Path(folder).name}"' in (FIRMWARE.parent / "provisioning/card.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("card", "asked"),
    [
        ('kiosk = "kiosk-1"\n[voice]\nfolder = "voices"\n', True),
        ('[voice] # aloud\nfolder = "voices"\n', True),
        ('kiosk = "kiosk-1"\n# [voice]\n[printed_notice]\n', False),
        ("", False),
    ],
    ids=["a voice", "a voice with a remark", "a notice on paper", "nothing"],
)
def test_nothing_is_recorded_for_a_card_that_names_no_voice(card, asked, tmp_path):
    (condition,) = settings(UNITS / f"{VOICES}.service")["ExecCondition"]
    command = shlex.split(condition)  # whose quotes and backslashes are systemd's, too
    (tmp_path / "kiosk.toml").write_text(card, encoding="utf-8")
    done = subprocess.run([*command[:-1], tmp_path / "kiosk.toml"], check=False)
    assert (done.returncode == 0) is asked


def test_other_words_are_recorded_as_soon_as_the_organisations_facts_have_changed():
    watched = settings(UNITS / f"{VOICES}.path")
    names = ("kiosk.toml", "shared/bundle.cose", "kiosk/orders.cose")
    assert watched["PathChanged"] == [f"/var/lib/homeward/{name}" for name in names]


def test_every_kiosk_gets_what_speaks_but_the_virtual_one_that_is_given_its_recordings():
    installer = (FIRMWARE / "install").read_text(encoding="utf-8")
    assert "\nSITE=voice\n" in installer
    assert "homeward-voices.service homeward-voices.path" in installer
    lines = (FIRMWARE / "common/packages.txt").read_text(encoding="utf-8").splitlines()
    voice = {line.split()[0] for line in lines if line.split("#")[0].split()[1:] == ["voice"]}
    assert voice == {"espeak-ng", "alsa-utils"}
    assert voice.isdisjoint(rootfs.packages())


# Kinds of devices that a module brings, which may come after the unit was started: systemd allows the kinds it knows.
BROUGHT_BY = {"char-alsa": "snd", "char-video4linux": "videodev", "char-media": "mc", "char-drm": "drm"}
BUILT_IN = {"char-gpiochip", "char-dma_heap"}  # in Debian's and in Raspberry Pi's kernels


@pytest.mark.parametrize(("tree", "unit"), [("kiosk", "homeward-kiosk"), ("screen", "homeward-screen")])
def test_every_kind_of_device_that_a_unit_allows_is_known_before_the_unit_is_started(tree, unit):
    etc = FIRMWARE / "common" / tree / "etc"
    (file,) = (etc / "modules-load.d").glob("*.conf")
    loaded = {line for line in file.read_text(encoding="ascii").splitlines() if not line.startswith("#")}
    allowed = {said.split()[0] for said in settings(etc / f"systemd/system/{unit}.service")["DeviceAllow"]}
    assert {BROUGHT_BY[kind] for kind in allowed - BUILT_IN} == loaded


SCREEN = FIRMWARE / "common/screen/etc/systemd/system"


def test_the_browser_is_no_login_which_would_take_it_out_of_what_its_unit_denies():
    screen = settings(SCREEN / "homeward-screen.service")
    assert "PAMName" not in screen
    assert "seatd.service" in screen["After"][0].split()
    handed = settings(SCREEN / "seatd.service.d/homeward.conf")["ExecStart"]
    assert handed == ["", f"/usr/sbin/seatd -g {screen['User'][0]}"]


def test_a_kiosk_with_a_screen_is_tried_with_the_packages_that_it_gets():
    lines = (FIRMWARE / "common/packages.txt").read_text(encoding="utf-8").splitlines()
    assert {line.split()[0] for line in lines if line.split("#")[0].split()[1:] == ["screen"]} == set(debian.SCREEN)


def test_the_browser_has_the_kiosks_loopback_and_nothing_of_what_the_kiosk_keeps():
    screen = settings(SCREEN / "homeward-screen.service")
    assert screen["JoinsNamespaceOf"] == ["homeward-kiosk.service"]
    assert screen["PrivateNetwork"] == ["yes"]
    assert (screen["IPAddressDeny"], screen["IPAddressAllow"]) == (["any"], ["localhost"])
    assert "-/var/lib/homeward" in screen["InaccessiblePaths"][0].split()


def test_with_a_screen_the_kiosk_is_exposed_to_little_more(tmp_path):
    for tree in (UNITS, SCREEN):
        shutil.copytree(tree, tmp_path, symlinks=True, dirs_exist_ok=True)
    found = exposure(tmp_path / "homeward-kiosk.service")
    print(f"\nhomeward-kiosk with a screen: exposure {found.figure}")
    assert found.figure <= MOST
