"""Programs that run beside us for a while: started, listened to, and stopped, whatever happens.

Each says what it does in lines of JSON (`edge_agent.events`); `wait_for` waits for one of them instead of sleeping.
"""

from __future__ import annotations

import collections
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

from edge_agent.errors import LocalError
from provisioning.broker_files import end_whoever_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import TextIO

_LINES_KEPT: Final = 40
_STOP_S: Final = 10.0
_POLL_S: Final = 0.02

Facts = dict[str, Any]


class ChildError(LocalError):
    """A program that we started ended by itself, or did not say in time what we waited for."""

    code = "child"


class Child:
    """One program. Use it as a context manager: leaving stops it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        heard: Callable[[str, Facts], None] | None = None,
        end_first: Callable[[], None] | None = None,
    ) -> None:
        """`heard` is given each line of facts; `end_first` ends whoever was started in its place by then."""
        self.name = name
        self._end_first = end_first
        self._heard = heard
        self._news = threading.Condition()
        self._said: list[Facts] = []
        self._errors: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        assert self._process.stderr
        self._readers = [
            threading.Thread(target=self._read_events, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @classmethod
    def python(cls, module: str, *arguments: str, heard: Callable[[str, Facts], None] | None = None) -> Child:
        """Start one of our own programs by its module, with this same Python."""
        name = module.rpartition(".")[2]
        return cls(name, [sys.executable, "-m", module, *arguments], heard=heard)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    @property
    def said(self) -> list[Facts]:
        """All that it has said so far."""
        with self._news:
            return list(self._said)

    def wait_for(self, event: str, *, timeout: float, **facts: Any) -> Facts:
        """Wait until it has said this event with these facts; return all of them. Raises ChildError."""
        return self.wait_for_any([{"event": event, **facts}], timeout=timeout)

    def wait_for_any(self, wanted: Sequence[Facts], *, timeout: float) -> Facts:
        """Wait until it has said a line that holds all facts of one of `wanted`; return it. Raises ChildError."""
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                for line in self._said:
                    if any(facts.items() <= line.items() for facts in wanted):
                        return line
                ended = self.exit_status is not None and not self._readers[0].is_alive()
                if ended or time.monotonic() > deadline:
                    raise ChildError(self._complain(wanted))
                self._news.wait(_POLL_S)

    def wait(self, timeout: float) -> int:
        """Wait until it has ended; return its exit status. Raises ChildError when it goes on."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ChildError(f"{self.name} has not ended after {timeout:g} s") from None
        for reader in self._readers:
            reader.join(timeout)
        return status

    def kill(self) -> None:
        """End it as a power cut would, at once (SIGKILL)."""
        self._process.kill()
        self._close()

    def stop(self) -> int:
        """Ask it to end (SIGTERM), wait, insist after a while; return its exit status."""
        if self._end_first is not None:
            self._end_first()
        if self.exit_status is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._close()
        status = self.exit_status
        assert status is not None
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _close(self) -> None:
        self._process.wait()
        for reader in self._readers:
            reader.join(_STOP_S)
        assert self._process.stdout
        assert self._process.stderr
        self._process.stdout.close()
        self._process.stderr.close()

    def _read_events(self, stream: TextIO) -> None:
        for line in stream:
            try:
                facts = json.loads(line)
            except ValueError:
                self._errors.append(line)
                continue
            if self._heard is not None:
                self._heard(self.name, facts)
            with self._news:
                self._said.append(facts)
                self._news.notify_all()

    def _read_errors(self, stream: TextIO) -> None:
        for line in stream:
            self._errors.append(line)

    def _complain(self, wanted: Sequence[Facts]) -> str:
        ended = f"{self.name} ended with status {self.exit_status}" if self.exit_status is not None else self.name
        return f"{ended} without saying any of {list(wanted)}\n" + "".join(self._errors)


class Mosquitto(Child):
    """A real mosquitto with settings of ours."""

    def __init__(self, settings: Path, port: int) -> None:
        command = ["/usr/sbin/mosquitto", "-c", str(settings)]
        super().__init__("mosquitto", command, end_first=lambda: end_whoever_runs(settings.parent))
        deadline = time.monotonic() + _STOP_S
        while not _answers(port):
            if self.exit_status is not None or time.monotonic() > deadline:
                self.stop()
                raise ChildError(self._complain([{"listens on": port}]))
            time.sleep(_POLL_S)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
