"""The detector: speech by espeak-ng among noise and silence; rules for begin and end on played probabilities."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autoglm_desktop.devices.audio import RATE_HZ, Samples
from autoglm_desktop.devices.vad import FRAME, Limits, SileroModel, SpeechBegan, Utterance, UtteranceFinder
from tests.helpers.audio import noise, numbered, read_wav, silence, speak, tone

FRAME_S = FRAME / RATE_HZ


class Played:
    """Probabilities one after the other, then zeros."""

    def __init__(self, probabilities: Iterable[float]) -> None:
        self._rest = list(probabilities)

    def __call__(self, frame: NDArray[np.float32]) -> float:
        assert frame.shape == (FRAME,)
        return self._rest.pop(0) if self._rest else 0.0


def frames(count: float, seconds: float) -> list[float]:
    return [count] * round(seconds / FRAME_S)


def found_in(probabilities: list[float], limits: Limits | None = None) -> list[SpeechBegan | Utterance]:
    finder = UtteranceFinder(Played(probabilities), limits)
    return finder.feed(numbered((len(probabilities) + 60) * FRAME))


def test_silence_noise_and_a_tone_are_no_speech() -> None:
    finder = UtteranceFinder(SileroModel())
    for sound in (silence(3), noise(5, 300), noise(5, 6000), tone(4), silence(1)):
        assert finder.feed(sound) == []


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_two_sentences_with_a_pause_are_two_utterances_also_in_noise(tmp_path: Path) -> None:
    one = read_wav(speak("Good morning, how are you today?", tmp_path / "1.wav"))
    two = read_wav(speak("Please open the window in the kitchen.", tmp_path / "2.wav"))
    for level in (0, 150):
        pause = silence(2)
        whole = np.concatenate((pause, one, pause, two, pause))
        mixed = (whole + noise(len(whole) / RATE_HZ + 1, level)[: len(whole)]).clip(-32_768, 32_767).astype(np.int16)
        found = _fed_in_blocks(UtteranceFinder(SileroModel()), mixed)
        assert [type(each) for each in found] == [SpeechBegan, Utterance] * 2
        lengths = [len(each.samples) for each in found if isinstance(each, Utterance)]
        for length, said in zip(lengths, (one, two), strict=True):
            assert 0.8 * len(said) < length < len(said) + 1.6 * RATE_HZ


def test_an_utterance_keeps_a_little_from_before_and_nothing_is_missing_in_it() -> None:
    found = found_in(frames(0.0, 2) + frames(0.9, 1) + frames(0.0, 2))
    assert isinstance(found[0], SpeechBegan)
    assert isinstance(found[1], Utterance)
    samples = found[1].samples
    assert len(samples) == pytest.approx((0.4 + 1.0 + 0.8) * RATE_HZ, abs=3 * FRAME)
    begin = int(samples[0])
    whole = numbered(10 * RATE_HZ)
    starts = [at for at in np.flatnonzero(whole == begin) if np.array_equal(whole[at : at + len(samples)], samples)]
    assert starts[0] == pytest.approx(1.6 * RATE_HZ, abs=2 * FRAME)  # the numbers come round after two seconds


def test_a_click_is_no_speech_and_a_short_pause_no_end() -> None:
    assert found_in(frames(0.9, 0.15) + frames(0.0, 2)) == []
    found = found_in(frames(0.9, 1) + frames(0.0, 0.5) + frames(0.9, 1) + frames(0.0, 2))
    assert [type(each) for each in found] == [SpeechBegan, Utterance]


def test_doubtful_frames_begin_nothing_and_end_nothing() -> None:
    assert found_in(frames(0.45, 5)) == []
    found = found_in(frames(0.9, 1) + frames(0.4, 3) + frames(0.0, 2))
    assert [type(each) for each in found] == [SpeechBegan, Utterance]
    assert isinstance(found[1], Utterance)
    assert len(found[1].samples) > 4 * RATE_HZ


def test_an_endless_utterance_is_cut_and_all_of_it_is_there() -> None:
    found = found_in(frames(0.9, 12), Limits(longest_s=5))
    parts = [each for each in found if isinstance(each, Utterance)]
    assert [each.cut for each in parts] == [True] * (len(parts) - 1) + [False]
    assert len(parts) >= 3
    assert sum(len(each.samples) for each in parts) == pytest.approx((12 + 0.8) * RATE_HZ, abs=2 * FRAME)
    assert sum(isinstance(each, SpeechBegan) for each in found) == 1


def test_a_long_utterance_is_cut_where_it_is_quiet() -> None:
    said = np.concatenate((noise(4.2, 3000), silence(0.2), noise(0.6, 3000)))
    found = UtteranceFinder(Played(frames(0.9, 6)), Limits(longest_s=4.9)).feed(said)
    (part,) = [each for each in found if isinstance(each, Utterance)]
    assert part.cut
    assert len(part.samples) == pytest.approx(4.3 * RATE_HZ, abs=0.1 * RATE_HZ)


def test_who_stops_just_at_the_cut_has_still_an_end() -> None:
    found = found_in(frames(0.9, 5) + frames(0.0, 3), Limits(longest_s=5))
    assert [type(each) for each in found] == [SpeechBegan, Utterance, Utterance]
    assert [each.cut for each in found if isinstance(each, Utterance)] == [True, False]


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=40))
def test_the_size_of_the_blocks_changes_nothing(sizes: list[int]) -> None:
    probabilities = frames(0.0, 0.3) + frames(0.9, 0.5) + frames(0.0, 1)
    samples = numbered(sum(sizes))
    at, found = 0, []
    finder = UtteranceFinder(Played(probabilities))
    for size in sizes:
        found += finder.feed(samples[at : at + size])
        at += size
    whole = UtteranceFinder(Played(probabilities)).feed(samples)
    assert [type(each) for each in found] == [type(each) for each in whole]
    for one, other in zip(found, whole, strict=True):
        if isinstance(one, Utterance) and isinstance(other, Utterance):
            assert np.array_equal(one.samples, other.samples)


def test_the_detector_loads_no_model_library() -> None:
    code = (
        "import sys, numpy; from autoglm_desktop.devices.vad import SileroModel, FRAME; "
        "SileroModel()(numpy.zeros(FRAME, numpy.float32)); "
        "print(sorted({'faster_whisper', 'ctranslate2', 'torch', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def _fed_in_blocks(finder: UtteranceFinder, samples: Samples) -> list[SpeechBegan | Utterance]:
    return [each for at in range(0, len(samples), 800) for each in finder.feed(samples[at : at + 800])]
