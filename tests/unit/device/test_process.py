"""What the kiosk's process denies itself."""

from __future__ import annotations

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


@pytest.mark.red_line(7)
def test_memory_is_neither_dumped_nor_read_by_others():
    said = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout
    assert said == "1 0 (0, 0)\n"
