"""From a scene to what stands on the page: words, pictograms, and where each of them belongs. Pure.

The page adds nothing to it: it has no words of its own, and decides only how large things are.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from edge_agent.ports import Outline
from edge_agent.session.consent import Purpose, Who
from edge_agent.session.notice import NOTICE
from edge_agent.session.scene import LANTERNS, Act, Choice, Face, Language, Say, Scene
from edge_agent.session.speech import label, spoken, statement
from edge_agent.session.table import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_agent.session.notice import Notice
    from edge_agent.session.speech import Notices, Sentence

_LINES: Final = 2  # of the large type
_LINE: Final = 44  # narrow letters in one of them, where nothing stands beside
_LINE_BESIDE: Final = 24
_LINE_BY_THE_WINDOW: Final = 28  # which is the narrowest of what stands beside
_LINE_AT_REST: Final = 36  # its type is smaller: three languages stand there
_SENTENCE: Final = re.compile(
    r".+?(?:[.?!\N{ARABIC QUESTION MARK}](?=\s|$)"
    r"|[\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH QUESTION MARK}\N{FULLWIDTH EXCLAMATION MARK}]|$)\s*",
    re.DOTALL,
)

_NEW: Final = "enrolling"  # the code of a kiosk that can't take a report because it is not in service yet
_DARK: Final = frozenset({Stage.REST, Stage.FRAMING, Stage.CHOOSING, Stage.REVIEW})
_WINDOW: Final = frozenset(
    {Stage.REST, Stage.NOTHING_KEPT, Stage.TAKEN_BACK, Stage.CANNOT}
)  # who says no is as welcome as before
_POINTS: Final = dict(zip(NOTICE, ("eye", "search", "calendar", "back", "free"), strict=True))
_SAID_BESIDE: Final = frozenset({Say.NOTHING_CHOSEN, Say.LET_GO, Say.NOT_TAKEN_BACK})
_SIGNS: Final = {
    Stage.LANGUAGE: "language",
    Stage.WHO: "people",
    Stage.SEALING: "lock",
    Stage.TAKEN_BACK: "back",
    Stage.NOTHING_KEPT: "nothing",
    Stage.CANNOT: "cannot",
}
_PURPOSE_SIGNS: Final = {
    Purpose.TRACING: "search",
    Purpose.PARTNERS: "partners",
    Purpose.PUBLIC_APPEAL: "poster",
}


class Words(msgspec.Struct, frozen=True):
    """Words, the language that they are in, and its direction."""

    lang: str
    dir: str
    words: str


class Said(msgspec.Struct, frozen=True):
    """What is said in one language: `large` first, then the rest."""

    large: Words
    small: Words | None


class Point(msgspec.Struct, frozen=True):
    """One sentence of the notice, with its pictogram."""

    sign: str
    words: Words


class Option(msgspec.Struct, frozen=True):
    """One choice, in each language in which it is said now, and what to show while it is lit.

    `minor` ones are the same in every scene. `outlined` is the place of its face among the outlines, -1 for none.
    """

    sign: str
    words: tuple[Words, ...]
    hold: tuple[Words, ...]
    minor: bool
    outlined: int


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All of a scene that can be seen, but which choice is lit, how full the ring is, and the pixels."""

    stage: Stage
    lang: str
    dir: str
    dark: bool
    sign: str
    said: tuple[Said, ...]
    before: tuple[Words, ...]  # said before the notice: to the adult beside a child
    points: tuple[Point, ...]
    options: tuple[Option, ...]
    press: tuple[Words, ...]
    aside: tuple[Words, ...]
    aside_sign: str
    lanterns: int
    lantern: int
    way: Words
    seeing: bool
    camera: tuple[Words, ...]
    window: str  # with its lantern lit or dark, or none
    picture: str
    picture_label: Words
    oval: Outline | None
    outlines: tuple[Outline, ...]
    code: str
    code_label: Words
    code_squares: tuple[str, ...]  # rows of a QR, '1' for dark
    lost: tuple[Words, ...]


def unlit(scene: Scene, say: Say) -> tuple[Scene, Say]:
    """Give what a view hangs on: it stays the same while presses move the light and holds fill the ring."""
    return replace(scene, lit=0, hold=0.0), say if say in _SAID_BESIDE else Say.SCENE


def view(
    scene: Scene,
    say: Say,
    notices: Notices,
    *,
    oval: Outline,
    faces: Sequence[Outline] = (),
    squares: Sequence[str] = (),
) -> View:
    """Lay out a scene. `oval` is where a face should be, `faces` are those found, in the order of their choices.

    `squares` is the receipt code as a QR: one string for each row.
    """
    heard = tuple(notices.values()) if scene.language is None else (notices[scene.language],)
    first = heard[0]
    whole = [_statement(scene, notice) for notice in heard]
    points, before = _points(whole[0], first)
    choices = () if scene.warning else scene.choices  # any gesture answers a warning, and chooses nothing
    kind = _picture(scene)
    return View(
        stage=scene.stage,
        lang=first.language,
        dir=first.direction,
        dark=scene.stage in _DARK,
        sign=_sign(scene),
        said=tuple(_said(sentences[-1], notice, _line(scene)) for sentences, notice in zip(whole, heard, strict=True)),
        before=before,
        points=points,
        options=tuple(_option(replace(scene, lit=place), heard, notices) for place in range(len(choices))),
        press=tuple(_in(notice, "help.press") for notice in heard) if choices else (),
        aside=_aside(scene, say, notices),
        aside_sign=_aside_sign(scene, say),
        lanterns=LANTERNS,
        lantern=scene.lantern,
        way=_in(first, "screen.way", step=str(scene.lantern), steps=str(LANTERNS)),
        seeing=scene.camera_on,
        camera=tuple(_in(notice, f"screen.camera_{'on' if scene.camera_on else 'off'}") for notice in heard),
        window=_window(scene),
        picture=kind,
        picture_label=_in(first, f"screen.{kind or 'mirror'}"),
        oval=oval if kind in {"mirror", "faces"} else None,
        outlines=tuple(faces) if kind == "faces" else (),
        code=scene.receipt_code,
        code_label=_in(first, "screen.code"),
        code_squares=tuple(squares) if scene.receipt_code else (),
        lost=tuple(_in(notice, "screen.lost") for notice in heard),
    )


