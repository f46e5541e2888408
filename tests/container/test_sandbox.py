"""The units as systemd runs them: a whole session inside the sandboxes, and what can't be done from inside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from central.store.sqlite import open_reader
from edge_agent.wire import report, sealing
from tests.container.conftest import CARD, DATA
from tests.container.debian import PROJECT
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.container.conftest import Installed

pytestmark = pytest.mark.timeout(900)  # Debian's tree is made before the first of them

OTHER = {"kiosk": "courier", "courier": "kiosk"}


@pytest.fixture(scope="module", params=sorted(OTHER))
def probed(request: pytest.FixtureRequest, installed: Installed) -> tuple[str, dict[str, str]]:
    """Run the probe in a copy of a unit, with everything of it but its program."""
    name, system = request.param, installed.system
    units, unit = "/etc/systemd/system", f"homeward-probe-{request.param}.service"
    program = f"/opt/homeward/bin/python /opt/homeward/probe.py {installed.fleet.port}"
    override = f"[Service]\\nType=oneshot\\nRestart=no\\nWatchdogSec=0\\nExecStart=\\nExecStart={program}\\n"
    system.run("cp", str(PROJECT / "tests/container/probe.py"), "/opt/homeward/")
    system.run("cp", f"{units}/homeward-{name}.service", f"{units}/{unit}")
    system.run("cp", "-a", f"{units}/homeward-{name}.service.d", f"{units}/{unit}.d")
    system.run("sh", "-c", f"printf '{override}' >{units}/{unit}.d/99-probe.conf")
    system.run("systemctl", "daemon-reload")
    system.run("systemctl", "start", unit)
    (said,) = system.run("journalctl", "-q", "-o", "cat", "-u", unit, "_COMM=python").splitlines()
    return name, json.loads(said)


def events(installed: Installed, name: str) -> list[dict[str, Any]]:
    lines = installed.system.run("journalctl", "-q", "-o", "cat", "-u", f"homeward-{name}").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def happened(installed: Installed, name: str, event: str) -> dict[str, Any] | None:
    return next((facts for facts in events(installed, name) if facts["event"] == event), None)


def test_a_report_goes_from_the_button_to_the_desk_with_both_processes_in_their_sandboxes(installed):
    sealed = until(lambda: happened(installed, "kiosk", "sealed"), "a sealed report")
    receipted = until(lambda: happened(installed, "courier", "receipted"), "its receipt")
    assert receipted["record"] == sealed["record"]
    with open_reader(installed.fleet.store_file) as store:
        content = store.sealed(bytes.fromhex(sealed["record"]))
    record = sealing.parse_record(content)
    opened = report.read(sealing.open_record(record, installed.caseworker), record.claims)
    assert opened.faces
    for name in OTHER:
        ended = installed.system.run("journalctl", "-q", "-o", "cat", "-u", f"homeward-{name}", "_PID=1")
        assert "code=exited" not in ended, "it gave up, and was started again"


def test_what_a_unit_needs_it_can_do(probed):
    name, said = probed
    assert said["write to shared"] == "done"
    assert "denied" not in said[f"the keys of {name}"]
    if name == "courier":
        assert said["the broker"] == "done"


@pytest.mark.red_line(7)
def test_from_inside_a_unit_nothing_else_is_within_reach(probed):
    name, said = probed
    allowed = {"write to shared", f"the keys of {name}", "core", "others"}
    allowed.add({"kiosk": "interfaces", "courier": "the broker"}[name])
    assert {what for what, came in said.items() if not came.startswith("denied")} == allowed
    assert said["core"] == "(0, 0)"
    assert said["others"] == "done", "another user's processes are seen"


def test_the_card_is_taken_and_nothing_of_it_is_left_on_the_boot_partition(installed):
    assert not installed.system.succeeds("test", "-e", CARD)
    listed = installed.system.run(
        "stat", "-c", "%a %U %n", *(f"{DATA}/{name}" for name in ("kiosk.toml", "courier/tls.key"))
    )
    assert listed.splitlines() == [f"644 root {DATA}/kiosk.toml", f"600 homeward-courier {DATA}/courier/tls.key"]
    assert not installed.system.run("find", DATA, "-name", "*.new")


@pytest.mark.red_line(7)
def test_the_kiosks_process_sees_no_network_at_all(installed):
    pid = installed.system.pid("homeward-kiosk")
    links = installed.system.run("nsenter", "-t", str(pid), "-n", "ip", "-brief", "link").splitlines()
    assert [line.split()[0] for line in links] == ["lo"]
    mine, machines = (installed.system.run("readlink", f"/proc/{of}/ns/net") for of in (pid, 1))
    assert mine != machines


@pytest.mark.red_line(7)
def test_the_screens_browser_is_in_the_kiosks_own_network_and_in_no_other(installed):
    system, units = installed.system, "/etc/systemd/system"
    system.run("cp", str(PROJECT / "firmware/common/screen/etc/systemd/system/homeward-screen.service"), f"{units}/")
    system.run("mkdir", f"{units}/homeward-screen.service.d")
    stand_in = "[Service]\\nExecStart=\\nExecStart=sleep infinity\\n"
    system.run("sh", "-c", f"printf '{stand_in}' >{units}/homeward-screen.service.d/99-stand-in.conf")
    system.run("systemctl", "daemon-reload")
    system.run("systemctl", "start", "homeward-screen")
    networks = [
        system.run("readlink", f"/proc/{pid}/ns/net")
        for pid in (system.pid("homeward-screen"), system.pid("homeward-kiosk"), 1)
    ]
    assert networks[0] == networks[1] != networks[2]


def test_each_process_runs_as_itself_and_its_files_are_for_the_two_alone(installed):
    system = installed.system

    def is_itself(unit):
        return system.run("stat", "-c", "%U", f"/proc/{system.pid(unit)}/task").strip() == unit

    for unit in ("homeward-kiosk", "homeward-courier"):  # one that is just starting is root's until it is itself
        until(lambda unit=unit: is_itself(unit), f"{unit} as itself")
    listed = system.run("find", f"{DATA}/shared", "-type", "f", "-perm", "/007")
    assert listed == ""


@pytest.mark.red_line(7)
def test_a_process_that_hangs_is_ended_without_a_core_and_comes_back(installed):
    system = installed.system
    before = system.pid("homeward-kiosk")
    # What systemd's watchdog sends. To the process alone: looking for others beside it fails where it was the only one.
    system.run("systemctl", "kill", "--kill-whom=main", "--signal=ABRT", "homeward-kiosk")
    until(lambda: system.pid("homeward-kiosk") not in {0, before}, "the kiosk's next life")
    assert "code=killed, status=6/ABRT" in system.run("journalctl", "-q", "-o", "cat", "-u", "homeward-kiosk")


def test_the_test_above_would_see_a_core(installed):
    abort = ["systemd-run", "-q", "--unit=aborts", "-p", "LimitCORE=infinity", "python3", "-c", "import os; os.abort()"]
    installed.system.run(*abort)
    until(lambda: "Result=core-dump" in installed.system.run("systemctl", "show", "-p", "Result", "aborts"), "its core")
