"""Staff's computer, and beside it the broker's, the intake's and the kiosks' folders, all on loopback."""

from __future__ import annotations

import contextlib
import getpass
import shutil

from edge_agent.wire import enrolment
from provisioning.acts import enrolment as enrolling
from provisioning.card import WORD
from provisioning.children import Child, Mosquitto
from provisioning.fleet_directory import FleetDirectory
from provisioning.front_desk import FrontDesk
from provisioning.office import Office
from provisioning.office_link import OfficeLink
from provisioning.terminal import system_clock
from provisioning.throwaway import free_port
from tests.unit.provisioning.world import OFFICE, KioskKeys, Staff


def make_folders(here):
    """What the image makes on a kiosk; what it makes in memory lies here, too."""
    for name in ("shared", "kiosk", "courier", "memory"):
        (here / name).mkdir(exist_ok=True)
    settings = here / "kiosk.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(WORD, "memory"), encoding="utf-8")


class Place(Staff):
    """Staff's computer, and beside it the broker's, the intake's and a kiosk's folder, all on loopback."""

    def __init__(self, folder):
        self.port = free_port()
        super().__init__(folder, now=system_clock(), broker=f"127.0.0.1:{self.port}")
        self.begin()
        self.prove()
        for name in ("broker", "intake"):
            self.write(name)

    def write(self, name, *more):
        here = ["--listen", "127.0.0.1", "--run-as", getpass.getuser()]
        command = ["broker", "mosquitto", *here] if name == "broker" else ["intake"]
        self.ok(*command, "--out", self.folder / name, *self.office, *more)

    def copy(self, name, *files):
        """Carry what changed to a server, as `homeward-fleet` says."""
        for file in files:
            shutil.copy2(self.fleet / "to-copy" / file, self.folder / name / file)

    def mosquitto(self):
        return Mosquitto(self.folder / "broker" / "mosquitto.conf", self.port)

    def intake(self):
        return Child.python("central.intake", "run", "--config", str(self.folder / "intake" / "intake.toml"))

    def courier(self, kiosk):
        return Child.python("edge_agent.courier", "run", "--config", str(self.folder / kiosk / "kiosk.toml"))

    def bring_to_life(self, kiosk):
        """Add a kiosk, make its keys as its first boot would, enrol it by hand, put everything in its folder."""
        here, keys = self.folder / kiosk, self.folder / f"{kiosk}-keys"
        self.ok(*self.add(kiosk, here))
        self.ok("certify", kiosk, *KioskKeys(keys).words, "--out", self.folder / "back", *self.office)
        make_folders(here)
        shutil.copy2(keys / "signing.key", here / "kiosk" / "signing.key")
        shutil.copy2(keys / "tls.key", here / "courier" / "tls.key")
        shutil.copy2(self.folder / "back" / "tls.pem", here / "courier" / "tls.pem")
        self.copy("intake", "registry.cose")
        return here

    def switch_on(self, kiosk, *more):
        """Put a new kiosk's card into a folder of its own, as its boot partition; return the folder."""
        here = self.folder / kiosk
        self.ok(*self.add(kiosk, here, "--hardware", "simulated", *more))
        make_folders(here)
        return here

    def kiosk(self, kiosk):
        return Child.python("edge_agent.kiosk", "run", "--config", str(self.folder / kiosk / "kiosk.toml"))

    @contextlib.contextmanager
    def front_desk(self):
        """The office at work, as the console runs it."""
        office = Office(FleetDirectory(self.fleet), "Amina", system_clock(), clock=system_clock)
        keys = office.keys(OFFICE)
        with OfficeLink(keys.authority, "coast", [self.broker], office.time) as link:
            yield Desk(office.later, keys, link)


class Desk(FrontDesk):
    """A front desk that also takes a request by hand."""

    def consider(self, raw):
        request = enrolment.read_application(raw)
        return enrolling.consider(self._office(), request.name, raw, self._keys)
