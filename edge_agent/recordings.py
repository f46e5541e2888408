"""The recordings of one kiosk: one WAV file for each sentence that it can say, in a folder for each language.

`homeward-kiosk voices` lets espeak-ng make those that are missing, with this organisation's name and telephone in
them. A person's voice is better: a recording with the same name takes a file's place. `words.json` notes which words
each file says, and which files are the machine's own: no recording is written over, and none outlives its words.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import wave
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.files import PUBLIC, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from edge_agent.session.speech import Sentence

    Samples = npt.NDArray[np.int16]

RATE_HZ: Final = 22_050
_SAMPLE_BYTES: Final = 2
_SILENT: Final = 200  # of 32,767: what never passes it is nothing that anybody hears
_LIST: Final = "words.json"
_PROGRAM: Final = "espeak-ng"
_WORDS_PER_MINUTE: Final = {"zh": "200"}  # espeak-ng takes each of Chinese's syllables for a word
_CALM: Final = "135"
_SOFTLY: Final = "60"  # espeak-ng's own loudness (100 if not told) clips some sounds
_LOUDNESS: Final = 10 ** (-21 / 20)  # of full scale, while something is said: alike in every language
_PEAK: Final = 10 ** (-1 / 20)
_MOMENT: Final = RATE_HZ // 40
_QUIET: Final = 0.01  # of the loudest moment's power: a pause
_PATIENCE_S: Final = 60.0
_VOICES: Final = {"zh": "cmn", "en": "en-gb"}  # espeak-ng's names, where they are not the language's code
_FORM: Final = f"{RATE_HZ} Hz, one channel, 16 bit"
_AS_SOX: Final = f"Convert it: sox YOURS.wav -r {RATE_HZ} -c 1 -b 16 THIS.wav"


_Hash = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")]


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which words a file says, and the SHA-256 of what the machine made of them, or of a person's recording of them."""

    words: str
    made: _Hash
    recorded: _Hash = ""


class Recordings:
    """The recordings in one folder. Raises VoiceError for what can't be used, naming the file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sentence: Sentence) -> Path:
        """Name the file that says a sentence."""
        return self._folder / sentence.language / f"{sentence.key}.wav"

    def samples(self, sentence: Sentence) -> Samples:
        """Load what says a sentence: 16-bit samples at `RATE_HZ`, one channel."""
        path = self.path(sentence)
        try:
            with wave.open(str(path), "rb") as file:
                form = file.getframerate(), file.getnchannels(), file.getsampwidth()
                content = file.readframes(file.getnframes())
        except FileNotFoundError:
            raise VoiceError(f"{path} is not there", next_step="Run `homeward-kiosk voices`, or record it.") from None
        except (OSError, EOFError, wave.Error) as fault:
            raise VoiceError(f"{path} is no WAV file: {fault}", next_step=_AS_SOX) from fault
        if form != (RATE_HZ, 1, _SAMPLE_BYTES):
            raise VoiceError(f"{path} is not {_FORM}", next_step=_AS_SOX)
        samples = np.frombuffer(content, dtype="<i2")
        if not samples.size or int(np.abs(samples.astype(np.int32)).max()) < _SILENT:
            raise VoiceError(
                f"{path} says nothing", next_step="Record it again, or delete it and run `homeward-kiosk voices`."
            )
        return samples

    def problems(self, sentences: Iterable[Sentence]) -> Iterator[VoiceError]:
        """Find every sentence that can't be heard, and every recording that says other words than are meant now."""
        said = self._read_list()
        for sentence in sentences:
            try:
                self.samples(sentence)
            except VoiceError as fault:
                yield fault
                continue
            known = said.get(self._name(sentence))
            if known is None or known.words != sentence.words:
                meant = f"{self.path(sentence)} was not recorded for the words that are meant now: {sentence.words}"
                yield VoiceError(meant, next_step="Run `homeward-kiosk voices`.")

    def make(self, sentences: Iterable[Sentence]) -> Iterator[VoiceError]:
        """Let espeak-ng say what is missing, and say anew what has other words now; give what a person must do.

        A person's recording is taken to say the words that are meant when it is first met here. When other words are
        meant later, it is put aside under a name of its words, and comes back when they are meant again. One that was
        never met while its words were meant is told: nobody knows which words it says.
        Raises VoiceError when espeak-ng is not there or can't speak a language.
        """
        said = self._read_list()
        for sentence in sentences:
            name, path = self._name(sentence), self.path(sentence)
            known = said.get(name)
            here = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
            if here and (known is None or known.words == sentence.words):
                if known is None or here != known.made:
                    said[name] = _Said(sentence.words, "", here)
                continue
            if here and known is not None and here not in {known.made, known.recorded}:
                recorded = f"{path} is somebody's recording, and not of the words that are meant now: {sentence.words}"
                yield VoiceError(
                    recorded, next_step="Record it anew, or delete it and run `homeward-kiosk voices` again."
                )
                continue
            if here and known is not None and here == known.recorded != known.made:
                path.rename(_aside(path, known.words))
            waiting = _aside(path, sentence.words)
            if waiting.exists():
                said[name] = _Said(sentence.words, "", hashlib.sha256(waiting.read_bytes()).hexdigest())
                path.unlink(missing_ok=True)
                self._write_list(said)
                waiting.rename(path)
            else:
                content = _spoken(sentence)
                said[name] = _Said(sentence.words, hashlib.sha256(content).hexdigest())
                path.parent.mkdir(parents=True, exist_ok=True)
                # In this order, so that the power may go at any moment: a file is on the list before it is there.
                path.unlink(missing_ok=True)
                self._write_list(said)
                write_whole(path, content, mode=PUBLIC, replace=True)
        self._write_list(said)

    def _name(self, sentence: Sentence) -> str:
        return f"{sentence.language}/{sentence.key}"

    def _write_list(self, said: dict[str, _Said]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        content = msgspec.json.format(msgspec.json.encode(dict(sorted(said.items()))), indent=1) + b"\n"
        write_whole(self._folder / _LIST, content, mode=PUBLIC, replace=True)

    def _read_list(self) -> dict[str, _Said]:
        path = self._folder / _LIST
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, _Said])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as fault:
            raise VoiceError(
                f"{path} can't be read: {fault}", next_step="Delete it and run `homeward-kiosk voices`."
            ) from fault


