"""What the build machine's own systemd says of the kiosk's units."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

FIRMWARE = Path(__file__).parents[3] / "firmware"
KIOSK = FIRMWARE / "common" / "kiosk"
UNITS = KIOSK / "etc" / "systemd" / "system"
AGENT = ("homeward-kiosk", "homeward-courier")
LATER = ("RestartSteps", "RestartMaxDelaySec")  # known from systemd 254 on; Debian 12's says that it leaves them out


class Exposure(NamedTuple):
    figure: float
    open: frozenset[str]  # what the figure is made of


def exposure(unit: Path) -> Exposure:
    said = _ask("security", "--offline=yes", "--no-pager", str(unit)).stdout
    figure = re.search(r"Overall exposure level for \S+ ([\d.]+)", said)
    assert figure, said
    return Exposure(float(figure[1]), frozenset(re.findall(r"^✗ (\S+)", said, re.MULTILINE)))


def complaints(*units: Path) -> list[str]:
    """All that `systemd-analyze verify` finds, but for settings of later systemds and programs of the device."""
    said = _ask("verify", "--man=no", *map(str, units)).stderr.splitlines()
    known = "|".join(LATER)
    places = "opt/homeward|usr/sbin|usr/local/lib/homeward"
    harmless = rf"Unknown key '({known})'|Command /({places})/\S+ is not executable"
    return [line for line in said if not re.search(harmless, line)]


def settings(unit: Path) -> dict[str, list[str]]:
    """A unit's settings with its drop-ins', in the order in which systemd reads them."""
    found: dict[str, list[str]] = {}
    for path in (unit, *sorted((unit.parent / f"{unit.name}.d").glob("*.conf"))):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                found.setdefault(key, []).append(value)
    return found


def _ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
