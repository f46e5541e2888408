"""The words of one language: the notice that people agree to, and everything else the kiosk says.

The notice (who sees the picture, what for, how long, how to take it back, and the questions) is hashed as it is said,
with the organisation's name, telephone and days filled in: a report's consent names exactly the words that were heard
(red line 12). The other words may be made clearer without becoming another notice.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, get_args

from edge_agent.catalogues import NEEDS_A_READER
from edge_agent.errors import SettingsError
from edge_agent.session import languages
from edge_agent.session.consent import Purpose, Who
from edge_agent.session.guidance import Guidance
from edge_agent.session.scene import Act
from edge_agent.session.table import ENDS_WITH_NOTHING
from edge_agent.session.words import NOTICE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from edge_agent.wire.orders import OrderedNotice

Direction = Literal["ltr", "rtl"]

NOTICE: Final = ("who_sees", "what_for", "how_long", "take_back", "free")
"""The sentences of the notice, in the order in which they are said."""

_ROOM: Final = 1.25  # of the words that the screen was made for: so much longer still stands there in legible type
_HASHED: Final = ("notice.", "question.")
_SCENES: Final = (
    *("rest", "language", "who", "permission", "framing", "taking", "choosing_several", "choosing_none"),
    *("review", "sealing", "done", "taken_back"),
    *("cannot", "cannot_screen", "cannot_voice"),
)
_SCREEN: Final = ("camera_on", "camera_off", "way", "mirror", "faces", "portrait", "code", "six_words", "lost")
_KEYS: Final = frozenset(
    {
        *(f"language.{fact}" for fact in ("name", "direction", "reader")),
        *(f"notice.{sentence}" for sentence in NOTICE),
        *(f"question.{purpose}.{side}" for purpose in Purpose for side in ("subject", "adult")),
        *(f"scene.{scene}" for scene in _SCENES),
        *(f"nothing_kept.{cause.name.lower()}" for cause in ENDS_WITH_NOTHING),
        *(f"choice.{choice}" for choice in (*Act, *Who, "face")),
        *(f"guidance.{guidance}" for guidance in Guidance),
        *(f"say.{said}" for said in ("warning", "nothing_chosen", "let_go", "not_taken_back")),
        *("help.press", "help.hold"),
        *(f"screen.{what}" for what in _SCREEN),
    }
)
_FILLED_WHEN_SAID: Final = {
    "choice.face": {"number"},
    "help.hold": {"choice"},
    "scene.done": {"code"},
    "screen.way": {"step", "steps"},
}
_PLACE: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What differs between organisations. `days` is how long a report is kept. Raises SettingsError."""

    ngo: str
    telephone: str
    days: int

    def __post_init__(self) -> None:
        if not self.ngo.strip() or not self.telephone.strip() or self.days < 1:
            raise SettingsError(
                "The notice lacks the organisation's name, its telephone, or how many days a report is kept.",
                next_step="Give all three: nobody can agree to a picture without knowing who keeps it and how long.",
            )
        if not (self.ngo + self.telephone).isprintable() or set("{}") & set(self.ngo + self.telephone):
            raise SettingsError(
                "The organisation's name or telephone holds a line break, a brace, or something that can't be printed.",
                next_step="Write both as they are to be said and read.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is said in one language.

    `id` is the notice's, the same in all languages but those with ordered words. `sha256` is the SHA-256 of the notice
    and its questions: of the UTF-8 of one line `key TAB words LF` for each, in the order of the keys. `name` is the
    language's own name, `texts` all words by key. `needs_a_native_reader` tells that a machine wrote them and nobody
    has read them yet.
    """

    id: str
    language: str
    name: str
    direction: Direction
    needs_a_native_reader: bool
    sha256: bytes
    texts: Mapping[str, str]

    def text(self, key: str, **values: str) -> str:
        """Give the words of `key`, with `values` in the places that are filled when they are said."""
        return _PLACE.sub(lambda place: values[place[1]], self.texts[key])


def load(language: str, facts: Facts, ordered: OrderedNotice | None = None) -> Notice:
    """Give the words of `language`, with the notice in the words that were `ordered` for it.

    Raises SettingsError when there are none, not all, or more than the screen has room for.
    """
    if language not in languages.codes():
        raise SettingsError(
            f"There are no words for the language {language!r}.",
            next_step=f"Choose among {', '.join(languages.codes())}, or add a catalogue (see CONTRIBUTING.md).",
        )
    known = languages.words(language)
    if ordered is None or language not in ordered.words:
        return of_words(language, known, facts)
    words = {f"notice.{sentence}": getattr(ordered.words[language], sentence) for sentence in NOTICE}
    _check_room(language, words, known)
    return of_words(language, {**known, **words}, facts, ordered.id)


def check_ordered(ordered: OrderedNotice, facts: Facts) -> None:
    """Raise SettingsError for a notice that can't be said here: in any of its languages, offered or not."""
    if ordered.id == NOTICE_ID:
        raise SettingsError(
            f"The notice that was ordered calls itself {NOTICE_ID}, as the one does that this kiosk came with.",
            next_step="Give it an id of its own: records tell by it which words were said.",
        )
    for language in ordered.words:
        load(language, facts, ordered)


def _check_room(language: str, words: Mapping[str, str], known: Mapping[str, str]) -> None:
    long, most = (sum(len(text[key]) for key in words) for text in (words, known))
    if long > most * _ROOM:
        raise SettingsError(
            f"The notice that was ordered in {language!r} has {long} characters; {int(most * _ROOM)} have room.",
            next_step="Write it shorter: it stands on the screen whole, beside the first question.",
        )


def of_words(language: str, words: Mapping[str, str], facts: Facts, identifier: str = NOTICE_ID) -> Notice:
    """Make a notice of all its words by key. Raises SettingsError when one is missing, or one too many."""
    known = {"ngo": facts.ngo, "telephone": facts.telephone, "days": str(facts.days)}
    wrong = sorted(_wrong(words, known.keys()))
    if wrong:
        raise SettingsError(
            f"The words in {language!r} can't be used: {'; '.join(wrong)}.",
            next_step="Translate them in its catalogue, and run `make words`.",
        )
    texts = {key: _PLACE.sub(lambda p: known.get(p[1], p[0]), " ".join(text.split())) for key, text in words.items()}
    return Notice(
        id=identifier,
        language=language,
        name=texts["language.name"],
        direction="rtl" if texts["language.direction"] == "rtl" else "ltr",
        needs_a_native_reader=texts["language.reader"] == NEEDS_A_READER,
        sha256=_sha256(texts),
        texts=MappingProxyType(texts),
    )


def _wrong(words: Mapping[str, str], known: AbstractSet[str]) -> Iterator[str]:
    """Say everything that is wrong with a notice, so that it can be put right in one go."""
    if words.get("language.direction", "ltr") not in get_args(Direction):
        yield "language.direction is neither ltr nor rtl"
    yield from (f"{key} is missing" for key in _KEYS - words.keys())
    yield from (f"{key} is unknown" for key in words.keys() - _KEYS)
    for key in _KEYS & words.keys():
        text = words[key]
        if not text.strip():
            yield f"{key} has no words"
        elif set(_PLACE.findall(text)) - known != _FILLED_WHEN_SAID.get(key, set()):
            yield f"{key} lacks a place to fill in, or has an unknown one"


def _sha256(texts: Mapping[str, str]) -> bytes:
    lines = (f"{key}\t{texts[key]}\n" for key in sorted(texts) if key.startswith(_HASHED))
    return hashlib.sha256("".join(lines).encode()).digest()
