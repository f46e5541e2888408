"""Keeps the catalogues of what staff read: collects the sentences of templates and code, and names what is missing.

python -m provisioning.languages               collect, update and compile every catalogue
python -m provisioning.languages --add sw      begin another language
python -m provisioning.languages --check       change nothing; end with 1 when something is missing or stale
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file

from edge_agent.catalogues import NEEDS_A_READER
from edge_agent.catalogues.keeping import keep
from provisioning.languages import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE: Final = Path(__file__).parent
_STAFFS: Final = _HERE.parent
_HEADER: Final = (
    "# What staff read on the console: in its templates, and in the sentences of what they do there.\n"
    "# Keep %(places)s, {places}, <markup> and `commands` as they are."
)
_KEYWORDS: Final = {"phrase": None, "marked": None}
_TEMPLATES: Final = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
_IN_TEMPLATES: Final = {"_": None, "gettext": None, "ngettext": (1, 2)}
_HINTS: Final = {
    "English": "This language's own name for itself.",
    "ltr": "ltr or rtl.",
    "its authors": f"'{NEEDS_A_READER}' until a native reader has gone through it: then who, and when.",
}


def source() -> Catalog:
    """Collect the English catalogue."""
    made = Catalog(header_comment=_HEADER)
    for path in sorted(_STAFFS.rglob("*.py")):
        for _line, message, _comments, _context in extract_from_file("python", path, _KEYWORDS):
            made.add(message, auto_comments=[_HINTS[message]] if message in _HINTS else [])
    for path in sorted(_STAFFS.rglob("templates/*.html")):
        for _line, message, _comments, _context in extract_from_file(
            "jinja2.ext:babel_extract", path, _IN_TEMPLATES, options=_TEMPLATES
        ):
            made.add(message)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Update or check all catalogues; return the exit status."""
    return keep(_HERE, DOMAIN, source(), arguments, __doc__)


if __name__ == "__main__":
    sys.exit(main())
