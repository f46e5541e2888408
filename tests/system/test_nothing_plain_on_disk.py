"""After a whole session nothing plain is on any disk: no pixel, no photograph, no word of the report (red line 7)."""

from __future__ import annotations

import json
import os
import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from central.store.sqlite import open_reader
from edge_agent.wire import report, sealing
from provisioning.children import Child
from tests.support.live import LiveFleet
from tests.support.needles import ASTRONAUT, Needle, needles, search
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.red_line(7)

KIOSK = "kiosk-1"
WATCHED = "socket,connect,bind,prctl,prlimit64,open,openat,creat,memfd_create"
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|^creat")
SCRIPT = "".join(
    f'[[step]]\nstage = "{stage}"\nchoose = {json.dumps(choose)}\n'
    for stage, choose in [
        ("rest", []),
        ("language", ["ug"]),
        ("who", ["child_with_staff"]),
        *[("consent", ["yes"])] * 3,
        *[("permission", ["yes"])] * 3,
        ("framing", ["take"]),
        ("review", ["send"]),
        ("done", ["finish"]),
    ]
)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFleet]:
    with LiveFleet(tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def session(live: LiveFleet) -> tuple[list[Path], list[Needle]]:
    """Play a child's session with all programs running; give what to search, and what for, once it was delivered."""
    here = live.fleet.add_kiosk(KIOSK, [ASTRONAUT], pace="hold_s = 0.3")
    (here / "script.toml").write_text(SCRIPT, encoding="utf-8")
    live.broker()
    live.intake()
    courier, kiosk = live.courier(), live.kiosk()
    sealed = kiosk.wait_for("sealed", timeout=PATIENCE_S)
    courier.wait_for("receipted", record=sealed["record"], timeout=PATIENCE_S)
    until(lambda: kiosk.said[-1] == {"event": "stage", "stage": "rest"}, "rest")
    with open_reader(live.fleet.store_file) as store:
        content = store.sealed(bytes.fromhex(sealed["record"]))
    assert content is not None
    record = sealing.parse_record(content)
    opened = report.read(sealing.open_record(record, live.caseworker), record.claims)
    said = here / "said.log"
    said.write_text("\n".join(map(json.dumps, [*kiosk.said, *courier.said])), encoding="utf-8")
    return [live.fleet.directory], needles(opened)


def test_nothing_that_was_seen_or_said_is_in_any_file(session):
    places, wanted = session
    assert len([piece for needle in wanted for piece in needle.slices]) > 1000
    assert search(places, wanted) == set()


def test_the_search_finds_each_of_them_when_it_is_there(session, tmp_path):
    _, wanted = session
    for number, needle in enumerate(wanted):
        plain, packed = tmp_path / f"plain-{number}", tmp_path / f"packed-{number}"
        for place in (plain, packed):
            place.mkdir()
        piece = needle.slices[len(needle.slices) // 2]
        (plain / "file").write_bytes(os.urandom(5000) + piece + os.urandom(5000))
        (packed / "file").write_bytes(os.urandom(500) + zlib.compress(b"before " * 40 + piece + b" after" * 40))
        assert search([plain], wanted) >= {needle.name}
        assert search([packed], wanted) >= {needle.name}


@dataclass(frozen=True)
class Asked:
    """What a kiosk's process asked of the system in its whole life, and where its files are."""

    calls: list[str]
    here: Path

    def of(self, *names: str) -> list[str]:
        """Give the calls by these names, as strace writes them."""
        return [call for call in self.calls if call.startswith(tuple(f"{name}(" for name in names))]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Play a child's session before a kiosk that strace looks at from its start to its end.

    It has to be there from the start: once the process has closed its memory, only root may look into it.
    """
    log = tmp_path_factory.mktemp("strace") / "calls.log"
    watch = ["strace", "-D", "-f", "--seccomp-bpf", "-q", "-s", "4096", "-o", str(log), "-e", f"trace={WATCHED}"]
    with LiveFleet(tmp_path_factory.mktemp("watched")) as live, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # a kiosk's programs lie on a disk that is never written
        here = live.fleet.add_kiosk(KIOSK, [ASTRONAUT], pace="hold_s = 0.3")
        (here / "script.toml").write_text(SCRIPT, encoding="utf-8")
        run = [sys.executable, "-m", "edge_agent.kiosk", "run", "--config", str(here / "kiosk.toml")]
        with Child("kiosk", [*watch, *run]) as kiosk:
            kiosk.wait_for("sealed", timeout=PATIENCE_S)
            assert kiosk.stop() == 0
    until(lambda: "+++ exited with 0 +++" in log.read_text(encoding="utf-8"), "the end of the log")
    lines = log.read_text(encoding="utf-8").splitlines()
    return Asked([line.split(maxsplit=1)[1] for line in lines], here)


def test_the_kiosk_closes_its_memory_to_cores_and_to_other_programs_before_it_takes_a_picture(asked):
    (closed,) = [
        at for at, call in enumerate(asked.calls) if call.startswith("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE")
    ]
    (no_core,) = [at for at, call in enumerate(asked.calls) if "RLIMIT_CORE, {rlim_cur=0, rlim_max=0}" in call]
    camera = next(at for at, call in enumerate(asked.calls) if f'"{ASTRONAUT}"' in call)
    assert max(closed, no_core) < camera


def test_in_its_whole_life_the_kiosk_opens_no_socket_to_the_network(asked):
    assert [call for call in asked.of("socket", "connect", "bind") if "AF_UNIX" not in call] == []


def test_in_its_whole_life_the_kiosk_writes_below_its_own_folder_alone(asked):
    """So that the search above looks into every file that there can be."""
    written = [call for call in asked.of("open", "openat", "creat") if WRITING.search(call) and "= -1 " not in call]
    places = {call.split('"')[1] for call in written} - {"/dev/null"}
    assert any(place.endswith("outbox.db") for place in places)
    assert {place for place in places if not Path(place).is_relative_to(asked.here)} == set()
    assert asked.of("memfd_create", "shm_open") == []
