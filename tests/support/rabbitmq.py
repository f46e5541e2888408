"""A real RabbitMQ 4 cluster on loopback, with the settings that `homeward-fleet broker rabbitmq` writes.

Debian 12 has RabbitMQ 3, which speaks no MQTT 5; so the next Debian's package lives in a folder of its own, made once
by mmdebstrap and entered by chroot. That takes root, and two minutes the first time.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from edge_agent.files import OWNER_ONLY, PUBLIC
from provisioning import rabbitmq
from provisioning.throwaway import free_port, place
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.throwaway import ThrowawayFleet

NODES = 3
_SUITE = "trixie"
_PACKAGES = ("rabbitmq-server",)
_LEAN = [
    "--variant=minbase",
    '--aptopt=Apt::Install-Recommends "false"',
    "--dpkgopt=force-unsafe-io",  # a test's folder need not survive a power cut
    *(f"--dpkgopt=path-exclude=/usr/share/{kind}/*" for kind in ("doc", "man", "locale")),
]
_ERLANG = "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none"
_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"
_LIFETIME = dt.timedelta(days=1)
_ALONE = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]  # whoever ends it ends all that it started


def what_is_missing() -> str:
    """Say why no cluster can be had here, '' when one can."""
    if os.geteuid() != 0:
        return "a chroot of RabbitMQ 4 takes root"
    missing = [program for program in ("mmdebstrap", "unshare", "chroot") if shutil.which(program) is None]
    return f"{', '.join(missing)} not there" if missing else ""


def debian() -> Path:
    """Give the folder with the next Debian and its RabbitMQ, made once and then kept."""
    wanted = hashlib.sha256(repr((_SUITE, _PACKAGES, _LEAN)).encode()).hexdigest()[:12]
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homeward"
    kept.mkdir(parents=True, exist_ok=True)
    root = kept / f"rabbitmq-{wanted}"
    with (kept / "rabbitmq.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            print(f"Making a folder with RabbitMQ of Debian {_SUITE} (once, some two minutes)", flush=True)
            beside = Path(tempfile.mkdtemp(prefix="rabbitmq-", dir=kept))
            beside.chmod(0o755)
            command = ["mmdebstrap", *_LEAN, f"--include={','.join(_PACKAGES)}", _SUITE, str(beside)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                shutil.rmtree(beside, ignore_errors=True)
                raise AssertionError(f"mmdebstrap failed:\n{done.stderr[-2000:]}")
            beside.rename(root)
    return root


class Node:
    """One node: start it, kill it, ask it. `port` speaks MQTT, `amqps_port` AMQP."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.name = f"{name}@localhost"
        self.port, self.amqps_port, self._own_port = free_port(), free_port(), free_port()
        self._cluster = cluster
        self._folder = name
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with what it kept."""
        inside = self._cluster.inside / self._folder
        environment = self._cluster.environment | {
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self._own_port),
            "RABBITMQ_MNESIA_BASE": str(inside / "data"),
            "RABBITMQ_LOG_BASE": str(inside / "log"),
            "RABBITMQ_CONFIG_FILE": str(inside / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(inside / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
        }
        root = self._cluster.root
        command = [*_ALONE, f"--mount-proc={root / 'proc'}", "chroot", str(root), _SERVER]
        with (self._cluster.folder / self._folder / "out").open("ab") as out:
            self._process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def kill(self) -> None:
        """End it at once, and all that it started (SIGKILL to the first process of its namespace)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self._process is not None:
            self.control("stop", check=False)
            self.kill()

    def control(self, *words: str, check: bool = True) -> str:
        """Ask rabbitmqctl something about this node."""
        command = ["chroot", str(self._cluster.root), _CONTROL, "--node", self.name, *words]
        environment = self._cluster.environment
        return subprocess.run(command, env=environment, check=check, capture_output=True, text=True).stdout

    def is_up(self) -> bool:
        """Whether it serves."""
        command = ["chroot", str(self._cluster.root), _CONTROL, "--node", self.name, "await_startup", "--timeout", "1"]
        environment = self._cluster.environment
        return subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 0

    def copy(self, name: str, content: bytes | str, *, mode: int = PUBLIC) -> None:
        """Copy a file over the one that it was installed with."""
        place(self._cluster.folder / self._folder / name, content, mode=mode)

    def install(self, fleet: ThrowawayFleet, definitions: str) -> None:
        """Write everything that this node needs, as the fleet hands it out."""
        here, inside = self._cluster.folder / self._folder, self._cluster.inside / self._folder
        server = fleet.authority.server(["127.0.0.1", "localhost"], fleet.now, _LIFETIME)
        nodes = [node.name for node in self._cluster.nodes]
        place(here / "ca.pem", fleet.authority.pem)
        place(here / "server.pem", server.certificate)
        place(here / "server.key", server.key, mode=OWNER_ONLY)
        place(here / "rabbitmq.conf", rabbitmq.settings(nodes, inside, self.port, self.amqps_port))
        place(here / "definitions.json", definitions)
        place(here / "enabled_plugins", rabbitmq.PLUGINS)


