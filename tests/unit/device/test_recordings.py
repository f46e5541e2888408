"""Recordings: espeak-ng makes what nobody has recorded, no person's voice is written over, none outlives its words."""

from __future__ import annotations

import contextlib
import itertools
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edge_agent.recordings as module
from edge_agent.errors import VoiceError
from edge_agent.recordings import RATE_HZ, Recordings, wav
from edge_agent.session import notice, speech
from edge_agent.session.speech import Sentence

FACTS = notice.Facts(ngo="Lantern House", telephone="+1 555 0100", days=180)
NO = Sentence(language="en", key="help.hold.no", words="Hold: No.")
YES = Sentence(language="en", key="help.hold.yes", words="Hold: Yes.")
IN_UYGHUR = Sentence(language="ug", key="choice", words="ياق")
TONE = wav((9000 * np.sin(np.arange(4000) / 20)).astype(np.int16))


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path / "voices")


def put(recordings: Recordings, sentence: Sentence, content: bytes) -> None:
    path = recordings.path(sentence)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def told(recordings: Recordings, *sentences: Sentence) -> list[str]:
    return [problem.explain() for problem in recordings.problems(sentences)]


@pytest.mark.red_line(12)
@pytest.mark.parametrize("language", ["en", "ug", "zh"])
def test_every_sentence_of_a_language_is_made_and_can_be_heard(recordings, language):
    sentences = list(speech.all_sentences({language: notice.load(language, FACTS)}))
    assert list(recordings.make(sentences)) == []
    assert told(recordings, *sentences) == []
    seconds = {one.key: recordings.samples(one).size / RATE_HZ for one in sentences}
    assert min(seconds.values()) > 0.1
    assert seconds["notice.take_back"] > 2, "with the telephone in it"


