"""Gettext catalogues as every part keeps them: a folder for each language, with what people translate and what is read.

`CODE/LC_MESSAGES/DOMAIN.po` is what people translate, the `.mo` beside it what a program reads. `keeping` takes up what
has changed in English, compiles, and names what is missing.
"""

from __future__ import annotations

import gettext
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SOURCE: Final = "en"
NEEDS_A_READER: Final = "needs a native reader"
"""What a catalogue says of its reader until somebody whose language it is has gone through all of it, aloud."""


def codes(folder: Traversable, domain: str) -> tuple[str, ...]:
    """Give the codes (BCP 47) of all languages that there are words for."""
    return tuple(sorted({SOURCE, *(child.name for child in folder.iterdir() if _mo(child, domain).is_file())}))


def translations(folder: Traversable, domain: str, code: str) -> gettext.GNUTranslations:
    """Read a language's words."""
    with _mo(folder / code, domain).open("rb") as file:
        return gettext.GNUTranslations(file)


def _mo(language: Traversable, domain: str) -> Traversable:
    return language / "LC_MESSAGES" / f"{domain}.mo"