class Cluster:
    """Three nodes on loopback. Use it as a context manager: leaving kills them and removes what they kept."""

    def __init__(
        self, fleet: ThrowawayFleet, kiosks: list[str], intakes: list[str], claims: Sequence[str] = ()
    ) -> None:
        self._fleet, self._kiosks, self._intakes, self._claims = fleet, kiosks, intakes, claims
        self.root = debian()
        self.folder = self.root / "srv" / secrets.token_hex(6)
        self.inside = Path("/") / self.folder.relative_to(self.root)
        self.folder.mkdir()
        self._names_port = free_port()
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.inside),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._names_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        place(self.folder / ".erlang.cookie", secrets.token_hex(16), mode=0o400)
        self.nodes = [Node(self, f"r{number}") for number in range(1, NODES + 1)]
        definitions = rabbitmq.definitions(fleet.name, intakes, kiosks, claims, [])
        for node in self.nodes:
            node.install(fleet, definitions)
        self._open = contextlib.ExitStack()

    def wait(self) -> None:
        """Wait until every node serves, and each queue of ours has a member on each."""
        for node in self.nodes:
            until(node.is_up, f"{node.name} to serve")
        until(lambda: self._members() == NODES, "the queue's members on every node")

    def leader(self) -> Node:
        """Give the node that leads the queue of arrivals."""
        for line in self._queues("name", "leader"):
            if line[0] == rabbitmq.ARRIVALS:
                return next(node for node in self.nodes if node.name == line[1])
        raise AssertionError("nobody leads the queue of arrivals")

    def waiting(self) -> dict[str, int]:
        """Give how many messages are in each queue, by name."""
        return {name: int(count) for name, count in self._queues("name", "messages")}

    def shut_out(self, kiosk: str) -> None:
        """Do on a node what `homeward-fleet revoke` tells to do there."""
        first, kept = self.nodes[0], [name for name in self._kiosks if name != kiosk]
        definitions = rabbitmq.definitions(self._fleet.name, self._intakes, kept, self._claims, [kiosk])
        place(self.folder / "changed.json", definitions)
        first.control("import_definitions", str(self.inside / "changed.json"))
        first.control("close_all_user_connections", kiosk, "revoked")

    def __enter__(self) -> Self:
        names = ["chroot", str(self.root), "epmd", "-address", "127.0.0.1", "-port", str(self._names_port)]
        keeper = subprocess.Popen([*_ALONE, *names], env=self.environment)
        self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._open.callback(_end, keeper)
        for node in self.nodes:
            self._open.callback(node.kill)
            node.start()
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _members(self) -> int:
        for line in self._queues("name", "members"):
            if line[0] == rabbitmq.ARRIVALS:
                return line[1].count("@")
        return 0

    def _queues(self, *columns: str) -> list[list[str]]:
        deadline = time.monotonic() + PATIENCE_S
        for node in self.nodes:
            said = node.control("list_queues", "--quiet", "--no-table-headers", *columns, check=False)
            if said or time.monotonic() > deadline:
                return [line.split("\t") for line in said.splitlines()]
        return []


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
