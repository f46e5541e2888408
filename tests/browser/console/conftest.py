from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from provisioning.terminal import system_clock
from tests.support.console import RunningConsole
from tests.support.hands import Keyboard, Mouse
from tests.unit.provisioning.world import KioskKeys, Staff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.support.hands import Hands


@pytest.fixture(scope="session")
def _begun(tmp_path_factory):
    staff = Staff(tmp_path_factory.mktemp("begun"), now=system_clock())
    staff.begin()
    staff.prove()
    return staff.folder


@pytest.fixture
def staff(tmp_path, _begun) -> Staff:
    """A staff computer with a fleet whose paper was read back; its clock is the real one, as the console's is."""
    here = tmp_path / "staff"
    shutil.copytree(_begun, here)
    return Staff(here, now=system_clock())


@pytest.fixture(scope="session")
def _peopled(tmp_path_factory, _begun):
    staff = Staff(shutil.copytree(_begun, tmp_path_factory.mktemp("peopled") / "staff"), now=system_clock())
    for name in ("waiting-1", "working-1", "gone-1"):
        staff.ok(*staff.add(name, staff.folder / f"card-{name}"))
    keys = KioskKeys(staff.folder / "kiosk-keys")
    staff.ok("certify", "working-1", *keys.words, "--out", staff.folder / "back", *staff.office)
    staff.ok("revoke", "gone-1", "--confirm", "gone-1", *staff.office)
    return staff.folder


@pytest.fixture
def kiosks(tmp_path, _peopled) -> Staff:
    """The same with three kiosks: one waits, one is in service, one was revoked."""
    return Staff(shutil.copytree(_peopled, tmp_path / "peopled"), now=system_clock())


@pytest.fixture
def console(staff) -> Iterator[RunningConsole]:
    with RunningConsole(staff.fleet) as running:
        yield running


@pytest.fixture
def inside(console, page) -> Page:
    """A browser that the link let in."""
    return console.enter(page)


@pytest.fixture(params=[Mouse, Keyboard], ids=["by mouse", "by keyboard alone"])
def hands(request, place, page) -> Iterator[Hands]:
    """Somebody on the console of a test's `place`, twice: with a mouse, and with a keyboard alone."""
    with RunningConsole(place.fleet) as console:
        yield request.param(console.enter(page))
