"""htmx, the one script that the pages run: taken out of its npm package at build time, pinned by its hash, never a CDN.

`make console` fetches the package, and `python -m provisioning.console.vendored` copies script and licence beside
`console.css`. A file with another hash is neither copied nor served.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from pathlib import Path
from typing import Final

from edge_agent.errors import LocalError

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
SCRIPT: Final = STATIC / "vendor" / "htmx.min.js"
SHA256: Final = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"  # of htmx 2.0.11
INTEGRITY: Final = "sha256-" + base64.b64encode(bytes.fromhex(SHA256)).decode()  # the browser checks it once more
_PACKAGE: Final = HERE / "node_modules" / "htmx.org"
_BUILD: Final = "Run `make console` in Homeward's sources, or install it anew."


def check(path: Path = SCRIPT) -> None:
    """Raise LocalError when the script is not there, or is not the one that was pinned."""
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as fault:
        raise LocalError(f"{path} can't be read: {fault.strerror}", next_step=_BUILD) from fault
    if found != SHA256:
        raise LocalError(f"{path} is not the script that was pinned", next_step=_BUILD)


def main() -> None:
    """Copy the script and its licence out of the package."""
    check(_PACKAGE / "dist" / SCRIPT.name)
    SCRIPT.parent.mkdir(exist_ok=True)
    shutil.copyfile(_PACKAGE / "dist" / SCRIPT.name, SCRIPT)
    shutil.copyfile(_PACKAGE / "LICENSE", SCRIPT.with_name("htmx.LICENSE"))


if __name__ == "__main__":
    main()
