"""What staff read on the console, in their language. English is the source, and all that the command line speaks.

Whoever writes a sentence for people writes `phrase("Kiosk {kiosk} is added", kiosk=name)`: the English words are looked
up in the catalogue of the language that is spoken just now, and the facts are put into them. Nothing else decides the
language than `speak`, which the console calls for each request; everywhere else English is spoken.
`python -m provisioning.languages` (`make words`) collects the sentences, takes them up, and names what is missing.
"""

from __future__ import annotations

import functools
import gettext
import re
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from edge_agent import catalogues
from edge_agent.catalogues import NEEDS_A_READER, SOURCE

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DOMAIN: Final = "staff"
_ISOLATED: Final = "\u2068{}\u2069"  # Unicode's FIRST STRONG ISOLATE: a path keeps its order between Uyghur words
_ISOLATES: Final = str.maketrans("", "", "\u2066\u2067\u2068\u2069")
_SCRIPTS: Final = {"zh": re.compile("[\u3400-\u9fff]"), "ug": re.compile("[\u0600-\u06ff]")}


def marked(english: str) -> str:
    """Mark a sentence for the catalogues where it is written down; it is said elsewhere."""
    return english


_NAME: Final = marked("English")  # This language's own name for itself.
_DIRECTION: Final = marked("ltr")  # ltr or rtl.
_READER: Final = marked("its authors")


@dataclass(frozen=True, slots=True)
class Language:
    """One language with its words."""

    code: str
    words: gettext.NullTranslations

    @property
    def name(self) -> str:
        """Its own name for itself."""
        return self.words.gettext(_NAME)

    @property
    def direction(self) -> str:
        """Where it runs: ltr or rtl."""
        return self.words.gettext(_DIRECTION)

    @property
    def needs_a_reader(self) -> bool:
        """Whether no native reader has gone through its words yet."""
        return self.words.gettext(_READER) == NEEDS_A_READER

    def writes(self, text: str) -> bool:
        """Say whether a text can be in this language: one that has none of its letters is still English."""
        script = _SCRIPTS.get(self.code)
        return script is None or script.search(text) is not None


_spoken: ContextVar[Language] = ContextVar("spoken", default=Language(SOURCE, gettext.NullTranslations()))  # noqa: B039


def codes() -> tuple[str, ...]:
    """Give the codes (BCP 47) of all languages that there are words for."""
    return catalogues.codes(_folder(), DOMAIN)


@functools.cache
def language(code: str) -> Language:
    """Give a language that there are words for."""
    if code == SOURCE:
        return Language(SOURCE, gettext.NullTranslations())
    return Language(code, catalogues.translations(_folder(), DOMAIN, code))


def every() -> list[Language]:
    """Give all languages, each to be named by its own name."""
    return [language(code) for code in reversed(codes())]


def spoken() -> Language:
    """Give the language that is spoken just now."""
    return _spoken.get()


def speak(code: str) -> None:
    """Speak a language from now on, within this request or thread."""
    _spoken.set(language(code))


def phrase(english: str, **facts: object) -> str:
    """Say a sentence in the language that is spoken, with facts in its {places}."""
    now = spoken()
    return _filled(now, now.words.gettext(english), facts)


def without_isolates(text: str) -> str:
    """Take away the marks that keep a fact's order: a command must be typed without them."""
    return text.translate(_ISOLATES)


def _filled(now: Language, sentence: str, facts: dict[str, object]) -> str:
    if not facts:
        return sentence
    if now.direction == "rtl":
        facts = {name: _ISOLATED.format(fact) for name, fact in facts.items()}
    return sentence.format(**facts)


def _folder() -> Traversable:
    return resources.files(__name__)
