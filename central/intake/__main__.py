"""Run as a module: `python -m central.intake`."""

import sys

from central.intake.cli import main

sys.exit(main())
