"""`python -m firmware.sbom`, as `make sbom` runs it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.errors import HomewardError
from firmware import sbom

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Write it."""
    parser = argparse.ArgumentParser(prog="python -m firmware.sbom", description="What a kiosk's system is made of.")
    parser.add_argument("--root", type=Path, default=Path("/"), help="the root of the kiosk's file system; default: /")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="CycloneDX 1.6, JSON")
    chosen = parser.parse_args(arguments)
    try:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        sbom.write(chosen.root, chosen.out)
    except HomewardError as fault:
        sys.stderr.write(f"{fault.explain()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
