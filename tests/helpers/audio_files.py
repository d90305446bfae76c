"""Recordings for tests: the shared ones, and what tests make."""

from __future__ import annotations

import os
import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = "en-librispeech-1995-1837-0001.wav"
CHINESE = "zh-aishell-BAC009S0724W0121.wav"
SENTENCES = (
    "The meeting starts at ten o'clock in the large conference room.",
    "Please remind me to buy milk and bread on the way home.",
    "The battery of my phone is almost empty.",
    "She walked along the river until the sun went down.",
    "Our train leaves from platform seven in twenty minutes.",
    "Could you send the report to my manager before Friday?",
    "The children were playing football in the garden.",
    "A good book can change the way we see the world.",
    "Turn off the lights in the kitchen and lock the front door.",
    "He forgot his umbrella and got completely wet.",
    "The new bridge will be open to traffic next summer.",
    "I would like a table for four people near the window.",
    "Scientists have found water under the surface of the moon.",
    "The price of coffee has doubled since last year.",
    "My sister plays the piano and sings in a choir.",
    "We should leave early because the roads are full of snow.",
    "The doctor told him to drink more water and sleep longer.",
    "This computer is much faster than the old one.",
    "They painted the walls of the bedroom light green.",
    "Nobody knows who wrote the letter on the desk.",
)


def recording(name: str) -> Path:
    """A shared recording: in ``AUTOGLM_AUDIO``, else ``shared/data/audio`` beside the repository; skips without it."""
    given = os.environ.get("AUTOGLM_AUDIO")
    path = (Path(given) if given else ROOT.parent / "shared" / "data" / "audio") / name
    if not path.is_file():
        pytest.skip(f"the shared recordings are not at {path.parent} (set AUTOGLM_AUDIO)")
    return path


def speak(text: str, path: Path, *, words_a_minute: int = 150) -> Path:
    """A sentence by espeak-ng's English voice; skips where that is not installed."""
    try:
        subprocess.run(
            ["espeak-ng", "-v", "en-us", "-s", str(words_a_minute), "-w", str(path), text],
            check=True,
            capture_output=True,
            timeout=30,
        )
    except FileNotFoundError:
        pytest.skip("espeak-ng is not installed")
    return path


def write_wav(path: Path, samples: NDArray[np.float64], *, rate_hz: int = 16_000, channels: int = 1) -> Path:
    """16-bit samples between -1 and 1, the same on every channel."""
    pcm = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.repeat(pcm, channels).tobytes())
    return path


def write_tracks(path: Path, tracks: Sequence[NDArray[np.float64]], *, codec: str = "aac", film: bool = False) -> Path:
    """A Matroska or MP4 file of mono tracks at 16 kHz, of samples between -1 and 1; `film`: with pictures, too."""
    import av

    with av.open(str(path), "w") as container:
        streams = [container.add_stream(codec, rate=16_000, layout="mono") for _ in tracks]
        pictures = container.add_stream("mpeg4", rate=10, width=64, height=64) if film else None
        for stream, samples in zip(streams, tracks, strict=True):
            assert isinstance(stream, av.AudioStream)
            pcm = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")[np.newaxis]
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate = 16_000
            resampler = av.AudioResampler(stream.format, "mono", 16_000, stream.codec_context.frame_size or 1600)
            for part in (*resampler.resample(frame), *resampler.resample(None), None):
                container.mux(stream.encode(part))
        if isinstance(pictures, av.VideoStream):
            blank = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux([*pictures.encode(blank), *pictures.encode(None)])
    return path
