"""make bench: every benchmark in turn, or those that are named, as a table and as JSON lines in bench/results.jsonl.

Each runs in a process of its own, measures its contestants side by side, and promises ratios, not times. The exit
status is 0 even where a promise does not hold: a benchmark tells, and people decide.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results.jsonl"
OWN = sys.executable
WITH_MEDIAPIPE = str(ROOT / ".venv-bench" / "bin" / "python")
BENCHMARKS = {
    "tests.bench.finder": WITH_MEDIAPIPE,
    "tests.bench.sealing": OWN,
    "tests.bench.outbox": OWN,
    "tests.bench.intake": OWN,
    "tests.bench.postgres": OWN,
    "tests.bench.cluster": OWN,  # as root; else it says that it was not measured
    "tests.bench.sessions": OWN,
    "tests.bench.memory": OWN,
    "tests.bench.kiosk": OWN,
    "tests.bench.screen": OWN,
    "tests.bench.courier": OWN,
    "tests.bench.console": OWN,
    "tests.bench.fleet": OWN,
}


def main() -> int:
    names = [module.rpartition(".")[2] for module in BENCHMARKS]
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description="The promises as figures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(names)} (default: all)")
    chosen = parser.parse_args().names or names
    if unknown := set(chosen) - set(names):
        parser.error(f"there is no benchmark named {' or '.join(sorted(unknown))}")
    console = Console(soft_wrap=True)
    table = Table("benchmark", "figure", "value", "promised", "holds")
    RESULTS.parent.mkdir(exist_ok=True)
    failed = 0
    with RESULTS.open("w", encoding="utf-8") as results:
        for module, python in BENCHMARKS.items():
            if module.rpartition(".")[2] not in chosen:
                continue
            console.print(f"· {module} ...", markup=False)
            done = subprocess.run(
                [python, "-m", module, "--json", "-"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
            )
            failed += done.returncode != 0
            for line in done.stdout.splitlines():
                figure = json.loads(line)
                results.write(line + "\n")
                table.add_row(module.rpartition(".")[2], figure["name"], *cells(figure))
            if done.returncode:
                table.add_row(module.rpartition(".")[2], "did not run to its end", "", "", "[red]NO[/]")
    console.print(table)
    console.print(f"Written to {RESULTS.relative_to(ROOT)}.", markup=False)
    return 1 if failed else 0


def cells(figure: dict[str, Any]) -> tuple[str, str, str]:
    target = "" if figure["target"] is None else f"{figure['target']:g}"
    holds = {None: "", True: "[green]yes[/]", False: "[red]NO[/]"}[figure["holds"]]
    return f"{figure['value']:,.4g} {figure['unit']}", target, holds


if __name__ == "__main__":
    sys.exit(main())
