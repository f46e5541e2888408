"""What is said in a scene: by the voice aloud, by the screen in writing.

Each sentence has a key, by which a recording of it is found. All that a kiosk can ever say is finite (`all_sentences`):
its own name and telephone are in its sentences, and the receipt code is said symbol by symbol.

`notices` maps the offered languages, in their order, to their words. Until somebody has chosen a language, everything
is said in each of them in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from edge_agent.errors import ScreenError, VoiceError
from edge_agent.session.consent import Party, Purpose, Who
from edge_agent.session.notice import NOTICE
from edge_agent.session.scene import Act, Choice, Face, Language, Say, Scene
from edge_agent.session.table import Stage
from edge_agent.wire import receipt_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from edge_agent.session.notice import Notice

    Notices: TypeAlias = Mapping[str, Notice]


MOST_FACES: Final = 20
"""How many faces have a number that can be said."""

_AFTER_S: Final = 0.35
_AFTER_GROUP_S: Final = 0.9  # between groups of the code, for whoever writes it down


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """Words, the code of the language to say them in, their key, and how long to be silent after them (seconds)."""

    language: str
    key: str
    words: str
    pause_s: float = _AFTER_S


def spoken(scene: Scene, say: Say, notices: Notices) -> tuple[Sentence, ...]:
    """Give what is said now, in order."""
    match say:
        case Say.SCENE:
            return (
                *(one for notice in _heard(scene, notices) for one in _stated(scene, notice)),
                *(_in(notice, "help.press") for notice in _heard(scene, notices)),
                *_lit(scene, notices),
            )
        case Say.CHOICE:
            return _lit(scene, notices)
        case Say.GUIDANCE:
            return tuple(_in(notice, f"guidance.{scene.guidance}") for notice in _heard(scene, notices))
        case Say.WARNING | Say.NOTHING_CHOSEN | Say.LET_GO | Say.NOT_TAKEN_BACK:
            return tuple(_in(notice, f"say.{say}") for notice in _heard(scene, notices))
        case Say.NOTHING:
            return ()
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(say)


def statement(scene: Scene, notice: Notice) -> tuple[str, ...]:
    """Give what is happening, sentence by sentence. The notice goes before each person's first question."""
    return tuple(
        notice.text(key, code=scene.receipt_code) if key == _WITH_CODE else notice.text(key) for key in _keys(scene)
    )


def all_sentences(notices: Notices) -> Iterator[Sentence]:
    """Go through all that can be said in these languages, whatever happens: what there must be recordings of."""
    for notice in notices.values():
        for key in notice.texts:
            if key == _WITH_CODE:
                yield from _around_the_code(notice)
            elif not key.startswith(("language.", "choice.", "screen.")) and key != "help.hold":
                yield _in(notice, key)
        for choice in (*Act, *Who, *(Face(index) for index in range(MOST_FACES)), Language(notice.language)):
            yield _hold(choice, notice, notices)
        yield from (_symbol(symbol, notice) for symbol in receipt_code.ALPHABET)


def label(choice: Choice, notice: Notice, notices: Notices) -> str:
    """Give a choice's name in the language of `notice`; a language's, in that language itself."""
    match choice:
        case Language(code):
            return notices[code].name
        case Face(index):
            return notice.text("choice.face", number=str(index + 1))
        case Act() | Who():
            return notice.text(f"choice.{choice}")
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(choice)


_WITH_CODE: Final = "scene.done"
_CANNOT: Final = {ScreenError.code: "scene.cannot_screen", VoiceError.code: "scene.cannot_voice"}


def _keys(scene: Scene) -> tuple[str, ...]:  # noqa: PLR0911 - one line for each stage
    """Name what is happening, sentence by sentence."""
    match scene.stage:
        case Stage.CONSENT | Stage.PERMISSION:
            return _asked(scene)
        case Stage.CHOOSING:
            return ("scene.choosing_several" if scene.faces else "scene.choosing_none",)
        case Stage.FRAMING:
            return ("scene.taking" if scene.taking else "scene.framing",)
        case Stage.DONE:
            return (_WITH_CODE,)
        case Stage.NOTHING_KEPT:
            assert scene.ending is not None, "something has ended it"
            return (f"nothing_kept.{scene.ending.name.lower()}",)
        case Stage.REST:
            return ("scene.cannot" if scene.code else "scene.rest",)
        case Stage.CANNOT:
            return (_CANNOT.get(scene.code, "scene.cannot"),)
        case Stage.LANGUAGE | Stage.WHO | Stage.REVIEW | Stage.SEALING | Stage.TAKEN_BACK:
            return (f"scene.{scene.stage}",)
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(scene.stage)


def _asked(scene: Scene) -> tuple[str, ...]:
    assert scene.question is not None, "something is asked"
    purpose, party = scene.question.purpose, scene.question.party
    side = "subject" if party is Party.SUBJECT else "adult"
    question = f"question.{purpose}.{side}"
    if purpose is not Purpose.TRACING:
        return (question,)
    handing_over = ("scene.permission",) if side == "adult" else ()
    return (*handing_over, *(f"notice.{sentence}" for sentence in NOTICE), question)


def _stated(scene: Scene, notice: Notice) -> Iterator[Sentence]:
    if scene.stage is not Stage.DONE:
        yield from (_in(notice, key) for key in _keys(scene))
        return
    before, after = _around_the_code(notice)
    yield before
    for group in scene.receipt_code.split("-"):
        yield from (_symbol(symbol, notice) for symbol in group[:-1])
        yield _symbol(group[-1], notice, pause_s=_AFTER_GROUP_S)
    yield after


def _around_the_code(notice: Notice) -> tuple[Sentence, Sentence]:
    before, after = notice.texts[_WITH_CODE].split("{code}")
    return (
        Sentence(language=notice.language, key=f"{_WITH_CODE}.before", words=before.strip()),
        Sentence(language=notice.language, key=f"{_WITH_CODE}.after", words=after.strip(" .\u3002\u06d4")),
    )


def _symbol(symbol: str, notice: Notice, pause_s: float = _AFTER_S) -> Sentence:
    return Sentence(language=notice.language, key=f"code.{symbol}", words=symbol, pause_s=pause_s)


def _lit(scene: Scene, notices: Notices) -> tuple[Sentence, ...]:
    choice = scene.lit_choice
    if choice is None:
        return ()
    heard = (notices[choice.code],) if isinstance(choice, Language) else _heard(scene, notices)
    return tuple(_hold(choice, notice, notices) for notice in heard)


def _hold(choice: Choice, notice: Notice, notices: Notices) -> Sentence:
    match choice:
        case Language():
            name = "language"  # each is offered in itself
        case Face(index):
            name = f"face-{index + 1}"
        case Act() | Who():
            name = str(choice)
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(choice)
    words = notice.text("help.hold", choice=label(choice, notice, notices))
    return Sentence(language=notice.language, key=f"help.hold.{name}", words=words)


def _heard(scene: Scene, notices: Notices) -> tuple[Notice, ...]:
    return tuple(notices.values()) if scene.language is None else (notices[scene.language],)


def _in(notice: Notice, key: str) -> Sentence:
    return Sentence(language=notice.language, key=key, words=notice.text(key))
