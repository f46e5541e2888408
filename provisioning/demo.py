"""make demo: one person's report, from the button to a caseworker's screen, on real parts on this computer.

A throwaway fleet, a mosquitto of its own over TLS, and kiosk, courier, intake and desk as the separate programs that
they are. Only the finger, the camera and the person are simulated. All of it is gone afterwards, but for the opened
picture.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from edge_agent.errors import CameraError, HomewardError, LocalError
from edge_agent.files import OWNER_ONLY
from edge_agent.wire.bundle import Holder, Recipient
from provisioning import recipients
from provisioning.children import Child, Mosquitto
from provisioning.throwaway import ThrowawayFleet, place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from provisioning.children import Facts

KIOSK: Final = "kiosk-1"
_PHOTOGRAPH: Final = Path(__file__).parent.parent / "models" / "files" / "astronaut.png"
_READY_S: Final = 60.0
_SESSION_S: Final = 120.0
_DELIVERY_S: Final = 60.0
_HOLD_S: Final = 0.4
_NO_PICTURE: Final = "BAD   camera: "  # how `homeward-kiosk check` begins its word on the photograph, its last

_SENTENCES: Final = {
    ("kiosk", "ready"): "The kiosk is at rest. Its camera is off.",
    ("courier", "connected"): "The courier is connected: MQTT 5 over TLS 1.3, with the kiosk's own certificate.",
    ("intake", "ready"): "The intake listens. It holds no key that opens a report.",
    ("kiosk", "captured"): "A picture is taken. Faces in it: {faces}.",
    ("kiosk", "sealed"): "Everybody else destroyed, sealed to the NGO's keys, on the disk: {sealed_bytes:,} bytes.",
    ("courier", "acknowledged"): "The broker took it after {ms} ms. That proves nothing yet.",
    ("courier", "receipted"): "The intake's signed receipt came after {ms} ms: now the kiosk lets go of its copy.",
}
_STAGES: Final = {
    "language": "Somebody presses the button. Which language?",
    "who": "Who is it about, and who is there to agree?",
    "consent": "Each purpose is asked on its own. Silence is a no.",
    "framing": "All agreed: only now the camera opens.",
    "choosing": "Which face is it? The person chooses.",
    "review": "This is exactly what would be sent. Hold to send.",
    "nothing_kept": "Nothing was kept, nothing was sent.",
    "done": "Done: the person has a receipt code to take along.",
}
_NO_FACE: Final = "The person may still send what was in the guide oval, or stop."


class DemoError(LocalError):
    """The demonstration can't go on."""

    code = "demo"


