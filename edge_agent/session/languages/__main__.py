"""Keeps the catalogues of what a kiosk says: takes up changed words, compiles, and names what is missing.

python -m edge_agent.session.languages               update and compile every catalogue
python -m edge_agent.session.languages --add sw      begin another language
python -m edge_agent.session.languages --check       change nothing; end with 1 when something is missing or stale
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from babel.messages.catalog import Catalog

from edge_agent.catalogues import NEEDS_A_READER
from edge_agent.catalogues.keeping import keep
from edge_agent.session.languages import DOMAIN
from edge_agent.session.words import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER: Final = "# What a Homeward kiosk says. Each message's context says where; its id is the English sentence."
_HINTS: Final = {
    "language.name": "This language's own name for itself.",
    "language.direction": "ltr or rtl.",
    "language.reader": f"'{NEEDS_A_READER}' until a native reader has gone through it, aloud: then who, and when.",
    "choice.stop": "Somebody leaves: nothing of them is kept.",
    "help.hold": "{choice} is one of the choices above.",
}


def source() -> Catalog:
    """Give the English catalogue."""
    made = Catalog(header_comment=_HEADER)
    for key, english in ENGLISH.items():
        made.add(english, context=key, auto_comments=[_HINTS[key]] if key in _HINTS else [])
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Update or check all catalogues; return the exit status."""
    return keep(Path(__file__).parent, DOMAIN, source(), arguments, __doc__)


if __name__ == "__main__":
    sys.exit(main())
