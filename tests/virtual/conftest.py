"""One virtual kiosk for all tests: booted once, and frozen at rest; each test goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import LocalError
from firmware.virtual import rootfs
from firmware.virtual.device import BOOT_S, VirtualKiosk
from firmware.virtual.machine import BROKER
from tests.support.live import LiveFleet
from tests.virtual.guest import do
from tests.virtual.visitor import PACE, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

KIOSK = "kiosk-1"
ASTRONAUT = Path(__file__).parents[2] / "models" / "files" / "astronaut.png"
SOON = "receipt_timeout_s = 10\nrefused_again_s = 5\nstatus_every_s = 5"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.timeout(1800))  # an emulated machine boots in minutes


@pytest.fixture(scope="session", autouse=True)
def _emulation() -> None:
    try:
        rootfs.ask_for_emulation()
    except LocalError as fault:  # a container that may not even mount binfmt_misc has no way to an ARM system
        pytest.skip(f"the virtual kiosk can't be built on this machine: {fault.what}")


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFleet]:
    with LiveFleet(tmp_path_factory.mktemp("fleet"), broker_names=[BROKER.partition(":")[0], "127.0.0.1"]) as live:
        live.broker()
        yield live


@pytest.fixture(scope="session")
def frozen(live: LiveFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualKiosk]:
    here = tmp_path_factory.mktemp("kiosk")
    with VirtualKiosk(here, live.fleet, KIOSK, [ASTRONAUT], pace=PACE, delivery=SOON) as kiosk:
        kiosk.boot_to_rest()
        kiosk.wait_for("connected", program="courier", timeout=BOOT_S)
        kiosk.freeze()
        yield kiosk


def before_a_new_intake(live: LiveFleet, frozen: VirtualKiosk, name: str) -> Iterator[VirtualKiosk]:
    """Go on from where it was frozen, before an intake that has seen nothing: each test repeats the chain's numbers."""
    store = live.fleet.store_file
    for file in store.parent.glob(f"{store.name}*"):
        file.unlink()
    intake = live.intake()
    try:
        frozen.thaw(name)
        yield frozen
    finally:
        frozen.end()
        intake.stop()


@pytest.fixture
def kiosk(live: LiveFleet, frozen: VirtualKiosk) -> Iterator[VirtualKiosk]:
    """A kiosk at rest."""
    yield from before_a_new_intake(live, frozen, "at-rest")


@pytest.fixture(scope="session")
def record(frozen: VirtualKiosk) -> str:
    """The record of a report that was taken while there was no network; it waits where `waiting_kiosk` goes on."""
    machine = frozen.thaw()
    machine.qmp.call("set_link", {"name": "card", "up": False})
    visitor = Visitor(frozen)
    visitor.agree()
    record = visitor.send()
    visitor.leave()
    do(frozen, "/usr/bin/systemctl", "restart", "homeward-courier.service")  # or it waits minutes before it tries again
    frozen.freeze("a-report-waits")
    return record


@pytest.fixture
def waiting_kiosk(live: LiveFleet, frozen: VirtualKiosk, record: str) -> Iterator[VirtualKiosk]:
    """A kiosk at rest, without a network, whose outbox holds `record`."""
    assert record
    yield from before_a_new_intake(live, frozen, "a-report-waits")


@pytest.fixture
def visitor(kiosk: VirtualKiosk) -> Visitor:
    return Visitor(kiosk)
