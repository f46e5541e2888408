"""firmware/install --screen, whole: Debian's cage and chromium in the screen's own unit, in front of the kiosk's page.

Only the display is played: wlroots draws into memory. It downloads a gigabyte, so it runs alone: `make screen-test`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from provisioning.throwaway import ThrowawayFleet
from tests.container import debian
from tests.container.conftest import put_in_place
from tests.container.debian import SCREEN, Debian
from tests.container.test_install import files, install, names
from tests.support.waiting import until
from tests.system.test_nothing_plain_on_disk import ASTRONAUT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(1800)  # Debian's tree is made first

UNIT = "homeward-screen"
OWN = f"/etc/systemd/system/{UNIT}.service.d"
NO_DISPLAY = "[Service]\\nEnvironment=WLR_BACKENDS=headless WLR_RENDERER=pixman\\n"
URL = "/run/homeward-screen/url"


@pytest.fixture(scope="module", autouse=True)
def _a_container_can_run() -> None:
    if reason := debian.why_not():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    """Install it, place a card, start kiosk and screen; wait until the kiosk knows that its page is shown."""
    folder = tmp_path_factory.mktemp("fleet")
    folder.parent.chmod(0o755)
    escrow = Recipient(name="escrow", holder=Holder.ESCROW, key=RecipientPrivateKey.generate().public_key.raw)
    card = ThrowawayFleet(folder, [escrow]).add_kiosk("kiosk-1", [ASTRONAUT], screen=f'url_file = "{URL}"')
    with Debian("screen", [folder], SCREEN) as system:
        assert "done: start this machine anew" in install(system, "--screen")
        assert "nothing to change" in install(system, "--screen")
        put_in_place(system, card)
        system.run("mkdir", "-p", OWN)
        system.run("sh", "-c", f"printf '{NO_DISPLAY}' >{OWN}/99-no-display.conf")
        system.run("systemctl", "daemon-reload")
        system.run("systemctl", "start", *(f"homeward-{name}" for name in ("firewall", "first-boot", "kiosk")))
        until(lambda: state(system) == "screen", "a kiosk that says that nobody shows its page")
        system.run("systemctl", "start", UNIT)
        until(lambda: state(system) == "rest", "a kiosk whose page is shown")
        assert system.shows(UNIT, "NRestarts") == "0"
        yield system


def state(system: Debian) -> str:
    """What the kiosk tells systemd: what is in the way, or its stage."""
    return system.shows("homeward-kiosk", "StatusText")


def processes(system: Debian) -> dict[str, str]:
    """Give the browser's and the display's processes by their ids, each with its name."""
    found = system.run("ps", "-u", UNIT, "-o", "pid=,comm=").splitlines()
    return dict(line.split(maxsplit=1) for line in found)


@pytest.mark.red_line(12)
def test_a_browser_shows_the_page_whose_address_is_for_it_alone(shown):
    assert {"cage", "chromium"} <= set(processes(shown).values())
    assert shown.run("stat", "-c", "%U %G %a", URL).split() == ["homeward-kiosk", "homeward-screen", "640"]


@pytest.mark.red_line(7)
def test_all_of_it_stays_in_the_units_control_group_and_in_the_kiosks_own_network(shown):
    kiosk = shown.run("readlink", f"/proc/{shown.pid('homeward-kiosk')}/ns/net")
    for pid in processes(shown):
        assert shown.run("cat", f"/proc/{pid}/cgroup").splitlines()[-1] == f"0::/system.slice/{UNIT}.service"
    assert shown.run("readlink", f"/proc/{shown.pid(UNIT)}/ns/net") == kiosk


@pytest.mark.red_line(7)
def test_it_leaves_no_file_on_any_disk(shown):
    listed = shown.run("find", "/", "-xdev", "-user", UNIT, "-type", "f", "-not", "-path", "/proc/*")
    assert listed == ""
    written = shown.run("find", f"/proc/{shown.pid(UNIT)}/root/run/homeward-browser", "-type", "f")
    assert written, "the search above finds nothing because nothing is written at all"


def test_a_display_that_fails_is_tried_again(shown):
    before = shown.pid(UNIT)
    shown.run("systemctl", "kill", "--signal=KILL", UNIT)
    until(lambda: shown.pid(UNIT) not in {0, before}, "the browser's next life")
    until(lambda: state(shown) == "rest", "a kiosk whose page is shown again")


def test_uninstalled_without_a_word_of_the_screen_it_is_gone_whole():
    with Debian("screenless", [], SCREEN) as system:
        before = files(system)
        install(system, "--screen")
        made = files(system)
        assert f"/etc/systemd/system/{UNIT}.service" in names(made)
        assert "would run: systemctl -q disable --now" in install(system, "uninstall", "--dry-run")
        assert files(system) == made
        install(system, "uninstall")
        assert names(files(system)) == names(before)
