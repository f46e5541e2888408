"""Somebody who can't see completes a session: by what the voice says and by the button, and by nothing else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import VoiceError
from edge_agent.ports import Edge
from edge_agent.session.table import Stage
from edge_agent.wire import withdrawal
from edge_agent.wire.consent import Purpose, Role
from tests.unit.device.test_display import Glass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge_agent.session.speech import Sentence
    from tests.unit.device.world import World

HOLD = "Hold: "
THINKS_S = 0.06  # longer than a contact chatters
ADULT = ["English", "Me, and I am 18 or older", "Yes", "Yes", "No", "Take the picture", "Send it"]
CHILD = [
    "English",
    "Me, a child, with somebody who works here",
    "Yes",
    "No",
    "No",
    "Yes",
    "Take the picture",
    "Send it",
]


class Listener:
    """Hears what is said, and knows nothing else. Understands English; wants things in an order, names them as the
    kiosk does; presses until it hears that a hold would choose the next of them, then holds."""

    def __init__(self, wants: Sequence[str], hold_s: float, speaks_s: float = 0.0) -> None:
        self._wants = list(wants)
        self._hold_s = hold_s
        self._speaks_s = speaks_s  # how long the voice takes for each sentence
        self._silent_at = 0.0
        self._edges: list[Edge] = []
        self._press()  # somebody told them: there is a button
        self.heard: list[str] = []
        self.hurried = False  # asked whether they are still there, in the middle of a sentence

    # -- The ear -------------------------------------------------------------------------------------------------------

    def say(self, sentences: Sequence[Sentence]) -> None:
        words = [one.words for one in sentences]
        warned = any(word.startswith("Are you still there?") for word in words)
        self.hurried |= warned and self.busy()
        self._silent_at = time.monotonic() + self._speaks_s * len(sentences)
        self.heard += words
        if not words or not words[-1].startswith(HOLD):
            in_another_language = self._wants[:1] == ["English"] and bool(words)
            if in_another_language or warned:
                self._press()
            return
        self._edges = [edge for edge in self._edges[:1] if not edge.down]  # what was not begun yet is thought over
        offered = words[-1].removeprefix(HOLD).rstrip(".")
        if self._wants and offered == self._wants[0]:
            del self._wants[0]
            self._hold()
        elif self._wants:
            self._press()

    def busy(self) -> bool:
        return time.monotonic() < self._silent_at

    def check(self, sentences: Iterable[Sentence]) -> None:
        assert all(one.words for one in sentences)

    # -- The finger ----------------------------------------------------------------------------------------------------

    def wait(self, timeout: float) -> Sequence[Edge]:
        time.sleep(min(timeout, 0.01))
        now = time.monotonic()
        come = [edge for edge in self._edges if edge.at <= now]
        self._edges = self._edges[len(come) :]
        return come

    def close(self) -> None: ...

    def _press(self) -> None:
        self._move(self._hold_s / 4)

    def _hold(self) -> None:
        self._move(self._hold_s + 0.1)

    def _move(self, seconds: float) -> None:
        down = max([time.monotonic(), self._silent_at, *(edge.at for edge in self._edges)]) + THINKS_S  # hears it out
        self._edges += [Edge(down, down=True), Edge(down + seconds, down=False)]

    @property
    def wrote_down(self) -> str:
        """The code, as it was heard symbol by symbol."""
        return "".join(words for words in self.heard if len(words) == 1)


def listen(world: World, wants: Sequence[str], **other: float) -> tuple[Listener, list[bytes]]:
    world.settings = world.speaking()
    somebody = Listener(wants, world.settings.pace.hold_s, **other)
    return somebody, world.meet(somebody, voice=somebody)


@pytest.mark.red_line(13)
def test_a_grown_up_who_can_not_see_sends_a_report_and_knows_the_code(world):
    somebody, (sealed,) = listen(world, [*ADULT, "Finish"])
    opened = world.open(sealed)
    assert opened.consent.allows(Purpose.TRACING)
    assert opened.consent.allows(Purpose.PARTNERS)
    assert not opened.consent.allows(Purpose.PUBLIC_APPEAL)
    assert opened.receipt_code.replace("-", "") == somebody.wrote_down
    assert world.witness.stages[-2:] == [Stage.DONE, Stage.REST]


@pytest.mark.red_line(13)
def test_a_child_who_can_not_see_and_the_adult_beside_are_asked_by_voice_alone(world):
    _, (sealed,) = listen(world, [*CHILD, "Finish"])
    assert world.open(sealed).consent.parties == {Role.DATA_SUBJECT, Role.STAFF}


@pytest.mark.red_line(13)
def test_who_can_not_see_takes_it_back_too(world):
    somebody, (only,) = listen(world, [*ADULT, "Take it back now", "Finish"])
    assert withdrawal.parse(only)
    assert any(words.startswith("Your picture is taken back.") for words in somebody.heard)


@pytest.mark.red_line(13)
def test_a_no_by_voice_alone_keeps_nothing(world):
    somebody, queued = listen(world, [*ADULT[:2], "No", "Finish"])
    assert queued == []
    assert "That is fine. Nothing is kept. You can come back whenever you like." in somebody.heard


@pytest.mark.red_line(12)
def test_the_whole_notice_was_said_in_the_words_whose_hash_is_in_the_record(world):
    somebody, (sealed,) = listen(world, [*ADULT, "Finish"])
    said = world.open(sealed).consent.notice
    words = world.words("en")
    assert said.sha256 == words.sha256
    notice = [text for key, text in words.texts.items() if key.startswith("notice.")]
    at = somebody.heard.index(notice[0])
    assert somebody.heard[at : at + len(notice)] == notice


@pytest.mark.red_line(13)
def test_nobody_is_hurried_while_the_voice_still_speaks(world):
    world.hurry(silence_s=1.0)  # the notice alone takes longer
    somebody, (sealed,) = listen(world, [*ADULT, "Finish"], speaks_s=0.2)
    assert not somebody.hurried
    assert world.open(sealed).receipt_code.replace("-", "") == somebody.wrote_down


@pytest.mark.red_line(12)
def test_a_voice_that_nobody_can_hear_ends_the_session_before_anything_is_kept(world):
    class Mute(Listener):
        def busy(self) -> bool:
            if any("18" in words for words in self.heard):
                raise VoiceError("the loudspeaker was pulled out")
            return super().busy()

        def check(self, sentences: Iterable[Sentence]) -> None:
            if self.heard:
                raise VoiceError("the loudspeaker is still out")

    world.settings = world.speaking()
    somebody = Mute([*ADULT, "Finish"], world.settings.pace.hold_s, 0.01)
    assert world.meet(somebody, voice=somebody) == []
    assert world.witness.stages[-1] is Stage.CANNOT
    assert "voice" in world.witness.codes
    assert world.words("en").text("scene.cannot_voice") in somebody.heard  # a loudspeaker that is back says so, too


@pytest.mark.red_line(2)
@pytest.mark.red_line(12)
@pytest.mark.parametrize("stage", [Stage.CONSENT, Stage.REVIEW])
def test_when_the_screen_is_gone_the_voice_says_so_and_nothing_is_kept(world, stage):
    world.settings = world.speaking()
    somebody = Listener([*ADULT, "Finish"], world.settings.pace.hold_s)
    glass = Glass(blind_in=stage)
    assert world.meet(somebody, eyes=glass, voice=somebody, display=glass) == []
    assert world.witness.stages[-2:] == [stage, Stage.CANNOT]
    assert world.words("en").text("scene.cannot_screen") in somebody.heard
