"""The machine: QEMU, started and ended; its GPIO lines, from outside; commands in the guest.

QEMU's monitor speaks JSON (QMP), its test socket moves and reads lines (qtest), and the guest's agent runs commands.
"""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import shlex
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from firmware.virtual import boot
from firmware.virtual.cache import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_POLL_S: Final = 0.05
_START_S: Final = 30.0
_PL061: Final = 0x0903_0000
_DATA: Final = 0x3FC  # all eight lines (ARM PrimeCell PL061, 3.3.1)
_ANSWER_S: Final = 300.0  # emulated on a busy computer; only a failure waits so long
_DISKS_S: Final = 600  # until systemd gives up on a disk: emulated on a busy computer, its 90 seconds can be too few
_FULL_SPEED: Final = 1 << 40
_JOURNAL: Final = ("/usr/bin/journalctl", "--no-pager", "-o", "short-monotonic", "-p", "notice", "-n", "30")
_PORT: Final = "org.qemu.guest_agent.0"
BROKER: Final = "10.0.2.100:8883"
"""Where the guest finds the broker, whichever port it has here."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ran in the guest."""

    status: int
    out: str
    errors: str


class AgentLostError(BuildError):
    """The guest's agent was started anew while a command ran: whether that came to its end, nobody knows."""

    code = "virtual-agent-lost"


class Socket:
    """Lines of JSON over a UNIX socket: QMP, or the guest's agent."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.settimeout(_ANSWER_S)
        self._lines = self._socket.makefile("rb")

    def read(self) -> Any:
        """Give the next message; raises TimeoutError."""
        return json.loads(self._lines.readline().lstrip(b"\xff"))

    def call(self, execute: str, arguments: dict[str, Any] | None = None) -> Any:
        """Call a command; return what it returns. Raises BuildError when it is refused."""
        asked = {"execute": execute, **({"arguments": arguments} if arguments else {})}
        self.write(asked)
        while True:
            answer = self.read()
            if "error" in answer:
                raise BuildError(f"{execute}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def write(self, message: dict[str, Any], *, before: bytes = b"") -> None:
        """Send a message."""
        self._socket.sendall(before + json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()


class Lines:
    """The machine's eight GPIO lines over qtest: inputs are moved, outputs read."""

    def __init__(self, connected: socket.socket, chip: str) -> None:
        self._chip = chip
        self._socket = connected
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def set(self, line: int, *, high: bool) -> None:
        """Drive an input."""
        self._ask(f"set_irq_in {self._chip} unnamed-gpio-in {line} {int(high)}")

    def read(self, line: int) -> bool:
        """Read a line, whoever drives it."""
        return bool(int(self._ask(f"readl {_PL061 + _DATA:#x}").split()[1], 16) >> line & 1)

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):  # it hung up first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._listener.join(_START_S)
        self._socket.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError), self._socket.makefile("r") as lines:  # its machine may be ended at any time
            for line in lines:
                if not line.startswith("IRQ"):
                    self._answers.put(line)

    def _ask(self, command: str) -> str:
        self._socket.sendall(command.encode() + b"\n")
        answer = self._answers.get(timeout=_ANSWER_S)
        if not answer.startswith("OK"):
            raise BuildError(f"{command}: {answer.strip()}")
        return answer


