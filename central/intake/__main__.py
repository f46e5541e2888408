"""Run as a module: `python -m central.intake`."""

from central.intake.cli import main

main()