def _aside(path: Path, words: str) -> Path:
    """Where a person's recording of these words waits until they are meant again."""
    return path.with_name(f"{path.stem}.{hashlib.sha256(words.encode()).hexdigest()[:16]}.wav")


def _spoken(sentence: Sentence) -> bytes:
    """Let espeak-ng say a sentence; return the WAV file."""
    latin = len(sentence.words) == 1 and sentence.words.isalpha()  # a symbol of the code: not every voice knows it
    voice = _VOICES["en"] if latin else _VOICES.get(sentence.language, sentence.language)
    pace = _WORDS_PER_MINUTE.get(sentence.language, _CALM)
    command = [_PROGRAM, "-v", voice, "-s", pace, "-a", _SOFTLY, "--stdin", "--stdout"]
    try:
        done = subprocess.run(
            command, input=sentence.words.encode(), capture_output=True, check=False, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise VoiceError(
            f"{_PROGRAM} can't be run: {fault}", next_step="Install it (Debian: espeak-ng), or record all sentences."
        ) from fault
    if done.returncode != 0 or not done.stdout:
        raise VoiceError(
            f"{_PROGRAM} can't speak {sentence.language!r}: {done.stderr.decode(errors='replace').strip()[:200]}",
            next_step="Record this language's sentences.",
        )
    return wav(_leveled(_samples(done.stdout)))


def _samples(streamed: bytes) -> Samples:
    """Take the samples out of a WAV that was written into a pipe, whose head could not know their number."""
    start = streamed.index(b"data") + 8
    content = streamed[start:]
    return np.frombuffer(content[: len(content) // _SAMPLE_BYTES * _SAMPLE_BYTES], dtype="<i2")


def _leveled(samples: Samples) -> Samples:
    """Give samples the loudness that all have, so that no language is harder to hear than another; nothing clips."""
    full = np.iinfo(np.int16).max
    whole = samples / full
    power = np.square(whole[: whole.size // _MOMENT * _MOMENT].reshape(-1, _MOMENT)).mean(axis=1)
    if not power.size or not power.max():
        return samples  # nothing is said: whoever checks the file says so
    loud = float(np.sqrt(power[power > power.max() * _QUIET].mean()))
    gain = min(_LOUDNESS / loud, _PEAK / float(np.abs(whole).max()))
    leveled: Samples = np.rint(whole * gain * full).astype(np.int16)
    return leveled


def wav(samples: Samples) -> bytes:
    """Write samples as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(_SAMPLE_BYTES)
        out.setframerate(RATE_HZ)
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
