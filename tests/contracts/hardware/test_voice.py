"""A voice begins at once, falls silent at once, and says when nobody can hear it: ALSA's player, and the simulated."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_agent.errors import VoiceError
from edge_agent.hardware.simulated import SimulatedVoice
from edge_agent.hardware.voice import AlsaVoice
from edge_agent.recordings import RATE_HZ, Recordings, wav
from edge_agent.session.speech import Sentence
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.ports import Voice

HELLO = Sentence(language="en", key="hello", words="Hello")
NOBODY = Sentence(language="en", key="nobody", words="Nobody has recorded this")


def record(folder: Path, seconds: float = 0.2) -> Recordings:
    """A recording of a tone, as loud as can be."""
    tone = (32_767 * np.sin(np.arange(round(seconds * RATE_HZ)) / 20)).astype(np.int16)
    path = folder / "en" / "hello.wav"
    path.parent.mkdir(parents=True)
    path.write_bytes(wav(tone))
    return Recordings(folder)


class Loudspeaker:
    """A device of ALSA's own that plays into a pipe: it takes sound as slowly as somebody listens."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pipe = folder / "sound"
        os.mkfifo(self._pipe)
        (folder / "asound.conf").write_text(
            f'pcm.pipe {{ type file; slave.pcm null; file "{self._pipe}"; format raw }}\n', encoding="utf-8"
        )
        monkeypatch.setenv("ALSA_CONFIG_PATH", f"/usr/share/alsa/alsa.conf:{folder / 'asound.conf'}")
        self.heard = b""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take in everything that is played, until the player has ended."""

        def listen() -> None:
            with self._pipe.open("rb") as sound:
                self.heard += sound.read()

        listener = threading.Thread(target=listen)
        listener.start()
        yield
        listener.join()


@pytest.fixture(params=["simulated", "alsa"])
def voice(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Voice]:
    """A voice that is never done by itself: nobody listens to its pipe."""
    if request.param == "simulated":
        made: Voice = SimulatedVoice(pace_s=1e6)
    else:
        Loudspeaker(tmp_path, monkeypatch)
        made = AlsaVoice(record(tmp_path / "voices"), "pipe", 80)
    yield made
    made.close()


def test_it_is_busy_from_the_moment_it_is_told(voice):
    assert not voice.busy()
    voice.say([HELLO])
    assert voice.busy()


@pytest.mark.red_line(13)
def test_it_falls_silent_at_once(voice):
    voice.say([HELLO])
    voice.say([])
    assert not voice.busy()
    voice.say([HELLO])
    voice.close()
    assert not voice.busy()
    voice.close()


def test_what_is_new_takes_the_place_of_what_was_being_said(voice):
    voice.say([HELLO])
    voice.say([HELLO, HELLO])
    assert voice.busy()


@pytest.mark.parametrize("made", [SimulatedVoice, lambda: None], ids=["simulated", "alsa"])
def test_it_is_done_when_all_is_said(made, tmp_path):
    voice = made() or AlsaVoice(record(tmp_path), "null", 80)
    voice.say([HELLO])
    until(lambda: not voice.busy(), "it to have said everything")
    voice.check([])


def test_what_is_played_is_the_recording_as_loud_as_settings_say(tmp_path, monkeypatch):
    loudspeaker = Loudspeaker(tmp_path, monkeypatch)
    voice = AlsaVoice(record(tmp_path / "voices"), "pipe", 25)
    with loudspeaker.listening():
        voice.say([HELLO])
        until(lambda: not voice.busy(), "it to have said everything")
    heard = np.frombuffer(loudspeaker.heard[: len(loudspeaker.heard) // 2 * 2], dtype="<i2")
    assert heard.max() == 32_767 * 25 // 100
    assert heard.size >= round((0.2 + HELLO.pause_s) * RATE_HZ)


@pytest.mark.red_line(12)
def test_an_output_that_is_not_there_is_told(tmp_path):
    voice = AlsaVoice(record(tmp_path), "nowhere", 80)
    with pytest.raises(VoiceError, match="'nowhere'") as fault:
        voice.check([])
    assert "aplay -L" in fault.value.next_step
    voice.say([HELLO])
    with pytest.raises(VoiceError, match="'nowhere'"):
        until(lambda: not voice.busy(), "it to fail")
    assert not voice.busy()


@pytest.mark.red_line(12)
def test_a_sentence_without_a_recording_is_not_passed_over(tmp_path):
    voice = AlsaVoice(record(tmp_path), "null", 80)
    with pytest.raises(VoiceError, match=r"nobody\.wav is not there"):
        voice.say([HELLO, NOBODY])
    assert not voice.busy()
    with pytest.raises(VoiceError, match=r"nobody\.wav"):
        voice.check([NOBODY])


def test_a_machine_without_a_player_says_what_to_install(tmp_path, monkeypatch):
    voice = AlsaVoice(record(tmp_path), "null", 80)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VoiceError) as fault:
        voice.say([HELLO])
    assert "alsa-utils" in fault.value.next_step
