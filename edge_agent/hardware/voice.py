"""A loudspeaker or headphones, through ALSA's own player: one process for what is said now, ended to cut it off."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.recordings import RATE_HZ, wav

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge_agent.recordings import Recordings
    from edge_agent.session.speech import Sentence

_PROGRAM: Final = "aplay"
_PATIENCE_S: Final = 5.0


class AlsaVoice:
    """Plays recordings on an ALSA device; `volume` in per cent of their own loudness.

    What is said lies in memory for the player, in no file.
    """

    def __init__(self, recordings: Recordings, output: str, volume: int) -> None:
        self._recordings = recordings
        self._output = output
        self._volume = volume
        self._player: subprocess.Popen[bytes] | None = None

    def say(self, sentences: Sequence[Sentence]) -> None:
        """Fall silent at once, then begin to say these; return without waiting."""
        self.close()
        if not sentences:
            return
        parts = []
        for sentence in sentences:
            parts.append(self._recordings.samples(sentence))
            parts.append(np.zeros(round(sentence.pause_s * RATE_HZ), dtype=np.int16))
        loud = np.concatenate(parts).astype(np.int32) * self._volume // 100
        self._player = self._play(wav(loud.astype(np.int16)))

    def busy(self) -> bool:
        """Whether it is still speaking."""
        if self._player is None:
            return False
        status = self._player.poll()
        if status is None:
            return True
        complaint = self._player.stderr.read() if self._player.stderr else b""
        self.close()
        if status != 0:
            raise _unheard(self._output, complaint.decode(errors="replace").strip()[:200])
        return False

    def close(self) -> None:
        """Fall silent."""
        player, self._player = self._player, None
        if player is None:
            return
        player.kill()
        player.wait()
        if player.stderr:
            player.stderr.close()

    def check(self, sentences: Iterable[Sentence]) -> None:
        """Raise VoiceError unless there is a recording of each, and the output takes a moment of silence."""
        for problem in self._recordings.problems(sentences):
            raise problem
        player = self._play(wav(np.zeros(RATE_HZ // 20, dtype=np.int16)))
        try:
            _, complaint = player.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired as fault:
            player.kill()
            player.communicate()
            raise _unheard(self._output, "it does not take what is played") from fault
        if player.returncode != 0:
            raise _unheard(self._output, complaint.decode(errors="replace").strip()[:200])

    def _play(self, content: bytes) -> subprocess.Popen[bytes]:
        memory = os.memfd_create("said", os.MFD_CLOEXEC)
        try:
            os.write(memory, content)
            os.lseek(memory, 0, os.SEEK_SET)
            return subprocess.Popen(
                [_PROGRAM, "-q", "-D", self._output, "-"],
                stdin=memory,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except OSError as fault:
            raise VoiceError(
                f"{_PROGRAM} can't be run: {fault}", next_step="Install it (Debian: alsa-utils)."
            ) from fault
        finally:
            os.close(memory)


def _unheard(output: str, complaint: str) -> VoiceError:
    return VoiceError(
        f"nothing can be heard through the output {output!r}: {complaint}",
        next_step="See `aplay -L` for the outputs there are, and set voice.output.",
    )
