"""The virtual kiosk as somebody meets it: its card, what its camera sees, its button, its lights, what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Self

from PIL import Image

from edge_agent.files import write_whole
from edge_agent.pins import Pins
from edge_agent.vision.photograph import as_frame, load
from firmware.virtual import image
from firmware.virtual.cache import HERE, BuildError, run
from firmware.virtual.card import Card
from firmware.virtual.machine import BROKER, Machine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random  # noqa: TID251 - which sectors are lost; for tests alone

    from provisioning.throwaway import ThrowawayFleet

CARD_BYTES: Final = 256 * 1024 * 1024
FRAMES_BYTES: Final = 16 * 1024 * 1024
STICK_BYTES: Final = 1536 * 1024 * 1024
CHOICE_BYTES: Final = 512
BOOT_S: Final = 600.0  # far more than it takes; only a failure waits so long
PINS: Final = Pins()
_POLL_S: Final = 0.05
_EVENT: Final = re.compile(r"\] homeward-(kiosk|courier)\[\d+\]: (\{.*\})\s*$")
_OWNERS: Final = {"kiosk": "homeward-kiosk", "courier": "homeward-courier"}
_PRESS_S: Final = 0.6
_COLONS: Final = 6  # in a line of /etc/passwd

Facts = dict[str, Any]


class VirtualKiosk:
    """One kiosk of a throwaway fleet. Use it as a context manager."""

    def __init__(
        self,
        here: Path,
        fleet: ThrowawayFleet,
        name: str,
        photographs: Sequence[Path],
        *,
        new: bool = False,
        **tables: str,
    ) -> None:
        """Make its card and what its camera will see.

        Its card is that of a kiosk in service. A `new` one's is empty; what the fleet made lies on its boot partition.
        """
        self.here = here
        self.fleet = fleet
        self.name = name
        here.mkdir(parents=True, exist_ok=True)
        self.system = image.build()
        tree = fleet.add_card(name, BROKER, **tables)
        self.boot_partition = image.boot_disk(here / "boot.img", tree if new else None)
        if new:
            (tree := here / "nothing").mkdir()
        _own(tree, _users(self.system))
        self.card_image = image.disk(here / "card.img", "homeward", tree, CARD_BYTES)
        self.show(photographs)
        self._port_file = here / "broker-port"
        self.reach(fleet.port)
        self.card = Card(self.card_image, here / "card.socket")
        self.second_system = here / "system-b.img"
        """The other slot's disk: empty as long as nothing was installed."""
        self.slots = here / "slots.img"
        """The sector that says which slot is started; see firmware/update."""
        self.stick = here / "stick.img"
        """What an update is brought on."""
        self._empty_disks()
        self.machine: Machine | None = None

    def show(self, photographs: Sequence[Path]) -> None:
        """Put photographs before the camera; it sees them from the next boot on."""
        tree = self.here / "frames"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        for number, photograph in enumerate(photographs):
            Image.fromarray(as_frame(load(photograph)).large).save(tree / f"{number}.jpg", quality=92)
        image.disk(self.here / "frames.img", "frames", tree, FRAMES_BYTES)

    def reach(self, port: int) -> None:
        """Let it find another broker of this machine's where its own was; connections to the one before end."""
        write_whole(self._port_file, str(port).encode(), replace=True)

    # -- Power ---------------------------------------------------------------------------------------------------------

    def boot(self, *options: str, resume: Path | None = None, linked: bool = True) -> Machine:
        """Switch it on, or let it go on from where it was frozen; with or without a network."""
        assert self.machine is None
        disks = {
            "system-a": f"driver=raw,file.driver=file,file.filename={self.system},readonly=on,file.locking=off",
            "system-b": f"driver=raw,file.driver=file,file.filename={self.second_system}",
            "boot": f"driver=raw,file.driver=file,file.filename={self.boot_partition}",
            "slots": f"driver=raw,file.driver=file,file.filename={self.slots}",
            "stick": f"driver=raw,file.driver=file,file.filename={self.stick},readonly=on",
            "card": self.card.drive,
            "frames": f"driver=raw,file.driver=file,file.filename={self.here / 'frames.img'},readonly=on",
        }
        forward = (sys.executable, str(HERE / "carry.py"), str(self._port_file))
        self.machine = Machine(self.here / "machine", disks, forward=forward, options=options, resume=resume)
        if not linked:
            self.machine.qmp.call("set_link", {"name": "card", "up": False})
        if resume is None:
            self.machine.lines.set(PINS.button, high=True)  # pulled up
        else:
            self.machine.wake()
        return self.machine

    def boot_to_rest(self) -> Machine:
        """Switch it on and wait until its lights say that a report can be taken."""
        machine = self.boot()
        self.wait_for_rest()
        return machine

    def wait_for_rest(self) -> None:
        """Wait until a kiosk that was switched on can take a report, and its lights say so."""
        self.wait_for("ready", program="kiosk", timeout=BOOT_S)
        self.until(lambda: self.lights() == (True, True, False), "the lights of a kiosk at rest", BOOT_S)

    def freeze(self, name: str = "at-rest") -> None:
        """Keep it under a name as it is now, memory, card and all, and switch it off; `thaw` goes on from there."""
        assert self.machine is not None
        self.machine.freeze(self.here / f"{name}-memory")
        self.cut_power()
        shutil.copyfile(self.card_image, self.here / f"{name}-card")

    def thaw(self, name: str = "at-rest") -> Machine:
        """Go on from where it was frozen; whatever happened since then did not."""
        self.card.put_back(self.here / f"{name}-card")
        self.reach(self.fleet.port)
        self._empty_disks()
        machine = self.boot(resume=self.here / f"{name}-memory")
        machine.run("/usr/bin/true")  # it is awake
        return machine

    def cut_power(self, chance: Random | None = None) -> int:
        """Cut its power; return how many written sectors its card has lost. Without `chance` none are."""
        assert self.machine is not None
        self.machine.cut_power()
        self.machine = None
        if chance is None:
            self.card.settle()
            return 0
        return self.card.cut(chance)

    def end(self) -> None:
        """Switch it off if it is on; nothing is to be learnt from it any more."""
        if self.machine is not None:
            self.cut_power()

    def started(self) -> list[str]:
        """Say which slots were started since it was switched on."""
        return [line[-1] for line in self.console().splitlines() if line.startswith("starting system ")]

    def until_started(self, *slots: str, timeout: float) -> None:
        """Wait until exactly these were started: it restarts by itself."""
        self.until(lambda: self.started() == list(slots), f"starts of {slots}", timeout)
        self._button(down=False)  # a restart lets go of the line

    def _empty_disks(self) -> None:
        _empty(self.second_system, self.system.stat().st_size)
        _empty(self.slots, CHOICE_BYTES)
        _empty(self.stick, STICK_BYTES)  # else the next boot takes the update that it brought before

    # -- The person before it ------------------------------------------------------------------------------------------

    def press(self) -> None:
        """Press the button and let go."""
        self._button(down=True)
        time.sleep(_PRESS_S)
        self._button(down=False)

    def hold(self, seconds: float) -> None:
        """Hold the button for so long."""
        self._button(down=True)
        time.sleep(seconds)
        self._button(down=False)

    def lights(self) -> tuple[bool, bool, bool]:
        """See the lights: the button's own, 'ready', 'camera'."""
        assert self.machine is not None
        lines = self.machine.lines
        return lines.read(PINS.button_light), lines.read(PINS.ready_light), lines.read(PINS.camera_light)

    def _button(self, *, down: bool) -> None:
        assert self.machine is not None
        self.machine.lines.set(PINS.button, high=not down)

    # -- What it says --------------------------------------------------------------------------------------------------

    def said(self) -> list[Facts]:
        """All events of this boot so far, those of kiosk and courier, in their order; each names its `program`."""
        assert self.machine is not None
        events = []
        for line in self.console().splitlines():
            if found := _EVENT.search(line):
                try:
                    events.append({"program": found[1], **json.loads(found[2])})
                except ValueError:  # the console mixed two lines
                    continue
        return events

    def console(self) -> str:
        """All that the serial console has shown in this boot."""
        assert self.machine is not None
        try:
            return self.machine.console.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def wait_for(self, event: str, *, timeout: float, after: int = 0, **facts: Any) -> Facts:
        """Wait until it has said this event with these facts, not counting the first `after` events of this boot."""
        wanted = {"event": event, **facts}

        def find() -> Facts | None:
            return next((said for said in self.said()[after:] if wanted.items() <= said.items()), None)

        found = self.until(find, f"{wanted}", timeout)
        assert found is not None
        return found

    def until(self, condition: Any, what: str, timeout: float) -> Any:
        """Wait until `condition` gives something true; return it. Raises BuildError with what was waited for."""
        deadline = time.monotonic() + timeout
        while not (found := condition()):
            if self.machine is None or not self.machine.running or time.monotonic() > deadline:
                last = "\n".join(self.console().splitlines()[-25:]) if self.machine else ""
                raise BuildError(f"waited {timeout:g} s in vain for {what}; the console ends with\n{last}")
            time.sleep(_POLL_S)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self.card.__exit__()


def _empty(disk: Path, size: int) -> Path:
    with disk.open("wb") as file:
        file.truncate(size)
    return disk


def _users(system: Path) -> dict[str, tuple[int, int]]:
    """Read the users' numbers out of a system's image."""
    passwd = run("debugfs", "-R", "cat /etc/passwd", system)
    rows = (line.split(":") for line in passwd.splitlines() if line.count(":") == _COLONS)
    return {row[0]: (int(row[2]), int(row[3])) for row in rows}


def _own(tree: Path, users: dict[str, tuple[int, int]]) -> None:
    """Give each file on a card to the process whose it is."""
    for path in tree.rglob("*"):
        owner = _OWNERS.get(path.relative_to(tree).parts[0])
        user, group = users[owner] if owner else (0, 0)
        os.chown(path, user, group)
