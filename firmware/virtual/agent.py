"""/opt/homeward as it is in this working tree: the agent's own wheel beside all that it imports."""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Final

from firmware.virtual import libraries
from firmware.virtual.cache import PROJECT, run
from firmware.virtual.libraries import PYTHON, SITE

_LAUNCHER: Final = """#!/opt/homeward/bin/python
import sys

from {module} import {function}

sys.exit({function}())
"""


def install(root: Path) -> None:
    """Put /opt/homeward into a root file system, with the agent as it is in this working tree."""
    home = root / "opt/homeward"
    site = root / SITE
    site.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(libraries.build(), site, symlinks=True, dirs_exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", scratch, cwd=PROJECT)
        for wheel in Path(scratch).glob("homeward-*.whl"):
            zipfile.ZipFile(wheel).extractall(site)  # an installer would add where and when
    for package in ("edge_agent", "models"):
        libraries.compile_python(site / package, f"/{SITE}/{package}")
    libraries.compile_python(site / "virtual_camera.py", f"/{SITE}")
    shutil.copytree(PROJECT / "models/files", site / "models/files", dirs_exist_ok=True)
    (home / "bin").mkdir(exist_ok=True)
    (home / "bin/python").symlink_to(f"/usr/bin/python{PYTHON}")
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {PYTHON}\n", encoding="ascii"
    )
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for name, entry in scripts.items():
        module, _, function = entry.partition(":")
        if module.startswith("edge_agent."):
            (home / "bin" / name).write_text(_LAUNCHER.format(module=module, function=function), encoding="ascii")
            (home / "bin" / name).chmod(0o755)
