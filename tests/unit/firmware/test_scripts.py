"""Every shell script of the firmware, as shellcheck reads it."""

from __future__ import annotations

import subprocess

from tests.unit.firmware.units import FIRMWARE


def test_no_script_has_a_fault_that_shellcheck_sees():
    scripts = [
        path for path in FIRMWARE.rglob("*") if path.is_file() and path.read_bytes()[:10].startswith(b"#!/bin/sh")
    ]
    assert scripts
    said = subprocess.run(["shellcheck", *map(str, scripts)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
