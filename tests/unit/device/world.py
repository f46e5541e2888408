"""One kiosk with a fleet around it, real parts inside and somebody before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_agent import config
from edge_agent.darkroom import Darkroom
from edge_agent.enrolment.renewal import SigningRenewal
from edge_agent.files import read_signer
from edge_agent.hardware.clock import SystemClock
from edge_agent.hardware.parts import Parts
from edge_agent.hardware.simulated import PhotographCamera, Script, SimulatedPerson, Step
from edge_agent.health import HealthFile
from edge_agent.orders import StandingOrders
from edge_agent.outbox import Limits, Outbox
from edge_agent.reporting import Reporter
from edge_agent.serving import Kiosk
from edge_agent.session import notice
from edge_agent.session.table import Stage
from edge_agent.trust import TrustFile
from edge_agent.vision import finder, manifest
from edge_agent.wire import report, sealing
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from provisioning.throwaway import ThrowawayFleet

if TYPE_CHECKING:
    from edge_agent.session.scene import Say, Scene

ASTRONAUT = Path(__file__).parents[3] / "models" / "files" / "astronaut.png"
ROOMY = Limits(max_bytes=50_000_000, max_records=100, keep_free_bytes=0)


class Quiet:
    def ready(self) -> None: ...

    def beat(self, status: str) -> None: ...


@dataclass
class Witness:
    """Sees every scene, and what the camera did meanwhile; ends the kiosk when the session is over."""

    stages: list[Stage] = field(default_factory=list)
    camera_on: set[Stage] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    camera: PhotographCamera | None = None
    kiosk: Kiosk | None = None

    def show(self, scene: Scene, _say: Say) -> None:
        if not self.stages or self.stages[-1] is not scene.stage:
            self.stages.append(scene.stage)
        self.codes.add(scene.code)
        if self.camera is not None and self.camera.running:
            self.camera_on.add(scene.stage)
        over = scene.stage is Stage.REST and len(self.stages) > 1
        if self.kiosk is not None and (over or scene.stage is Stage.CANNOT):
            self.kiosk.stop()

    def close(self) -> None: ...


class World:
    """One kiosk with a fleet around it, in one directory."""

    def __init__(self, directory: Path) -> None:
        self.recipient = RecipientPrivateKey.generate()
        recipients = [Recipient(name="escrow", holder=Holder.ESCROW, key=self.recipient.public_key.raw)]
        self.fleet = ThrowawayFleet(directory, recipients)
        self.here = self.fleet.add_kiosk("kiosk-1", pace="hold_s = 0.3\nnotice_shown_s = 0.2")
        self.settings = config.load(self.here / "kiosk.toml")
        self.ordered = None
        self.witness = Witness()

    def play(self, steps, **other):
        """Run one session with a scripted person; return what is in the outbox afterwards."""
        script = Script(step=[Step(stage=Stage(stage), choose=choose, after_s=0.05) for stage, choose in steps])
        person = SimulatedPerson(script, self.settings.pace)
        return self.meet(person, person, **other)

    def meet(
        self,
        button,
        eyes=None,
        voice=None,
        photographs=(ASTRONAUT,),
        limits=ROOMY,
        camera=PhotographCamera,
        before=lambda _outbox: None,
        display=None,
        clock=None,
    ):
        """Run one session with whoever has this button, these eyes and this voice's ear."""
        clock, signer = clock or SystemClock(), read_signer(self.here / "signing.key")
        outbox = Outbox.open(self.settings.outbox_file, limits)
        before(outbox)

        def open_camera():
            self.witness.camera = camera(photographs, self.settings.hardware.streams)
            return self.witness.camera

        shown = () if display is None else (display,)
        presenters = (self.witness,) if eyes is None else (eyes, *shown, self.witness)
        parts = Parts(button, presenters, open_camera, voice)
        self.darkroom = Darkroom(clock, open_camera, lambda: finder.load_detector("united", manifest.load()), shown)
        reporter = Reporter(self.settings, clock, signer, TrustFile(self.settings.trust), outbox, self.ordered)
        health = HealthFile(self.settings.health_file, signer, clock)
        trust = TrustFile(self.settings.trust)
        orders = StandingOrders(self.settings, trust, self.here / "signing.key")
        renewal = SigningRenewal(self.settings, signer, trust.root, orders.authorities)
        kiosk = Kiosk(self.settings, clock, parts, self.darkroom, reporter, outbox, health, orders, renewal, display)
        self.witness.kiosk = kiosk
        kiosk.run(Quiet())
        queued = [outbox.read(entry.record_id) for entry in outbox.waiting(10)]
        outbox.close()
        return queued

    def speaking(self) -> config.KioskSettings:
        """The settings of a kiosk with a voice; English is offered last."""
        return msgspec.structs.replace(self.settings, voice=config.Voice(folder=str(self.here / "voices")))

    def hurry(self, **pace: float) -> None:
        """Give people less time."""
        self.settings = msgspec.structs.replace(self.settings, pace=msgspec.structs.replace(self.settings.pace, **pace))

    def words(self, language: str) -> notice.Notice:
        """What is said in a language here."""
        controller = TrustFile(self.settings.trust).current().content.controller
        facts = notice.Facts(ngo=controller.name, telephone=controller.contact, days=self.settings.consent.days_kept)
        return notice.load(language, facts)

    def open(self, sealed: bytes) -> report.Report:
        record = sealing.parse_record(sealed)
        return report.read(sealing.open_record(record, self.recipient), record.claims)
