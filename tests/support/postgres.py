"""A real PostgreSQL of one's own: made, started, stopped, killed. It listens on a socket in its folder alone."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from central.store import migrations
from tests.support.waiting import until

INTAKE, DESK, OWNER = "intake_1", "desk_1", "owner"
_TEMPLATE = "migrated"
_FASTER = ("-c", "fsync=off", "-c", "full_page_writes=off")


class Postgres:
    """One server. Use it as a context manager: it begins empty, and leaving removes all of it.

    `careful=False` spares the disk: for tests that never pull a plug. `settings` are the server's own, by name.
    """

    def __init__(self, *, careful: bool = True, **settings: str) -> None:
        self._options = () if careful else _FASTER
        self._options += tuple(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path may have 107 bytes
        self._bin = _programs()
        self._user = _who()
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def conninfo(self, database: str, user: str = OWNER) -> str:
        return f"host={self._folder} dbname={database} user={user}"

    @property
    def pid(self) -> int:
        """Its first process, whose children all others are."""
        assert self._process is not None
        return self._process.pid

    def database(self) -> str:
        """Make a database with our schema, and name it."""
        self._count += 1
        return self._create(f"store_{self._count}", _TEMPLATE)

    def empty_database(self) -> str:
        self._count += 1
        return self._create(f"empty_{self._count}", "template1")

    def start(self) -> None:
        """Start it, with all it has kept."""
        assert self._process is None
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [
                *self._as_user(),
                *(self._bin / "postgres", "-D", self._folder / "data", "-k", self._folder),
                *("-c", "listen_addresses=", "-c", "max_connections=40", *self._options),
            ],
            stdout=log,
            stderr=log,
            cwd="/",
        )
        log.close()
        until(self._answers, "PostgreSQL's answer")

    def stop(self) -> None:
        """End it as its service manager would; whoever is connected is thrown out."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, with all its processes."""
        self._end(signal.SIGQUIT)

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            shutil.chown(self._folder, self._user)
        subprocess.run(
            [
                *self._as_user(),
                *(self._bin / "initdb", "-D", self._folder / "data", "-U", OWNER, "--auth=trust", "--no-sync"),
                *("--encoding=UTF8", "--locale=C"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
        )
        self.start()
        self._create(_TEMPLATE, "template1")
        migrations.apply(self.conninfo(_TEMPLATE))
        with psycopg.connect(self.conninfo(_TEMPLATE)) as connection:
            connection.execute(f"CREATE ROLE {INTAKE} LOGIN IN ROLE homeward_intake")
            connection.execute(f"CREATE ROLE {DESK} LOGIN IN ROLE homeward_desk")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()
        shutil.rmtree(self._folder)

    def _create(self, name: str, template: str) -> str:
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return name

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text(encoding="utf-8")
        try:
            psycopg.connect(self.conninfo("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait()
        self._process = None

    def _as_user(self) -> list[str]:
        """Run as somebody who isn't root: PostgreSQL refuses root."""
        if os.geteuid() != 0:
            return []
        return ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups"]


def _who() -> str:
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _programs() -> Path:
    """Find PostgreSQL's own programs: Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    assert on_path, "PostgreSQL is not installed; `make test` installs it"
    return Path(on_path).parent
