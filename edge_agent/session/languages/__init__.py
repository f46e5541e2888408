"""The words of each language, by stdlib's gettext. English stands in `words`, every other language in a folder here.

Each message's context is its key, its id the English words. `python -m edge_agent.session.languages` (`make words`)
takes up what has changed in English, compiles, and names what is missing.
"""

from __future__ import annotations

import gettext
from importlib import resources
from typing import TYPE_CHECKING, Final

from edge_agent import catalogues
from edge_agent.catalogues import SOURCE
from edge_agent.session.words import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

DOMAIN: Final = "homeward"


class _NoWords(gettext.NullTranslations):
    """Says nothing rather than English: somebody might agree to what they don't understand."""

    def pgettext(self, context: str, message: str) -> str:  # type: ignore[explicit-override]  # noqa: ARG002
        return ""


def codes() -> tuple[str, ...]:
    """Give the codes (BCP 47) of all languages that there are words for."""
    return catalogues.codes(_folder(), DOMAIN)


def words(code: str) -> Mapping[str, str]:
    """Give all words of a language by key; empty where nobody has translated one yet."""
    if code == SOURCE:
        return ENGLISH
    translations = catalogues.translations(_folder(), DOMAIN, code)
    translations.add_fallback(_NoWords())
    return {key: translations.pgettext(key, english) for key, english in ENGLISH.items()}


def _folder() -> Traversable:
    return resources.files(__name__)
