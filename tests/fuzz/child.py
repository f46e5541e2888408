"""The process that libFuzzer runs in: it never returns, so `__main__` starts it and reads what it said."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["edge_agent"]):
    from tests.fuzz import targets

atheris.Setup(sys.argv, targets.run)
atheris.Fuzz()
