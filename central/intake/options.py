"""What several of the intake's commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("--config", help="The intake's settings, TOML.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]
