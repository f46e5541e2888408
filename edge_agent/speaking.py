"""Says scenes aloud: what of them is new, in the words that are in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.errors import VoiceError
from edge_agent.session import speech
from edge_agent.session.table import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.ports import Voice
    from edge_agent.session.notice import Notice
    from edge_agent.session.scene import Say, Scene
    from edge_agent.session.speech import Notices


class Speaker:
    """A presenter with a voice. `notices` gives the words that are in force.

    Whatever is new cuts off what is being said: whoever knows the way needn't hear it out, and whoever doesn't chooses
    'say it again'.
    """

    def __init__(self, voice: Voice, notices: Callable[[], Notices]) -> None:
        self._voice = voice
        self._notices = notices
        self._speaking = False
        self._checked: tuple[Notice, ...] = ()
        self.fault: VoiceError | None = None
        """Why what was to be said could not be heard; None again once `check` has found nothing wrong."""

    @property
    def speaking(self) -> bool:
        """Whether something is being said."""
        return self._speaking

    def show(self, scene: Scene, say: Say) -> None:
        """Say what is new of a scene; at rest, fall silent."""
        sentences = speech.spoken(scene, say, self._notices())
        if not sentences and scene.stage is not Stage.REST:
            return
        try:
            self._voice.say(sentences)
        except VoiceError as fault:
            self.fault, self._speaking = fault, False
        else:
            self._speaking = bool(sentences)

    def has_finished(self) -> bool:
        """Whether it has fallen silent since it was asked last, having said everything."""
        if not self._speaking:
            return False
        try:
            self._speaking = self._voice.busy()
        except VoiceError as fault:
            self.fault, self._speaking = fault, False
            return False
        return not self._speaking

    def check(self) -> None:
        """Raise VoiceError when something could not be said and heard in the words that are in force."""
        notices = self._notices()
        words = tuple(notices.values())
        if self.fault is None and words == self._checked:
            return
        self._voice.check(speech.all_sentences(notices))
        self._checked, self.fault = words, None

    def close(self) -> None:
        """Fall silent."""
        self._voice.close()
        self._speaking = False