@dataclass
class Outcome:
    """The last line: what became of the report."""

    outcome: str = "nothing_sent"
    reason: str | None = None
    record_id: str | None = None
    faces_found: int | None = None
    crop_bytes: int | None = None
    sealed_bytes: int | None = None
    receipt: str | None = None
    outbox_left: int | None = None
    image: str | None = None
    ms: dict[str, float] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play one session and print its outcome as one line of JSON."""
    parser = argparse.ArgumentParser(prog="make demo", description="One report, end to end, on this computer.")
    parser.add_argument("--photo", type=Path, default=_PHOTOGRAPH, help="what the camera sees (default: an astronaut)")
    parser.add_argument("--language", default="en", choices=("zh", "ug", "en"), help="the person's language")
    parser.add_argument(
        "--choose",
        default="face-1",
        type=_choice,
        metavar="CHOICE",
        help="which face, when asked: face-1, face-2, ... or oval",
    )
    parser.add_argument("--say-no", action="store_true", help="the person does not consent")
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where the opened picture goes")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(stderr=False, highlight=False, soft_wrap=True)
    here = Path(tempfile.mkdtemp(prefix="homeward-demo-"))
    try:
        outcome = Demo(console, here, chosen).play()
    except HomewardError as fault:
        console.print("It can't go on:", style="red", end=" ")
        console.print(fault.explain(), markup=False)  # a file may be called as its owner likes
        outcome = Outcome(reason=fault.code)
    except KeyboardInterrupt:
        outcome = Outcome(reason="interrupted")
    finally:
        shutil.rmtree(here, ignore_errors=True)
    sys.stdout.write(json.dumps(vars(outcome)) + "\n")
    return 0 if outcome.outcome == "sent" or outcome.reason in {"no-face", "no-consent"} else 1


class Demo:
    """One demonstration in one directory."""

    def __init__(self, console: Console, here: Path, chosen: argparse.Namespace) -> None:
        self._console = console
        self._here = here
        self._chosen = chosen
        self._outcome = Outcome()
        self._faces = 0  # in the picture that was taken

    def play(self) -> Outcome:
        """Make the fleet, start the programs, play the session, open the report."""
        self._say("A fleet for this hour: a CA, two caseworkers' keys, an escrow kept apart, one kiosk.")
        fleet = ThrowawayFleet(self._here, self._recipients())
        kiosk = fleet.add_kiosk(KIOSK, [self._chosen.photo], pace=f"hold_s = {_HOLD_S}")
        place(kiosk / "script.toml", self._script())
        settings = str(kiosk / "kiosk.toml")
        self._check(settings)
        with contextlib.ExitStack() as running:
            running.enter_context(Mosquitto(fleet.broker_settings, fleet.port))
            intake = running.enter_context(
                Child.python("central.intake", "run", "--config", str(fleet.intake_settings), heard=self._heard)
            )
            intake.wait_for("ready", timeout=_READY_S)
            courier = running.enter_context(
                Child.python("edge_agent.courier", "run", "--config", settings, heard=self._heard)
            )
            courier.wait_for("connected", timeout=_READY_S)
            person = running.enter_context(
                Child.python("edge_agent.kiosk", "run", "--config", settings, heard=self._heard)
            )
            person.wait_for("ready", timeout=_READY_S)
            self._session(person)
            if self._outcome.outcome == "sent":
                self._delivery(courier)
            person.stop()
            courier.stop()
            self._outcome.outbox_left = courier.wait_for("stopped", timeout=1)["backlog"]
        if self._outcome.outcome == "sent":
            self._open(fleet)
        return self._outcome

    # -- The acts ------------------------------------------------------------------------------------------------------

    def _recipients(self) -> list[Recipient]:
        made: list[Recipient] = []
        for name, holder in (
            ("caseworker-1", Holder.CASEWORKER),
            ("caseworker-2", Holder.CASEWORKER),
            ("escrow", Holder.ESCROW),
        ):
            place(self._passphrase(name), secrets.token_hex(16) + "\n", mode=OWNER_ONLY)
            key = self._key(name)
            key.parent.mkdir(parents=True, exist_ok=True)
            self._desk("key", "--name", name, "--out", str(key), "--passphrase-file", str(self._passphrase(name)))
            public = key.with_name(key.name + ".pub").read_text(encoding="utf-8")
            made.append(recipients.recipient(public, holder))
        return made

    def _check(self, settings: str) -> None:
        checked = subprocess.run(
            [sys.executable, "-m", "edge_agent.kiosk", "check", "--config", settings],
            capture_output=True,
            text=True,
            check=False,
        )
        if checked.returncode:
            what, _, next_step = checked.stdout.partition(_NO_PICTURE)[2].partition("\n")
            if what:
                raise CameraError(what, next_step=next_step.strip())
            problems = [line for line in checked.stdout.splitlines() if line.startswith(("BAD", "  "))]
            raise DemoError("\n".join(problems) or checked.stderr.strip())

    def _session(self, kiosk: Child) -> None:
        """Wait until the session has ended, one way or the other."""
        ends = [{"event": "sealed"}, {"event": "stage", "stage": "nothing_kept"}, {"event": "stage", "stage": "cannot"}]
        ended = kiosk.wait_for_any(ends, timeout=_SESSION_S)
        captured = next((line for line in kiosk.said if line["event"] == "captured"), None)
        if captured:
            self._outcome.faces_found = captured["faces"]
            self._outcome.ms["find"] = captured["find_ms"]
        if ended["event"] != "sealed":
            self._outcome.reason = self._why_nothing(kiosk, captured)
            return
        self._outcome.outcome = "sent"
        self._outcome.record_id = ended["record"]
        self._outcome.crop_bytes = ended["crop_bytes"]
        self._outcome.sealed_bytes = ended["sealed_bytes"]
        for name in ("crop", "seal", "store"):
            self._outcome.ms[name] = ended[f"{name}_ms"]

    def _why_nothing(self, kiosk: Child, captured: Facts | None) -> str:
        fault = next((line for line in kiosk.said if line["event"] == "fault"), None)
        if fault:
            return str(fault["code"])
        if captured is None:
            return "no-consent"
        return "no-such-face" if captured["faces"] else "no-face"

    def _delivery(self, courier: Child) -> None:
        record = self._outcome.record_id
        self._outcome.ms["publish"] = courier.wait_for("acknowledged", record=record, timeout=_DELIVERY_S)["ms"]
        self._outcome.ms["receipt"] = courier.wait_for("receipted", record=record, timeout=_DELIVERY_S)["ms"]
        self._outcome.receipt = "verified"  # the courier says 'receipted' of nothing else

    def _open(self, fleet: ThrowawayFleet) -> None:
        """Open the report as a caseworker would, with the second caseworker's key."""
        assert self._outcome.record_id is not None
        self._chosen.out.mkdir(parents=True, exist_ok=True, mode=0o700)
        said = self._desk(
            *("open", self._outcome.record_id),
            *("--store", str(fleet.store_file)),
            *("--trust", str(fleet.intake_settings.parent)),
            *("--key", str(self._key("caseworker-2"))),
            *("--passphrase-file", str(self._passphrase("caseworker-2"))),
            *("--out", str(self._chosen.out)),
        )
        self._console.rule("The caseworker's desk")
        self._console.print(said, markup=False)
        self._console.rule()
        self._outcome.image = str(self._chosen.out / f"{self._outcome.record_id}.jpg")

    # -- Helpers of the acts -------------------------------------------------------------------------------------------

    def _key(self, name: str) -> Path:
        return self._here / "desk" / f"{name}.key"

    def _passphrase(self, name: str) -> Path:
        return self._here / "desk" / f"{name}.passphrase"

    def _desk(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "central.desk", *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DemoError(f"homeward-desk {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def _script(self) -> str:
        answer = "no" if self._chosen.say_no else "yes"
        choices = [
            ("rest", []),
            ("language", [self._chosen.language]),
            ("who", ["self_adult"]),
            ("consent", [answer]),
            ("consent", ["yes"]),
            ("consent", ["no"]),
            ("framing", ["take"]),
            ("choosing", [self._chosen.choose, "stop"]),
            ("review", ["send"]),
            ("done", ["finish"]),
        ]
        return "".join(
            f'[[step]]\nstage = "{stage}"\nchoose = {json.dumps(names)}\nafter_s = 0.3\n' for stage, names in choices
        )

    def _heard(self, program: str, facts: Facts) -> None:
        event: Any = facts.get("event")
        if event == "captured":
            self._faces = facts["faces"]
        if event == "stage" and facts["stage"] == "choosing" and self._faces == 0:
            self._say(_NO_FACE)
        elif event == "stage" and facts["stage"] in _STAGES:
            self._say(_STAGES[facts["stage"]])
        elif (program, event) in _SENTENCES:
            self._say(_SENTENCES[program, event].format(**facts))

    def _say(self, sentence: str) -> None:
        self._console.print(f"· {sentence}", markup=False)


def _choice(text: str) -> str:
    if not re.fullmatch(r"face-[1-9]\d*|oval", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no choice: say face-1, face-2, ... or oval")
    return text


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
