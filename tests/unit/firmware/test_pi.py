"""What can be said of the image for a real Pi without building it: its schema, its shell, its settings, its slots."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from edge_agent.pins import Pins
from tests.unit.firmware.units import FIRMWARE, UNITS, settings

if TYPE_CHECKING:
    from pathlib import Path

PI = FIRMWARE / "pi"
LAYER = PI / "layer/homeward-kiosk.yaml"
SLOTS = PI / "tree/usr/local/lib/homeward/slots"
CONFIGS = sorted(path for path in (PI / "config").glob("*.yaml") if not path.stem.endswith("-screen"))
WITH_A_SCREEN = sorted((PI / "config").glob("*-screen.yaml"))

MOST_OF_A_SYSTEM_MB = 2048  # with a screen: a kiosk's own 700, some 800 for browser, fonts and graphics, and room


def metadata() -> dict[str, str]:
    head = re.search(r"# METABEGIN\n(.*?)# METAEND", LAYER.read_text(encoding="utf-8"), re.DOTALL)[1]
    fields = re.findall(r"^# X-Env-([\w-]+):(.*(?:\n#  .*)*)$", head, re.MULTILINE)
    return {name: value.replace("\n#", "").strip() for name, value in fields}


def test_every_variable_of_the_layer_is_described_and_checked():
    said = metadata()
    variables = [name.removeprefix("Var-") for name in said if re.fullmatch(r"Var-\w+", name)]
    assert variables
    for name in variables:
        assert all(said[f"Var-{name}-{about}"] for about in ("Desc", "Required", "Valid", "Set"))


def test_the_layers_commands_have_no_fault_that_shellcheck_sees():
    for hook in yaml.safe_load(LAYER.read_text(encoding="utf-8"))["mmdebstrap"]["customize-hooks"]:
        given = "".join(f"{name}=given\n" for name in set(re.findall(r"IGconf_\w+", hook)))
        asked = ["shellcheck", "-s", "sh", "-e", "SC2050,SC2157", "-"]  # what is given here is no constant there
        said = subprocess.run(asked, input=given + hook, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_pi_has_the_kiosks_layer_and_two_slots_where_there_is_a_layout_for_them(path):
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert config["layer"]["app"] == metadata()["Layer-Name"]
    assert config["image"]["layer"] == ("image-rota" if path.stem in {"pi4", "pi5"} else "image-rpios")
    assert config["device"]["layer"].endswith(path.stem.removeprefix("pi"))


def test_four_pis_are_there():
    assert [path.stem for path in CONFIGS] == ["pi3", "pi4", "pi5", "zero2w"]


@pytest.mark.parametrize("path", WITH_A_SCREEN, ids=lambda path: path.stem)
def test_a_pi_with_a_screen_is_the_same_pi_with_more_room_and_the_layers_own_option(path):
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    without = yaml.safe_load((path.parent / config["include"]["file"]).read_text(encoding="utf-8"))
    assert config["include"]["file"] == path.name.replace("-screen", "")
    assert int(config["image"]["system_part_size"].removesuffix("M")) >= MOST_OF_A_SYSTEM_MB
    assert int(without["image"]["system_part_size"].removesuffix("M")) < MOST_OF_A_SYSTEM_MB
    (option,) = config[metadata()["VarPrefix"]]
    assert metadata()[f"Var-{option}-Valid"] == "bool"


def test_the_two_pis_with_memory_for_a_browser_come_with_a_screen_too():
    assert [path.stem for path in WITH_A_SCREEN] == ["pi4-screen", "pi5-screen"]


YES, NO = ("true", "True", "1", "yes", "YES", "y", "Y"), ("false", "False", "0", "no", "NO", "n", "N")


@pytest.mark.parametrize(
    ("screen", "asked"), [*((yes, "--image --screen") for yes in YES), *((no, "--image") for no in NO)]
)
def test_the_layer_asks_the_installer_for_the_screen_where_it_is_wanted(tmp_path, screen, asked):
    """By a stand-in for what goes into the tree; in each way in which the builder lets a yes or a no be written."""
    chroot = tmp_path / "chroot"
    chroot.write_text('#!/bin/sh\nshift; echo "$@"\n', encoding="ascii")
    chroot.chmod(0o755)
    project = tmp_path / "project"
    for folder in ("edge_agent", "models", "requirements", "firmware"):
        (project / folder).mkdir(parents=True)
    given = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "IGconf_homeward_project": str(project),
        "IGconf_homeward_screen": screen,
    }
    hook = yaml.safe_load(LAYER.read_text(encoding="utf-8"))["mmdebstrap"]["customize-hooks"][0]
    told = ["sh", "-c", hook, "hook", str(tmp_path / "root")]
    said = subprocess.run(told, env=given, capture_output=True, text=True, check=True).stdout
    assert said.split(maxsplit=1) == ["/tmp/homeward/firmware/install", f"{asked}\n"]


def test_the_lines_are_right_before_any_program_runs():
    settings = (PI / "config.txt").read_text(encoding="utf-8")
    lights = [Pins().button_light, Pins().ready_light, Pins().camera_light]
    assert f"gpio={Pins().button}=ip,pu\n" in settings
    assert f"gpio={lights[0]}-{lights[-1]}=op,dl\n" in settings
    assert lights == list(range(lights[0], lights[-1] + 1))


CONDITIONS = ("all", "none", "tryboot", "pi3", "pi4", "pi5", "pi02")
KINDS = {
    "dtparam": r"(watchdog|audio)=on",
    "dtoverlay": r"disable-bt",
    "gpio": r"\d+(-\d+)?=(ip|op|a[0-5])(,(pu|pd|pn|dh|dl))?",
    **dict.fromkeys(("camera_auto_detect", "enable_uart", "disable_splash"), r"[01]"),
}


def test_every_line_of_the_boot_settings_is_one_that_the_pis_loader_reads():
    """By Raspberry Pi's own page (documentation/asciidoc/computers/config_txt): a line ends after 98 characters."""
    for line in (PI / "config.txt").read_text(encoding="ascii").splitlines():
        assert len(line) <= 98
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            assert line.strip("[]") in CONDITIONS or re.fullmatch(KINDS[name], value), line


