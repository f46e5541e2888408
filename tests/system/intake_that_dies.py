"""The real intake, which dies between what it has committed and the receipts for it: the worst moment there is.

    python -m tests.system.intake_that_dies 3 run --config intake.toml

dies instead of sending the receipts of the third batch that has any.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from central.intake import cli
from central.intake.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from central.intake.core import Letter

DIED = 77

send = Receiver.publish


def main() -> None:
    left = int(sys.argv.pop(1))

    def die_at_the_last(receiver: Receiver[Any], letters: Sequence[Letter]) -> None:
        nonlocal left
        left -= bool(letters)
        if left == 0:
            os._exit(DIED)
        send(receiver, letters)

    Receiver.publish = die_at_the_last  # type: ignore[method-assign]
    cli.main()


if __name__ == "__main__":
    main()
