"""`python -m tests.fuzz SECONDS`: fuzz the decoders for that long, from the vectors on. Runs in .venv-fuzz."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz import targets


def main(seconds: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        corpus, found = Path(folder, "corpus"), Path(folder, "found")
        corpus.mkdir()
        found.mkdir()
        for number, seed in enumerate(targets.seeds()):
            (corpus / f"{number:04}").write_bytes(seed)
        size = len(list(corpus.iterdir()))
        print(f"Fuzzing {len(targets.TARGETS)} decoders for {seconds} s, from {size} seeds", flush=True)
        options = [f"-max_total_time={seconds}", "-print_final_stats=1", "-max_len=16384", "-timeout=10"]
        command = [sys.executable, "-m", "tests.fuzz.child", f"-artifact_prefix={found}/", *options, str(corpus)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        for failure in found.iterdir():
            print(f"{failure.name.split('-')[0]}: {failure.read_bytes().hex()}")
        if done.returncode:
            print(said[-4000:])
            return 1
        executions = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
        coverage = re.findall(r"cov: (\d+)", said)
        if executions is None or not coverage:
            print(f"libFuzzer gave no figures:\n{said[-4000:]}")
            return 1
        grown = len(list(corpus.iterdir())) - size
        print(f"{executions[1]} executions, {coverage[-1]} edges covered, {grown} new inputs, nothing found")
        return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60))
