"""The units that keep the kiosk's process from the network, and the courier's from everything else."""

from __future__ import annotations

import shutil

import pytest

from tests.unit.firmware.units import AGENT, FIRMWARE, UNITS, complaints, exposure, settings

EACH = pytest.mark.parametrize("name", AGENT)
MOST = 1.5  # of 10, in systemd's own scale


@EACH
def test_a_unit_is_exposed_to_little(name):
    found = exposure(UNITS / f"{name}.service")
    print(f"\n{name}: exposure {found.figure}, from {', '.join(sorted(found.open))}")
    assert found.figure <= MOST


def test_the_test_above_would_see_an_open_unit(tmp_path):
    unit = tmp_path / "homeward-kiosk.service"
    shutil.copy(UNITS / unit.name, unit)  # without what both share
    assert exposure(unit).figure > MOST


def test_systemd_finds_nothing_wrong_with_any_unit():
    units = [path for path in FIRMWARE.glob("**/systemd/system/*") if path.suffix in {".service", ".mount"}]
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
    assert unit["ReadWritePaths"] == [f"/var/lib/homeward/{own}", "/var/lib/homeward/shared"]
    assert f"-/var/lib/homeward/{other}" in unit["InaccessiblePaths"][0].split()


@EACH
def test_a_hang_is_noticed_and_nothing_is_given_up_or_tried_in_a_rush(name):
    unit = settings(UNITS / f"{name}.service")
    assert unit["WatchdogSec"] == ["60s"]
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["RestartMaxDelaySec"] == ["5min"]


SCREEN = FIRMWARE / "common/screen/etc/systemd/system"


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
