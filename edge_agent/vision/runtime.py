"""The one place where the TFLite runtime is imported: tflite-runtime below Python 3.12, ai-edge-litert from it."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from edge_agent.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

THREADS = 1  # the kiosk's other cores belong to the screen and the camera


def interpreter(content: bytes, name: str) -> Any:
    """Make a TFLite interpreter of a model's bytes, its tensors allocated; `name` stands for the model in errors.

    Raises ModelError when the runtime is missing or refuses the model.
    """
    try:
        if sys.version_info >= (3, 12):
            from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - the other runtime isn't installed
        else:
            from tflite_runtime.interpreter import Interpreter  # noqa: PLC0415
    except ImportError as fault:
        raise ModelError(
            f"The TFLite runtime can't be imported: {fault}",
            next_step="Install Homeward with its kiosk extra, on a 64-bit system.",
        ) from fault
    try:
        made = Interpreter(model_content=content, num_threads=THREADS)
        made.allocate_tensors()
    except (ValueError, RuntimeError) as fault:
        raise ModelError(
            f"The TFLite runtime refuses the model {name}: {fault}",
            next_step="Check that the runtime is one that pyproject.toml names.",
        ) from fault
    return made


def self_test(model: Path) -> None:
    """Run a model once in a process of its own, because a missing CPU instruction kills whoever meets it.

    Raises ModelError that says whether the processor or the model is at fault.
    """
    command = [sys.executable, "-m", "edge_agent.vision.runtime", str(model)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if ended.returncode == -signal.SIGILL:
        raise ModelError(
            "This computer's processor lacks an instruction that the TFLite runtime uses",
            next_step="Use a Raspberry Pi 4 or later with a 64-bit system, or the other runtime.",
        )
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or [f"it ended with {ended.returncode}"]
        raise ModelError(f"The model {model.name} does not run here: {last[0]}", next_step="Run make models.")


def _run_once(path: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError as fault:
        sys.exit(f"it can't be read: {fault.strerror}")
    try:
        interpreter(content, path.name).invoke()
    except ModelError as fault:
        sys.exit(fault.what)


if __name__ == "__main__":
    from pathlib import Path

    _run_once(Path(sys.argv[1]))
