"""Programs that run inside a unit's sandbox: the unit as it is, with another program in it, which tries and tells."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firmware.virtual.machine import Machine

_UNIT = "homeward-probe.service"
_INSTEAD = """
[Service]
Type=oneshot
Restart=no
WatchdogSec=0
StandardOutput=journal
StandardError=journal
ExecStart=
ExecStart=/opt/homeward/bin/python -c 'exec(bytes.fromhex("{program}"))'
"""
_TRYING = """
import json, os, socket, sys

def trying(act):
    try:
        act()
    except (OSError, ImportError) as fault:
        return type(fault).__name__
    return "done"

def connect(address, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as there:
        there.settimeout(5)
        there.connect(address)
        there.send(b"anybody?")
"""


def inside(machine: Machine, unit: str, program: str) -> dict[str, Any]:
    """Run Python in a unit's own sandbox; it fills the dictionary `told`, which is returned."""
    text = machine.ask("/usr/bin/systemctl", "cat", unit).out
    code = f"{_TRYING}\ntold = {{}}\n{textwrap.dedent(program)}\nprint('TOLD', json.dumps(told))\n"
    unit_text = text + _INSTEAD.format(program=code.encode().hex())
    assert machine.run("/usr/bin/tee", f"/run/systemd/system/{_UNIT}", text=unit_text).status == 0
    machine.run("/usr/bin/systemctl", "daemon-reload")
    ended = machine.run("/usr/bin/systemctl", "start", _UNIT)
    said = machine.ask("/usr/bin/journalctl", "-u", _UNIT, "-o", "cat", "--no-pager").out
    lines = [line for line in said.splitlines() if line.startswith("TOLD ")]
    assert lines, f"{unit}'s sandbox let the probe say nothing: {ended.errors}\n{said}"
    return json.loads(lines[-1].removeprefix("TOLD "))


def outside(machine: Machine, program: str) -> dict[str, Any]:
    """Run the same as root, in no sandbox: what a probe finds closed must be open here."""
    code = f"{_TRYING}\ntold = {{}}\n{textwrap.dedent(program)}\nprint('TOLD', json.dumps(told))\n"
    done = machine.run("/opt/homeward/bin/python", "-c", code)
    assert done.status == 0, done.errors
    return json.loads(done.out.rpartition("TOLD ")[2])
