"""What the kiosk's process denies itself."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

ASK = """
import ctypes, resource
from edge_agent.hardware.process import keep_memory_private
libc = ctypes.CDLL(None)
before = libc.prctl(3, 0, 0, 0, 0)
keep_memory_private()
print(before, libc.prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))
"""
ABORT = "import os; os.abort()"
CLOSED = "from edge_agent.hardware.process import keep_memory_private; keep_memory_private(); "
IS_LOCKED = """
later = bytearray(8 << 20)
facts = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(int(facts["VmLck"].split()[0]) >= 8 << 10)
"""
LOCKED = CLOSED.replace("keep_memory_private(); ", "print(keep_memory_private())") + IS_LOCKED
FRAMES = """
import resource
from pathlib import Path
from edge_agent.hardware.process import give_memory_back, keep_frames_at_hand
MIB = 1 << 20
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // MIB
def frame():
    return [bytearray(5 * MIB) for _ in range(4)] and None
keep_frames_at_hand()
frame()
frame()
before, fetched = held(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    frame()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - fetched < 1000)
give_memory_back()
print(before - held() >= 15)
"""
HELD = """
import resource
from pathlib import Path
from edge_agent.hardware.process import give_memory_back, keep_frames_at_hand, keep_large_blocks_apart
MIB = 1 << 20
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // MIB
def pass_through():
    passing = [bytearray(b"x") * (4 * MIB) for _ in range(4)]
    return bytearray(64 << 10)  # lies above them, and stays
"""
AFTER_A_SESSION = f"""{HELD}
keep_frames_at_hand()
before, stays = held(), pass_through()
print(held() - before >= 15)
give_memory_back()
print(held() - before < 3)
"""
LOADED = f"""{HELD}
bytearray(5 * MIB)
keep_large_blocks_apart()
before, stays = held(), pass_through()
print(held() - before < 3)
"""


def python(code: str, *before: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, started by the command `before`."""
    return subprocess.run([*before, sys.executable, "-c", code], capture_output=True, text=True, check=False)


def leaves_a_core(code: str, tmp_path: os.PathLike[str]) -> bool:
    """Whether the kernel says that it dumped the memory of a process that ran `code` to its bitter end."""
    pid = os.fork()
    if pid == 0:
        os.chdir(tmp_path)
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        os.execv(sys.executable, [sys.executable, "-c", code])
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status)
    return os.WCOREDUMP(status)


@pytest.mark.red_line(7)
def test_memory_is_neither_dumped_nor_read_by_others():
    said = python(ASK)
    assert said.stdout == "1 0 (0, 0)\n", said.stderr


@pytest.mark.red_line(7)
def test_a_process_that_crashes_leaves_no_core(tmp_path):
    assert not leaves_a_core(CLOSED + ABORT, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="this machine allows no core dumps at all")
def test_the_test_above_would_see_a_core(tmp_path):
    assert leaves_a_core(ABORT, tmp_path)


@pytest.mark.red_line(7)
@pytest.mark.skipif(os.geteuid() != 0, reason="locks what only root, and the kiosk by its unit, may lock")
def test_where_nothing_limits_it_all_memory_is_locked_what_comes_later_too():
    said = python(LOCKED)
    assert said.stdout == "True\nTrue\n", said.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a right away, which only root has")
def test_below_a_limit_nothing_is_locked_and_nothing_fails():
    said = python(LOCKED, "prlimit", "--memlock=8388608:8388608", "setpriv", "--bounding-set=-ipc_lock", "--")
    assert said.stdout == "False\nFalse\n", said.stderr


def test_each_frame_has_the_memory_of_the_last_one_until_it_is_given_back():
    said = python(FRAMES)
    assert said.stdout == "True\nTrue\n", said.stderr


@pytest.mark.red_line(7)
@pytest.mark.skipif(os.geteuid() != 0, reason="locks what only root, and the kiosk by its unit, may lock")
def test_locked_memory_is_given_back_too_and_is_locked_again():
    said = python(CLOSED + AFTER_A_SESSION + IS_LOCKED)
    assert said.stdout == "True\nTrue\nTrue\n", said.stderr


def test_what_is_not_locked_is_not_locked_by_giving_memory_back():
    said = python(AFTER_A_SESSION + IS_LOCKED)
    assert said.stdout == "True\nTrue\nFalse\n", said.stderr


def test_what_is_loaded_and_freed_before_the_first_frame_goes_back_at_once():
    said = python(LOADED)
    assert said.stdout == "True\n", said.stderr


def test_the_test_above_would_see_what_is_kept():
    said = python(LOADED.replace("keep_large_blocks_apart()\n", "\n"))
    assert said.stdout == "False\n", said.stderr


def test_the_test_above_would_see_memory_that_each_frame_fetches_anew():
    said = python(FRAMES.replace("keep_frames_at_hand()\n", "\n"))
    assert said.stdout == "False\nFalse\n", said.stderr
