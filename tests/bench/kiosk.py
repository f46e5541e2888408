"""What the kiosk costs at rest, and how long it takes from the button to the sealed record on the disk.

Memory is that of the real programs with the simulated set, after they have said that they are ready. The way from the
button (take the picture) to the disk is measured in turns with its floors on the same frame: the detector's two looks
(at the frame, and from near at the cut), Pillow's JPEG encoder, the seal, and a bare append with fsync.
"""

from __future__ import annotations

import compileall
import io
import os
import secrets
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

import edge_agent
import models
from edge_agent import config
from edge_agent.darkroom import Darkroom
from edge_agent.files import read_signer
from edge_agent.hardware.clock import SystemClock
from edge_agent.hardware.simulated import PhotographCamera
from edge_agent.outbox import Limits, Outbox
from edge_agent.reporting import Reporter
from edge_agent.session.consent import Consent, Purpose, Who
from edge_agent.session.scene import Face
from edge_agent.trust import TrustFile
from edge_agent.vision import choice, crop, manifest
from edge_agent.vision.finder import load_detector
from edge_agent.wire import sealing
from tests.bench.figures import Figure, at_most, main, told
from tests.support.live import LiveFleet
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_agent.ports import Frame

ASTRONAUT = Path(__file__).parents[2] / "models" / "files" / "astronaut.png"
KIOSK_MIB, COURIER_MIB, TIMES_THE_FLOOR = 80, 40, 2
TURNS = 40
READY_S = 60.0
MIB = 1024 * 1024  # what systemd calls M, in MemoryMax=


class StillCamera(PhotographCamera):
    """Gives its frame at once: waiting for a camera's next frame is no part of the figure."""

    def capture(self, timeout: float) -> Frame:
        assert timeout > 0
        assert self._now is not None
        return type(self._now)(small=self._now.small.copy(), large=self._now.large.copy())


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        yield from memory(Path(name))
    with tempfile.TemporaryDirectory() as name:
        yield after_a_session(Path(name))
    with tempfile.TemporaryDirectory() as name:
        yield from button_to_disk(Path(name))


def memory(folder: Path) -> Iterator[Figure]:
    """Resident memory at rest, as the kernel counts it (RSS; PSS shares what several programs map).

    With bytecode at hand, as `firmware/install` leaves it: a program that has compiled its own modules at its start
    keeps some of what that took.
    """
    for package in (edge_agent, models):
        compileall.compile_dir(package.__path__[0], quiet=1)
    with LiveFleet(folder) as live:
        here = live.fleet.add_kiosk("kiosk-1", [ASTRONAUT])
        (here / "script.toml").write_text("", encoding="utf-8")
        live.broker()
        courier, kiosk = live.courier(), live.kiosk()
        courier.wait_for("connected", timeout=READY_S)
        kiosk.wait_for("ready", timeout=READY_S)
        for name, child, most in (("kiosk", kiosk, KIOSK_MIB), ("courier", courier, COURIER_MIB)):
            facts = rollup(child.pid)
            yield at_most(f"{name} at rest, resident", facts["Rss"] / MIB, most, "MiB")
            yield told(f"{name} at rest, proportional", facts["Pss"] / MIB, "MiB")


def after_a_session(folder: Path) -> Figure:
    """Resident memory of the kiosk once somebody was there: the models have run by then, and work in what they took."""
    choices = [("rest", ""), ("language", "en"), ("who", "self_adult"), *[("consent", "yes")] * 3, ("framing", "take")]
    choices += [("review", "send"), ("done", "finish")]
    with LiveFleet(folder) as live:
        here = live.fleet.add_kiosk("kiosk-1", [ASTRONAUT], pace="hold_s = 0.3")
        script = "".join(f'[[step]]\nstage = "{s}"\nchoose = {[c] if c else []}\n' for s, c in choices)
        (here / "script.toml").write_text(script, encoding="utf-8")
        kiosk = live.kiosk()
        kiosk.wait_for("sealed", timeout=READY_S)
        until(lambda: kiosk.said[-1] == {"event": "stage", "stage": "rest"}, "rest")
        return told("kiosk at rest after a session, resident", rollup(kiosk.pid)["Rss"] / MIB, "MiB")


def rollup(pid: int) -> dict[str, int]:
    """Read smaps_rollup (proc(5)): bytes by name."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}


def button_to_disk(folder: Path) -> Iterator[Figure]:
    with LiveFleet(folder) as live:
        here = live.fleet.add_kiosk("kiosk-1", [ASTRONAUT])
        settings = config.load(here / "kiosk.toml")
        clock = SystemClock()
        finder = load_detector("united", manifest.load())
        camera = StillCamera([ASTRONAUT], settings.hardware.streams)
        darkroom = Darkroom(clock, lambda: camera, lambda: finder)
        outbox = Outbox.open(settings.outbox_file, Limits(1 << 30, 1000, 0))
        signer, trust = read_signer(here / "signing.key"), TrustFile(settings.trust)
        reporter = Reporter(settings, clock, signer, trust, outbox)
        consent = Consent(language="en", who=Who.SELF_ADULT, purposes=(Purpose.TRACING,))
        consent = consent.answered(agreed=True, held_ms=1200, at=clock.monotonic())
        darkroom.start()

        def ours() -> None:
            darkroom.take()
            darkroom.cut(Face(0))
            reporter.queue(consent, darkroom.portrait, finder)

        ours()
        frame = camera.capture(1.0)
        (face,) = choice.order(finder.find(frame.small).faces, 320, 240)
        scale = frame.large.shape[1] / frame.small.shape[1]
        left, top, width, height = crop.region(face.box.scaled(scale, scale))
        cut = frame.large[max(top, 0) : top + height, max(left, 0) : left + width]
        picture = Image.fromarray(np.asarray(Image.fromarray(cut).resize((crop.WIDTH, crop.HEIGHT))))
        sealed = outbox.read(outbox.waiting(1)[0].record_id)
        claims, recipients = sealing.parse_record(sealed).claims, trust.current().recipients
        plain = secrets.token_bytes(40_000)
        bare = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def detector() -> None:
            finder.find(frame.small)
            finder.search(cut)

        def encoder() -> None:
            picture.save(io.BytesIO(), "JPEG", quality=crop.QUALITIES[0])

        def seal() -> None:
            sealing.seal(plain, claims, recipients, signer)

        def fsync() -> None:
            os.write(bare, sealed)
            os.fsync(bare)

        floors = {"detector": detector, "encoder": encoder, "seal": seal, "fsync": fsync}
        taken = medians({"ours": ours, **floors})
        darkroom.close()
        outbox.close()
        os.close(bare)
    floor = sum(taken[name] for name in floors)
    yield at_most("button to sealed, on disk, over its floors", taken["ours"] / floor, TIMES_THE_FLOOR, "ratio")
    yield told("button to sealed, on disk", taken["ours"], "ms")
    for name in floors:
        yield told(f"  its floor: {name}", taken[name], "ms")


def medians(tasks: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Do all tasks in turns; give each one's median in milliseconds."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(TURNS):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            taken[name].append((time.perf_counter() - began) * 1000)
    return {name: median(times) for name, times in taken.items()}


if __name__ == "__main__":
    main("The kiosk at rest, and from the button to the disk.", measure)
