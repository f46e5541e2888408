"""A new system proves itself by the real units under a real systemd, or is given up; only the restart is held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.container.debian import PROJECT
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.container.conftest import Installed

pytestmark = pytest.mark.timeout(900)

HERE = "/opt/prove"
TREE = PROJECT / "firmware/update/tree/usr/local/lib/homeward"
# In the place of systemctl: it asks systemd what is asked, but a restart of this Debian it only writes down.
HELD_BACK = f'#!/bin/sh\nif [ "$1" = reboot ]; then touch {HERE}/restarted; else exec /usr/bin/systemctl "$@"; fi\n'


@pytest.fixture
def trial(installed: Installed) -> Installed:
    """Give a system in slot b that has to prove itself, as far as `slots` can see."""
    system = installed.system
    system.run("rm", "-rf", HERE)
    system.run("mkdir", "-p", f"{HERE}/bin", f"{HERE}/root")
    system.run("cp", str(TREE / "slots"), str(TREE / "prove"), f"{HERE}/")
    system.run("sh", "-c", f"printf '%s' '{HELD_BACK}' >{HERE}/bin/systemctl && chmod 755 {HERE}/bin/systemctl")
    system.run("sh", "-c", f"echo system-b >{HERE}/root/serial; printf 'primary=b a=good b=1' >{HERE}/sector")
    return installed


def prove(installed: Installed, within: int) -> str:
    known = [f"PATH={HERE}/bin:/usr/bin:/bin", f"HOMEWARD_SLOTS={HERE}/sector", f"HOMEWARD_PROVE_WITHIN={within}"]
    return installed.system.run("env", *known, f"HOMEWARD_ROOT=../../..{HERE}/root", f"{HERE}/prove")


def sector(installed: Installed) -> str:
    return installed.system.run("cat", f"{HERE}/sector").strip()


def status(installed: Installed, name: str) -> str:
    return installed.system.shows(f"homeward-{name}", "StatusText")


def test_with_the_kiosk_at_rest_and_the_broker_reached_it_stays(trial):
    until(lambda: (status(trial, "kiosk"), status(trial, "courier")) == ("rest", "connected"), "a kiosk that is well")
    assert "slot b has proved itself" in prove(trial, 60)
    assert sector(trial) == "primary=b a=good b=good"
    assert not trial.system.succeeds("test", "-e", f"{HERE}/restarted")


@pytest.mark.parametrize("name", ["kiosk", "courier"])
def test_without_one_of_the_two_it_is_given_up_and_the_machine_starts_anew(trial, name):
    trial.system.run("systemctl", "stop", f"homeward-{name}")
    try:
        assert "slot b has not proved itself" in prove(trial, 2)
    finally:
        trial.system.run("systemctl", "start", f"homeward-{name}")
    assert sector(trial) == "primary=b a=good b=bad"
    assert trial.system.succeeds("test", "-e", f"{HERE}/restarted")


def test_a_system_that_has_proved_itself_is_left_alone(trial):
    trial.system.run("sh", "-c", f"printf 'primary=b a=good b=good' >{HERE}/sector")
    trial.system.run("systemctl", "stop", "homeward-courier")
    try:
        assert prove(trial, 1) == ""
    finally:
        trial.system.run("systemctl", "start", "homeward-courier")
    assert not trial.system.succeeds("test", "-e", f"{HERE}/restarted")