def waiting(words: str, notices: Notices, *, oval: Outline) -> View:
    """Lay out what is there before the kiosk is enrolled: the six words for staff, once there are any."""
    resting = view(
        Scene(stage=Stage.REST, language=None, choices=(), lit=0, code=_NEW), Say.NOTHING, notices, oval=oval
    )
    if not words:
        return resting
    told = (_said(notice.text("screen.six_words"), notice, _LINE) for notice in notices.values())
    return msgspec.structs.replace(resting, said=(*told, Said(Words("en", "ltr", words), None)))


def _statement(scene: Scene, notice: Notice) -> tuple[str, ...]:
    return (notice.text(f"say.{Say.WARNING}"),) if scene.warning else statement(scene, notice)


def _window(scene: Scene) -> str:
    if scene.warning or scene.stage not in _WINDOW:
        return ""
    return "dark" if scene.code and scene.stage in {Stage.REST, Stage.CANNOT} else "lit"


def _sign(scene: Scene) -> str:
    if scene.warning:
        return "clock"
    return _PURPOSE_SIGNS[scene.question.purpose] if scene.question else _SIGNS.get(scene.stage, "")


def _points(sentences: Sequence[str], notice: Notice) -> tuple[tuple[Point, ...], tuple[Words, ...]]:
    """Tell the notice's sentences, each with its pictogram, from what goes before them."""
    before, points = sentences[: -1 - len(NOTICE)], sentences[-1 - len(NOTICE) : -1]
    if not points:
        return (), ()
    signs = zip(_POINTS.values(), points, strict=True)
    return (
        tuple(Point(sign, _words(notice, words)) for sign, words in signs),
        tuple(_words(notice, words) for words in before),
    )


def _line(scene: Scene) -> int:
    if scene.stage is Stage.REST:
        return _LINE_AT_REST if scene.code else _LINE
    if _window(scene):
        return _LINE_BY_THE_WINDOW
    return _LINE_BESIDE if _picture(scene) or scene.receipt_code else _LINE


def _said(words: str, notice: Notice, line: int) -> Said:
    """Put into the large type as many whole sentences as fit two lines; at least one, and never a part of one.

    A sentence of more than one line has its lines for itself, as on the page.
    """
    large, small = "", ""
    lines, left = 0, 0
    for sentence in _SENTENCE.findall(words):
        width = _width(sentence.rstrip())
        if width > left:
            lines, left = lines + math.ceil(width / line), line if width <= line else 0
        left -= _width(sentence)
        if not small and (not large or lines <= _LINES):
            large += sentence
        else:
            small += sentence
    return Said(_words(notice, large.strip()), _words(notice, small.strip()) if small.strip() else None)


def _width(words: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in words)


def _option(lit: Scene, heard: Sequence[Notice], notices: Notices) -> Option:
    """Lay out the choice that is lit."""
    choice = lit.lit_choice
    assert choice is not None, "there are choices"
    said = (notices[choice.code],) if isinstance(choice, Language) else heard
    return Option(
        sign=_option_sign(choice),
        words=tuple(_words(notice, label(choice, notice, notices)) for notice in said),
        hold=_sentences(spoken(lit, Say.CHOICE, notices), notices),
        minor=choice in {Act.AGAIN, Act.STOP},
        outlined=choice.index if isinstance(choice, Face) else -1,
    )


def _option_sign(choice: Choice) -> str:
    match choice:
        case Language():
            return "language"
        case Face():
            return "face"
        case Who() | Act():
            return choice.value
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(choice)


def _picture(scene: Scene) -> str:
    match scene.stage:
        case Stage.FRAMING:
            return "mirror"
        case Stage.CHOOSING:
            return "faces"
        case Stage.REVIEW:
            return "portrait"
        case _:
            return ""


def _aside(scene: Scene, say: Say, notices: Notices) -> tuple[Words, ...]:
    """Give the one thing that is said beside: what has just happened to a hold, or advice."""
    if scene.warning:
        return ()
    if say in _SAID_BESIDE:
        return _sentences(spoken(scene, say, notices), notices)
    if scene.guidance is not None and not scene.taking:
        return _sentences(spoken(scene, Say.GUIDANCE, notices), notices)
    return ()


def _aside_sign(scene: Scene, say: Say) -> str:
    if say is Say.NOT_TAKEN_BACK:
        return "back"
    if say in {Say.NOTHING_CHOSEN, Say.LET_GO}:
        return "hold"
    return str(scene.guidance or "")


def _sentences(sentences: Sequence[Sentence], notices: Mapping[str, Notice]) -> tuple[Words, ...]:
    return tuple(_words(notices[sentence.language], sentence.words) for sentence in sentences)


def _in(notice: Notice, key: str, **values: str) -> Words:
    return _words(notice, notice.text(key, **values))


def _words(notice: Notice, words: str) -> Words:
    return Words(notice.language, notice.direction, words)