def test_a_kiosks_folder_is_looked_for_where_either_layout_lets_it_be_wiped():
    """image-rpios mounts its one boot partition to be written; image-rota only the one that chooses the slot."""
    chooser = re.search(r"HOMEWARD_BOOTFS:-(\S+)}", SLOTS.read_text(encoding="utf-8"))[1]
    places = [f"{place}/homeward" for place in (chooser, "/boot/firmware")]
    unit = settings(UNITS / "homeward-first-boot.service")
    assert unit["ExecStart"][0].split()[2:] == places
    assert sorted(unit["ConditionPathExists"]) == [f"|{place}/kiosk.toml" for place in sorted(places)]


def test_the_image_has_what_takes_the_wifi_that_a_card_brings_and_no_way_in():
    required = metadata()["Layer-Requires"].replace(",", " ").split()
    assert "network-manager-iwd" in required
    assert "NetworkManager.service" in settings(UNITS / "homeward-wifi.service")["Before"]
    assert not {"openssh-server", "trixie-minbase"} & set(required)  # the latter brings the former, and another network


def test_the_outbox_is_on_neither_slot():
    shared = (PI / "tree/etc/rpi-image-gen/slot-shared.d/homeward.conf").read_text(encoding="utf-8")
    assert "Path=/var/lib/homeward\n" in shared


# -- Slots, by a boot loader of which only the files are played --------------------------------------------------------


class Pi:
    """A card with two slots: partitions 2 and 3 to start from, `running` the one that was."""

    def __init__(self, here: Path) -> None:
        self.here = here
        self.autoboot = here / "bootfs/autoboot.txt"
        for folder in ("bootfs", "dev", "disk/by-partlabel", "disk/by-slot/active"):
            (here / folder).mkdir(parents=True)
        for slot, part in (("a", 2), ("b", 3)):
            device = here / f"dev/mmcblk0p{part}"
            device.touch()
            (here / f"disk/by-partlabel/boot_{slot}").symlink_to(device)
        self.autoboot.write_text(
            "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n", encoding="ascii"
        )
        self.start()

    def start(self, *, tryboot: bool = False) -> str:
        """Start as the boot loader does; return the slot."""
        wanted = re.search(
            rf"\[{'tryboot' if tryboot else 'all'}\][^\[]*boot_partition=(\d)", self.autoboot.read_text()
        )
        link = self.here / "disk/by-slot/active/boot"
        link.unlink(missing_ok=True)
        link.symlink_to(self.here / f"dev/mmcblk0p{wanted[1]}")
        (self.here / "tryboot").write_bytes(bytes([0, 0, 0, tryboot]))
        return self("get-current")

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        places = {"BOOTFS": self.here / "bootfs", "DISKS": self.here / "disk", "TRIED": self.here / "tryboot"}
        known = os.environ | {f"HOMEWARD_{name}": str(path) for name, path in places.items()}
        return subprocess.run([SLOTS, *arguments], capture_output=True, text=True, check=False, env=known)

    def __call__(self, *arguments: str) -> str:
        done = self.ask(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def pi(tmp_path):
    return Pi(tmp_path)


def test_an_update_is_tried_once_and_stays_when_it_has_proved_itself(pi):
    pi("set-state", "b", "bad")
    pi("set-primary", "b")
    assert pi.start(tryboot=True) == "b"
    assert pi.ask("trial").returncode == 0
    pi("set-state", "b", "good")
    assert pi.start() == "b"
    assert pi.ask("trial").returncode == 1
    assert pi("get-primary") == "b"


def test_an_update_that_fails_or_never_comes_far_enough_is_gone_at_the_next_start(pi):
    pi("set-primary", "b")
    assert pi.start(tryboot=True) == "b"
    pi("set-state", "b", "bad")
    assert pi.start() == "a"
    assert [pi("get-state", slot) for slot in "ab"] == ["good", "bad"]


def test_a_slip_is_refused_and_changes_nothing(pi):
    before = pi.autoboot.read_text()
    for slip in ((), ("set-primary",), ("set-state", "a", "perhaps"), ("dance",)):
        done = pi.ask(*slip)
        assert done.returncode == 1
        assert "slots: '" in done.stderr
    assert pi.autoboot.read_text() == before
