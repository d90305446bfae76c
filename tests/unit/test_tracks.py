"""Of a recording with several tracks the one is heard in which someone speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from autoglm_desktop.core.errors import AppError
from autoglm_desktop.engine.runtime.sound import RATE_HZ, count_tracks
from autoglm_desktop.engine.runtime.tracks import speaking_blocks
from tests.helpers.audio_files import write_tracks, write_wav

BLOCK = 2 * RATE_HZ
SILENCE = np.zeros(6 * RATE_HZ)


def _tone(hertz: float, seconds: float = 6.0) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


def _speech_s(samples: NDArray[np.float32]) -> float:
    """Tones stand for speech."""
    return float((np.abs(samples) > 0.05).mean()) * len(samples) / RATE_HZ


def _heard(path: Path) -> NDArray[np.float32]:
    return np.concatenate(list(speaking_blocks(path, BLOCK, lambda: None, _speech_s)))


def _hertz(samples: NDArray[np.float32]) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE_HZ / len(samples))


@pytest.mark.parametrize("name", ["two.mkv", "two.mp4"])
@pytest.mark.parametrize("film", [False, True], ids=["sound alone", "film"])
def test_a_silent_first_track_does_not_hide_the_second(tmp_path: Path, name: str, *, film: bool) -> None:
    path = write_tracks(tmp_path / name, [SILENCE, _tone(440.0)], film=film)
    assert count_tracks(path) == 2
    heard = _heard(path)
    assert _hertz(heard) == pytest.approx(440.0, abs=1.0)
    assert len(heard) == pytest.approx(6 * RATE_HZ, rel=0.05)


def test_the_first_track_is_heard_where_both_speak_and_the_third_where_it_alone_does(tmp_path: Path) -> None:
    both = write_tracks(tmp_path / "both.mkv", [_tone(300.0), _tone(700.0)])
    assert _hertz(_heard(both)) == pytest.approx(300.0, abs=1.0)
    third = write_tracks(tmp_path / "third.mkv", [SILENCE, SILENCE, _tone(700.0)])
    assert _hertz(_heard(third)) == pytest.approx(700.0, abs=1.0)


def test_hum_and_hiss_are_no_speech(tmp_path: Path) -> None:
    hiss = np.random.default_rng(1).normal(0, 0.005, 6 * RATE_HZ)
    path = write_tracks(tmp_path / "hiss.mkv", [hiss, _tone(500.0)])
    assert _hertz(_heard(path)) == pytest.approx(500.0, abs=1.0)


def test_tracks_that_take_turns_are_followed_and_a_short_one_shifts_nothing(tmp_path: Path) -> None:
    first = np.concatenate((_tone(300.0, 2.0), np.zeros(4 * RATE_HZ)))
    second = np.concatenate((np.zeros(4 * RATE_HZ), _tone(700.0, 2.0)))
    heard = _heard(write_tracks(tmp_path / "turns.mkv", [first, second], codec="pcm_s16le"))
    assert _hertz(heard[:RATE_HZ]) == pytest.approx(300.0, abs=2.0)
    assert _hertz(heard[-RATE_HZ:]) == pytest.approx(700.0, abs=2.0)
    short = _heard(write_tracks(tmp_path / "short.mkv", [_tone(300.0, 1.0), SILENCE], codec="pcm_s16le"))
    assert len(short) == 6 * RATE_HZ


def _undecodable(path: Path, tracks: int) -> Path:
    """The codec of the first tracks becomes one that nobody knows."""
    path.write_bytes(path.read_bytes().replace(b"A_PCM/INT/LIT", b"A_PCM/INT/XXX", tracks))
    return path


def test_a_track_that_cannot_be_decoded_is_passed_over(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "odd.mkv", [_tone(300.0), _tone(700.0)], codec="pcm_s16le")
    assert _hertz(_heard(_undecodable(path, 1))) == pytest.approx(700.0, abs=1.0)
    with pytest.raises(AppError, match="no sound can be read"):
        _heard(_undecodable(path, 1))


def test_one_track_and_two_silent_ones_are_heard_as_they_are(tmp_path: Path) -> None:
    assert _hertz(_heard(write_wav(tmp_path / "one.wav", _tone(300.0)))) == pytest.approx(300.0, abs=1.0)
    silent = _heard(write_tracks(tmp_path / "two.mkv", [SILENCE, SILENCE]))
    assert np.abs(silent).max() < 0.01


def test_only_one_block_of_each_track_is_held(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "two.mkv", [SILENCE, _tone(440.0)], codec="pcm_s16le")
    sizes = [len(block) for block in speaking_blocks(path, RATE_HZ, lambda: None, _speech_s)]
    assert sizes == [RATE_HZ] * 6