class Machine:
    """One run of the machine. Use it as a context manager: leaving ends it, as a power cut would."""

    def __init__(
        self,
        here: Path,
        disks: dict[str, str],
        *,
        forward: Sequence[str] = (),
        options: Sequence[str] = (),
        resume: Path | None = None,
    ) -> None:
        """Start it. `disks` has QEMU's -drive options by the serial number that the guest sees.

        `forward` is a command that carries one connection of the guest's to the broker over its own standard streams.
        `resume` is a file that `freeze` wrote: the machine goes on from there.
        """
        self._here = here
        here.mkdir(parents=True, exist_ok=True)
        self.console = here / "console.log"
        self.heard = here / "heard.wav"
        for name in ("qmp", "qtest", "agent"):
            (here / name).unlink(missing_ok=True)
        kernel = boot.kernel()
        threads = "single" if "-icount" in options else "multi"  # who counts instructions counts them in one order
        network = "user,id=net" + (f",guestfwd=tcp:{BROKER}-cmd:{' '.join(forward)}" if forward else "")
        command = [
            *("setpriv", "--pdeathsig", "KILL", "--", "qemu-system-aarch64"),  # it never outlives us
            *(*boot.CPU, "-accel", f"tcg,thread={threads}", "-display", "none", "-nodefaults"),
            *("-kernel", str(kernel.image), "-initrd", str(boot.initrd(kernel)), "-dtb", str(boot.device_tree())),
            *("-append", f"ro quiet console=ttyAMA0 panic=5 systemd.default_device_timeout_sec={_DISKS_S}"),
            *("-netdev", network, "-device", "virtio-net-pci,netdev=net,id=card,romfile="),
            *("-device", "virtio-rng-pci", "-device", "i6300esb", "-action", "watchdog=reset"),
            *("-serial", f"file:{self.console}"),
            *("-qmp", f"unix:{here / 'qmp'},server=on,wait=off"),
            *("-qtest", f"unix:{here / 'qtest'},server=on,wait=off", "-qtest-log", "/dev/null"),
            *("-chardev", f"socket,id=agent,path={here / 'agent'},server=on,wait=off", "-device", "virtio-serial-pci"),
            *("-device", f"virtserialport,chardev=agent,name={_PORT}"),
            *("-device", "qemu-xhci", "-audiodev", f"wav,id=air,path={self.heard}"),
        ]
        if resume is not None:
            command += ["-incoming", f"exec:cat {shlex.quote(str(resume))}"]
        for serial, drive in disks.items():
            command += ["-drive", f"{drive},if=none,id={serial}"]
            command += ["-device", f"virtio-blk-pci,drive={serial},serial={serial}"]
        self._process = subprocess.Popen(
            [*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._qmp: Socket | None = None
        self._lines: Lines | None = None

    @property
    def running(self) -> bool:
        """Whether QEMU still runs."""
        return self._process.poll() is None

    @property
    def qmp(self) -> Socket:
        """QEMU's monitor."""
        if self._qmp is None:
            self._qmp = Socket(self._connect("qmp"))
            self._qmp.read()
            self._qmp.call("qmp_capabilities")
        return self._qmp

    @property
    def lines(self) -> Lines:
        """The GPIO lines."""
        if self._lines is None:
            chip = next(
                f"/machine/unattached/{part['name']}"
                for part in self.qmp.call("qom-list", {"path": "/machine/unattached"})
                if part["type"] == "child<pl061>"
            )
            self._lines = Lines(self._connect("qtest"), chip)
        return self._lines

    def run(self, *command: str, text: str = "") -> Done:
        """Run a command in the guest, as root, to its end. Raises AgentLostError when that is not known."""
        try:
            return self._run(command, text)
        except AgentLostError as lost:
            raise AgentLostError(f"{lost.what}; the guest's journal ends with\n{self._run(_JOURNAL).out}") from None

    def ask(self, *command: str) -> Done:
        """Run a command that only looks. It may be run twice: when the guest's agent is lost, the next one is asked."""
        try:
            return self.run(*command)
        except AgentLostError as lost:
            sys.stderr.write(f"{lost}\n")
            return self.run(*command)

    def plug_in_loudspeaker(self) -> None:
        """Plug a loudspeaker into a USB socket; what it plays is in the file `heard`. It can't be frozen any more."""
        self.qmp.call("device_add", {"driver": "usb-audio", "id": "loudspeaker", "audiodev": "air"})

    def freeze(self, into: Path) -> None:
        """Stop it, and write its memory and its processors' state into a file; it is to be ended then."""
        self.qmp.call("stop")
        self.qmp.call("migrate-set-parameters", {"max-bandwidth": _FULL_SPEED})
        self.qmp.call("migrate", {"uri": f"exec:cat > {shlex.quote(str(into))}"})
        while (state := self.qmp.call("query-migrate")["status"]) != "completed":
            if state == "failed":
                raise BuildError("the machine's state could not be written")
            time.sleep(_POLL_S)

    def wake(self) -> None:
        """Let a resumed machine go on, once all of its state is there."""
        while self.qmp.call("query-status")["status"] == "inmigrate":
            time.sleep(_POLL_S)
        self.qmp.call("cont")

    def cut_power(self) -> None:
        """End it at once; what the guest had not made safe is gone."""
        self._process.kill()
        self._process.wait()
        for line in (self._qmp, self._lines):
            if line is not None:
                line.close()
        self._qmp = self._lines = None
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()

    def _run(self, command: Sequence[str], text: str = "") -> Done:
        asked = {"path": command[0], "arg": list(command[1:]), "capture-output": True}
        if text:
            asked["input-data"] = base64.b64encode(text.encode()).decode()
        with contextlib.closing(Socket(self._connect("agent"))) as agent:
            self._synchronise(agent)
            process = agent.call("guest-exec", asked)
            while not (facts := self._look_at(agent, process))["exited"]:
                time.sleep(_POLL_S)
        out, errors = (
            base64.b64decode(facts.get(name, "")).decode(errors="replace") for name in ("out-data", "err-data")
        )
        return Done(facts.get("exitcode", -facts.get("signal", 0)), out, errors)

    @staticmethod
    def _look_at(agent: Socket, process: dict[str, Any]) -> dict[str, Any]:
        """Ask how far a process has come.

        An agent knows each process that it has started until it has told its end. So one that doesn't has been started
        since then, after a fault of its own or of the whole guest.
        """
        try:
            facts: dict[str, Any] = agent.call("guest-exec-status", process)
        except (BuildError, TimeoutError) as fault:  # it knows no such process; or the question went with the last one
            raise AgentLostError(f"the guest's agent was started anew while a command ran ({fault})") from fault
        return facts

    def _synchronise(self, agent: Socket) -> None:
        """Make sure that answers are to us: whoever asked before may have hung up without reading."""
        token = time.monotonic_ns()
        agent.write({"execute": "guest-sync-delimited", "arguments": {"id": token}}, before=b"\xff")
        while agent.read().get("return") != token:
            pass

    def _connect(self, name: str) -> socket.socket:
        """Connect to a socket of QEMU's, once it listens there."""
        connected = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + _START_S
        while True:
            try:
                connected.connect(str(self._here / name))
            except (FileNotFoundError, ConnectionRefusedError):
                if not self.running or time.monotonic() > deadline:
                    connected.close()
                    said = self._process.stdout.read().decode() if self._process.stdout and not self.running else ""
                    raise BuildError(f"QEMU does not listen at {name}: {said.strip()}") from None
                time.sleep(_POLL_S)
            else:
                return connected