def loudness(samples: np.ndarray) -> float:
    """How loud it is while something is said, in decibels under full scale."""
    parts = np.square(samples[: samples.size // 500 * 500].reshape(-1, 500) / 32_768).mean(axis=1)
    return float(10 * np.log10(parts[parts > parts.max() / 100].mean()))


@pytest.mark.red_line(12)
def test_no_language_is_louder_than_another_and_nothing_clips(recordings):
    words = {language: notice.load(language, FACTS) for language in ("en", "ug", "zh")}
    said = [*speech.all_sentences(words)]
    keys = {"scene.rest", "notice.free", "say.warning", "help.press", "help.hold.yes", "code.2", "code.V"}
    chosen = [one for one in said if one.key in keys]
    assert list(recordings.make(chosen)) == []
    samples = {(one.language, one.key): recordings.samples(one) for one in chosen}
    assert max(np.abs(one.astype(np.int32)).max() for one in samples.values()) < 30_000, "1 dB is left, at least"
    loud = {what: loudness(one) for what, one in samples.items()}
    assert max(loud.values()) - min(loud.values()) < 3, loud


@pytest.mark.red_line(12)
def test_the_notice_takes_about_as_long_in_every_language(recordings):
    seconds = {}
    for language in ("en", "ug", "zh"):
        told = [one for one in speech.all_sentences({language: notice.load(language, FACTS)}) if "notice." in one.key]
        assert list(recordings.make(told)) == []
        seconds[language] = sum(recordings.samples(one).size for one in told) / RATE_HZ
    assert max(seconds.values()) < 1.6 * min(seconds.values()), seconds


def test_what_is_made_says_these_words_and_no_others(recordings):
    assert list(recordings.make([NO, YES])) == []
    assert not np.array_equal(recordings.samples(NO), recordings.samples(YES))


def test_what_is_there_is_not_made_again(recordings):
    list(recordings.make([NO]))
    before = recordings.path(NO).stat().st_ino
    list(recordings.make([NO, YES]))
    assert recordings.path(NO).stat().st_ino == before


@pytest.mark.red_line(12)
@pytest.mark.parametrize("made_before", [True, False], ids=["of other words", "for the first time"])
@pytest.mark.parametrize("write", range(5))
def test_a_power_cut_while_it_records_makes_nobody_elses_recording_of_a_machines(
    recordings, monkeypatch, made_before, write
):
    """The power goes before one of the writes; then it is begun again, and later the words change once more."""
    if made_before:
        list(recordings.make([replace(NO, words="Hold: Never."), replace(YES, words="Hold: Always.")]))
    whole, writes = module.write_whole, itertools.count()

    def cut(*given, **named):
        if next(writes) == write:
            raise InterruptedError
        whole(*given, **named)

    with monkeypatch.context() as power:
        power.setattr(module, "write_whole", cut)
        with pytest.raises(InterruptedError):
            list(recordings.make([NO, YES]))
    for words in ("Hold: No.", "Hold: Not now."):
        now = replace(NO, words=words)
        assert list(recordings.make([now, YES])) == []
        assert told(recordings, now, YES) == []


@pytest.mark.red_line(12)
def test_other_words_are_told_and_then_said_anew(recordings):
    list(recordings.make([NO]))
    before = recordings.samples(NO)
    other = replace(NO, words="Hold: Not now.")
    assert "was not recorded for the words that are meant now: Hold: Not now." in told(recordings, other)[0]
    assert list(recordings.make([other])) == []
    assert told(recordings, other) == []
    assert not np.array_equal(recordings.samples(other), before)


def test_a_persons_recording_takes_the_machines_place_and_stays(recordings):
    list(recordings.make([NO]))
    put(recordings, NO, TONE)
    assert list(recordings.make([NO])) == []
    assert told(recordings, NO) == []
    assert recordings.path(NO).read_bytes() == TONE


def test_a_recording_that_was_there_before_anything_was_made_stays(recordings):
    put(recordings, NO, TONE)
    assert list(recordings.make([NO])) == []
    assert recordings.path(NO).read_bytes() == TONE


@pytest.mark.red_line(12)
def test_a_persons_recording_is_put_aside_with_its_words_and_comes_back_with_them(recordings):
    list(recordings.make([NO]))
    put(recordings, NO, TONE)
    assert list(recordings.make([NO])) == []
    other = replace(NO, words="Hold: Not now.")
    assert told(recordings, other) != []
    assert list(recordings.make([other])) == []
    assert told(recordings, other) == []
    assert recordings.path(NO).read_bytes() != TONE, "the machine says the other words"
    assert list(recordings.make([replace(NO, words="Hold: Never.")])) == []
    assert recordings.path(NO).read_bytes() != TONE
    assert list(recordings.make([NO])) == []
    assert told(recordings, NO) == []
    assert recordings.path(NO).read_bytes() == TONE


@pytest.mark.red_line(12)
def test_a_persons_recording_that_was_not_met_with_its_words_is_kept_and_told(recordings):
    list(recordings.make([NO]))
    put(recordings, NO, TONE)
    other = replace(NO, words="Hold: Not now.")
    for meant in (other, other):
        (problem,) = recordings.make([meant])
        assert "somebody's recording, and not of the words that are meant now" in problem.what
        assert recordings.path(NO).read_bytes() == TONE
        assert told(recordings, meant) != []


@pytest.mark.red_line(12)
@pytest.mark.parametrize("cut", ["rename", "write_whole"])
@pytest.mark.parametrize("number", range(3))
def test_a_power_cut_while_a_persons_recording_is_put_aside_or_comes_back_loses_none(
    recordings, monkeypatch, cut, number
):
    put(recordings, NO, TONE)
    list(recordings.make([NO]))
    other = replace(NO, words="Hold: Not now.")
    calls = itertools.count()

    def cut_off(inner):
        def call(*given, **named):
            if next(calls) == number:
                raise InterruptedError
            return inner(*given, **named)

        return call

    for meant in (other, NO):
        with monkeypatch.context() as power:
            if cut == "rename":
                power.setattr(Path, "rename", cut_off(Path.rename))
            else:
                power.setattr(module, "write_whole", cut_off(module.write_whole))
            with contextlib.suppress(InterruptedError):
                list(recordings.make([meant]))
        assert list(recordings.make([meant])) == []
        assert told(recordings, meant) == []
    assert recordings.path(NO).read_bytes() == TONE


def in_another_form(rate: int) -> bytes:
    changed = bytearray(TONE)
    changed[24:28] = rate.to_bytes(4, "little")
    return bytes(changed)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "is not there"),
        (b"", "is no WAV file"),
        (b"RIFF and then nothing", "is no WAV file"),
        (in_another_form(8000), "is not 22050 Hz, one channel, 16 bit"),
        (wav(np.zeros(9000, dtype=np.int16)), "says nothing"),
        (wav(np.zeros(0, dtype=np.int16)), "says nothing"),
    ],
    ids=["missing", "empty", "no WAV", "another rate", "silence", "no samples"],
)
@pytest.mark.red_line(12)
def test_what_can_not_be_heard_is_named_with_what_to_do(recordings, content, complaint):
    list(recordings.make([NO]))
    recordings.path(NO).unlink()
    if content is not None:
        put(recordings, NO, content)
    (explained,) = told(recordings, NO)
    assert complaint in explained
    assert "help.hold.no.wav" in explained
    assert len(explained.splitlines()) == 2


def test_a_language_that_espeak_can_not_speak_is_told(recordings):
    with pytest.raises(VoiceError, match="can't speak 'tlh'") as fault:
        list(recordings.make([replace(NO, language="tlh")]))
    assert "Record" in fault.value.next_step


def test_a_machine_without_espeak_says_what_to_install(recordings, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VoiceError) as fault:
        list(recordings.make([NO]))
    assert "espeak-ng" in fault.value.next_step


def test_a_list_of_words_that_can_not_be_read_is_told(recordings, tmp_path):
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "words.json").write_text("{", encoding="utf-8")
    with pytest.raises(VoiceError, match=r"words\.json"):
        list(recordings.problems([NO]))


def test_right_to_left_words_are_spoken(recordings):
    assert list(recordings.make([IN_UYGHUR])) == []
    with wave.open(str(recordings.path(IN_UYGHUR))) as file:
        assert file.getnframes() / file.getframerate() > 0.2
