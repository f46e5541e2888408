"""Run as a module: `python -m central.desk`."""

import sys

from central.desk.cli import main

sys.exit(main())
