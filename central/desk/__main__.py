"""Run as a module: `python -m central.desk`."""

from central.desk.cli import main

main()
