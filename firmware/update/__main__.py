"""`python -m firmware.update`: make the fleet's update key, sign a system as an update, look at one."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.errors import HomewardError
from firmware.update.bundle import SigningKey, UpdateError, check_bundle, make_bundle, make_key

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the three."""
    parser = argparse.ArgumentParser(prog="python -m firmware.update", description=__doc__)
    acts = parser.add_subparsers(dest="act", required=True)
    key = acts.add_parser("key", help="make the key that signs updates, under a passphrase, on a stick")
    key.add_argument("folder", type=Path)
    key.add_argument("--fleet", required=True)
    bundle = acts.add_parser("bundle", help="sign a system's image")
    bundle.add_argument("system", type=Path, help="the image, ext4")
    bundle.add_argument("out", type=Path)
    bundle.add_argument("--key", type=Path, required=True, metavar="FOLDER")
    bundle.add_argument("--compatible", required=True, help="as the kiosk's rauc/system.conf has it")
    bundle.add_argument("--version", required=True)
    info = acts.add_parser("check", help="verify a bundle, and say what it is")
    info.add_argument("bundle", type=Path)
    info.add_argument("--certificate", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    try:
        match chosen.act:
            case "key":
                made = make_key(chosen.folder, chosen.fleet, dt.datetime.now(dt.UTC), _new_passphrase())
                sys.stdout.write(
                    f"build {made.certificate} into images as etc/rauc/update.pem; keep {made.key} apart\n"
                )
            case "bundle":
                make_bundle(chosen.system, chosen.compatible, chosen.version, SigningKey(chosen.key), chosen.out)
            case _:
                sys.stdout.write(check_bundle(chosen.bundle, chosen.certificate))
    except HomewardError as fault:
        sys.stderr.write(f"{fault.explain()}\n")
        return 1
    return 0


def _new_passphrase() -> bytes:
    first = getpass.getpass("A passphrase for the update key: ")
    if not first or getpass.getpass("Again: ") != first:
        raise UpdateError("the two are not the same, or empty; no key was made", next_step="Try once more.")
    return first.encode()


if __name__ == "__main__":
    sys.exit(main())
