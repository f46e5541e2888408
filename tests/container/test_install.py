"""firmware/install on a stock Debian 12: what it would do, what it does, that it does it once, and how it goes away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.container import debian
from tests.container.debian import PROJECT, Debian

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(900)

INSTALL = str(PROJECT / "firmware/install")
PLACES = ("/etc", "/opt", "/usr/local", "/var/lib/homeward")
SYSTEMS_OWN = {"passwd", "group", "shadow", "gshadow", "passwd-", "group-", "shadow-", "gshadow-", ".pwd.lock"}


@pytest.fixture
def stock() -> Iterator[Debian]:
    with Debian("stock") as system:
        yield system


def install(system: Debian, *arguments: str) -> str:
    return system.run(
        INSTALL, *arguments, *(("--wheels", str(debian.wheels())) if "uninstall" not in arguments else ())
    )


def files(system: Debian) -> set[str]:
    """All files where the script may leave some, with their size and time."""
    listed = system.run("find", *PLACES, "!", "-type", "d", "-printf", "%p %s %T@\\n", check=False).splitlines()
    return {line for line in listed if line.split()[0].rpartition("/")[2] not in SYSTEMS_OWN and line.startswith("/")}


def names(listed: set[str]) -> set[str]:
    return {line.split()[0] for line in listed}


def test_a_stock_debian_becomes_a_kiosk_once_and_stock_again(stock):
    before = files(stock)

    said = install(stock, "--dry-run")
    assert "would run" in said
    assert files(stock) == before

    assert "done: start this machine anew" in install(stock)
    made = files(stock)
    assert {"/opt/homeward/bin/homeward-kiosk", "/etc/systemd/system/homeward-courier.service"} <= names(made)
    assert (
        stock.run("systemctl", "is-enabled", "homeward-kiosk", "homeward-courier", "homeward-firewall").split()
        == ["enabled"] * 3
    )
    assert stock.run("/opt/homeward/bin/homeward-kiosk", "--help")
    assert stock.run("stat", "-c", "%U %a", "/var/lib/homeward/kiosk").split() == ["homeward-kiosk", "700"]

    assert "nothing to change" in install(stock)
    assert files(stock) == made

    stock.run("sh", "-c", "echo a report >/var/lib/homeward/shared/outbox.db")
    said = install(stock, "uninstall")
    assert "stay in /var/lib/homeward" in said
    assert names(files(stock)) == names(before) | {"/var/lib/homeward/shared/outbox.db"}


@pytest.mark.red_line(7)
def test_nothing_that_opens_a_report_is_installed_and_nothing_swaps(stock):
    install(stock)
    found = stock.run("sh", "-c", "ls /opt/homeward/lib/python3*/site-packages").split()
    assert "edge_agent" in found
    assert not {"central", "provisioning"} & set(found)
    assert stock.run("systemctl", "is-enabled", "swap.target", check=False).strip() == "masked"


def test_what_cannot_be_is_said_with_the_next_step_and_nothing_is_begun(stock):
    before = files(stock)
    for arguments, words in (
        (["--wheel"], "'--wheel' is not known here"),
        (["--wheels"], "--wheels names no folder"),
    ):
        assert not stock.succeeds(INSTALL, *arguments)
        assert words in stock.run(INSTALL, *arguments, check=False)
    assert files(stock) == before


def test_in_the_tree_of_an_image_nothing_of_the_machine_that_builds_it_is_touched(stock):
    said = install(stock, "--image", "--dry-run")
    assert "python3-picamera2" in said
    assert "rauc" in said
    assert "/usr/local/lib/homeward/slots" in said
    assert not re.search(r"run: (swapoff|sysctl|udevadm)|daemon-reload|restart", said)
