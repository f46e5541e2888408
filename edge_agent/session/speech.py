"""What is said in a scene: by the voice aloud, by the screen in writing.

`notices` maps the offered languages, in their order, to their words. Until somebody has chosen a language, everything
is said in each of them in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, assert_never

from edge_agent.session.consent import Party, Purpose, Who
from edge_agent.session.notice import NOTICE
from edge_agent.session.scene import Act, Choice, Face, Language, Say, Scene
from edge_agent.session.table import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_agent.session.notice import Notice

    Notices: TypeAlias = Mapping[str, Notice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """Words, and the code of the language to say them in."""

    language: str
    words: str


def spoken(scene: Scene, say: Say, notices: Notices) -> tuple[Sentence, ...]:
    """Give what is said now, in order."""
    match say:
        case Say.SCENE:
            return (
                *(_in(notice, words) for notice in _heard(scene, notices) for words in statement(scene, notice)),
                *(_in(notice, notice.text("help.press")) for notice in _heard(scene, notices)),
                *_lit(scene, notices),
            )
        case Say.CHOICE:
            return _lit(scene, notices)
        case Say.GUIDANCE:
            return tuple(_in(notice, notice.text(f"guidance.{scene.guidance}")) for notice in _heard(scene, notices))
        case Say.WARNING | Say.NOTHING_CHOSEN | Say.LET_GO | Say.NOT_TAKEN_BACK:
            return tuple(_in(notice, notice.text(f"say.{say}")) for notice in _heard(scene, notices))
        case Say.NOTHING:
            return ()
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(say)


def statement(scene: Scene, notice: Notice) -> tuple[str, ...]:  # noqa: PLR0911 - one line for each stage
    """Give what is happening, sentence by sentence. The notice goes before each person's first question."""
    match scene.stage:
        case Stage.CONSENT | Stage.PERMISSION:
            return _asked(scene, notice)
        case Stage.CHOOSING:
            return (notice.text("scene.choosing_several" if scene.faces else "scene.choosing_none"),)
        case Stage.FRAMING:
            return (notice.text("scene.taking" if scene.taking else "scene.framing"),)
        case Stage.DONE:
            return (notice.text("scene.done", code=scene.receipt_code),)
        case Stage.NOTHING_KEPT:
            assert scene.ending is not None, "something has ended it"
            return (notice.text(f"nothing_kept.{scene.ending.name.lower()}"),)
        case Stage.REST:
            return (notice.text("scene.cannot" if scene.code else "scene.rest"),)
        case Stage.LANGUAGE | Stage.WHO | Stage.REVIEW | Stage.SEALING | Stage.TAKEN_BACK | Stage.CANNOT:
            return (notice.text(f"scene.{scene.stage}"),)
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(scene.stage)


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


def _asked(scene: Scene, notice: Notice) -> tuple[str, ...]:
    assert scene.question is not None, "something is asked"
    purpose, party = scene.question.purpose, scene.question.party
    side = "subject" if party is Party.SUBJECT else "adult"
    question = notice.text(f"question.{purpose}.{side}")
    if purpose is not Purpose.TRACING:
        return (question,)
    handing_over = (notice.text("scene.permission"),) if side == "adult" else ()
    return (*handing_over, *(notice.text(f"notice.{sentence}") for sentence in NOTICE), question)


def _lit(scene: Scene, notices: Notices) -> tuple[Sentence, ...]:
    choice = scene.lit_choice
    if choice is None:
        return ()
    heard = (notices[choice.code],) if isinstance(choice, Language) else _heard(scene, notices)
    return tuple(_in(notice, notice.text("help.hold", choice=label(choice, notice, notices))) for notice in heard)


def _heard(scene: Scene, notices: Notices) -> tuple[Notice, ...]:
    return tuple(notices.values()) if scene.language is None else (notices[scene.language],)


def _in(notice: Notice, words: str) -> Sentence:
    return Sentence(language=notice.language, words=words)
