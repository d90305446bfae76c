"""Recordings on their way to the recogniser: any rate comes out as 16 kHz, what cannot be heard is refused."""

from __future__ import annotations

import os
import random
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.limits import MAX_AUDIO_S
from autoglm_desktop.engine.runtime.sound import RATE_HZ, blocks, is_cut_short, probe
from tests.helpers.audio_files import write_tracks, write_wav


def _tone(seconds: float, rate_hz: int, hertz: float = 440.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate_hz)) / rate_hz)


def _all(path: Path, length: int = RATE_HZ) -> list[np.ndarray[tuple[int], np.dtype[np.float32]]]:
    return list(blocks(path, length, lambda: None))


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (44_100, 2), (48_000, 2), (8_000, 1)])
def test_every_rate_and_channel_comes_out_as_16_khz(tmp_path: Path, rate_hz: int, channels: int) -> None:
    path = write_wav(tmp_path / "tone.wav", _tone(2.5, rate_hz), rate_hz=rate_hz, channels=channels)
    probe(path)
    found = _all(path)
    assert [len(block) for block in found[:-1]] == [RATE_HZ, RATE_HZ]
    samples = np.concatenate(found)
    assert len(samples) == pytest.approx(2.5 * RATE_HZ, abs=64)
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() * RATE_HZ / len(samples) == pytest.approx(440.0, abs=1.0)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.05)


def test_blocks_join_to_the_same_samples_whatever_their_length(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "tone.wav", _tone(1.3, RATE_HZ))
    whole = np.concatenate(_all(path, 1 << 30))
    for length in (999, 4096, RATE_HZ):
        assert np.array_equal(np.concatenate(_all(path, length)), whole)


def test_decoding_can_be_stopped(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", np.zeros(120 * RATE_HZ))
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        list(blocks(path, 300 * RATE_HZ, check))


def test_a_recording_that_was_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "tone.wav", _tone(4.0, RATE_HZ))
    path.write_bytes(path.read_bytes()[: 44 + 2 * RATE_HZ * 2])
    assert sum(map(len, _all(path))) == pytest.approx(2 * RATE_HZ, abs=RATE_HZ // 10)


@pytest.mark.parametrize(
    ("left", "right", "loudness"), [(1.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 0.0, 0.5), (0.0, 1.0, 0.5)]
)
def test_two_channels_become_one_that_can_be_heard(tmp_path: Path, left: float, right: float, loudness: float) -> None:
    """Channels of opposite sign, as of a microphone with its wires swapped, would cancel each other."""
    tone = _tone(2.0, 44_100)
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes((np.stack((left * tone, right * tone), axis=1) * 32767).astype("<i2").tobytes())
    heard = np.concatenate(_all(path))[RATE_HZ // 2 : RATE_HZ]
    assert np.abs(heard).mean() == pytest.approx(loudness * np.abs(tone).mean(), rel=0.05)
    assert np.abs(np.fft.rfft(heard)).argmax() * 2 == pytest.approx(440.0, abs=2.0)


@pytest.mark.parametrize("name", ["tone.wav", "tone.flac", "tone.mp3", "tone.ogg"])
def test_a_head_that_tells_more_than_there_is_shows_what_is_missing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if path.suffix == ".wav":
        write_wav(path, _tone(4.0, RATE_HZ))
    else:
        _encoded(path, 4.0, 48_000)
    whole = path.read_bytes()
    exact = path.suffix in (".wav", ".flac")
    for share in (1.0, 0.6):
        path.write_bytes(whole[: int(share * len(whole))])
        told_s, heard_s = probe(path), sum(map(len, _all(path))) / RATE_HZ
        assert (told_s is not None) == exact
        assert told_s is None or told_s == pytest.approx(4.0, abs=0.05)
        assert is_cut_short(heard_s, told_s) == (exact and share < 1.0)


def test_a_streamed_recording_is_not_taken_for_a_cut_one(tmp_path: Path) -> None:
    """Its head was written before anybody knew how long it would become."""
    path = write_wav(tmp_path / "tone.wav", _tone(2.0, RATE_HZ))
    data = bytearray(path.read_bytes())
    for place in (4, 40):
        data[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    heard_s = sum(map(len, _all(path))) / RATE_HZ
    assert heard_s == pytest.approx(2.0, abs=0.05)
    assert not is_cut_short(heard_s, probe(path))


def _encoded(path: Path, seconds: float, rate_hz: int, channels: int = 1) -> bytes:
    """A tone in the form that the name asks for."""
    import av

    container, codec = {
        ".mp3": ("mp3", "libmp3lame"),
        ".m4a": ("ipod", "aac"),
        ".aac": ("adts", "aac"),
        ".ogg": ("ogg", "libopus"),
        ".flac": ("flac", "flac"),
    }[path.suffix]
    layout = "mono" if channels == 1 else "stereo"
    pcm = np.repeat((_tone(seconds, rate_hz) * 32767).astype("<i2"), channels)[np.newaxis]
    frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
    frame.sample_rate = rate_hz
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate_hz)
        assert isinstance(stream, av.AudioStream)
        stream.layout = layout
        resampler = av.AudioResampler(stream.codec_context.format, layout, rate_hz, stream.codec_context.frame_size)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            file.mux(stream.encode(part))
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".aac", ".ogg", ".flac"])
def test_a_damaged_recording_gives_what_is_left_or_a_sentence(tmp_path: Path, suffix: str) -> None:
    whole = _encoded(tmp_path / f"whole{suffix}", 2.0, 48_000)
    path = tmp_path / f"damaged{suffix}"
    heard = 0
    for seed in range(25):
        dice = random.Random(seed)
        data = bytearray(whole)
        for _ in range(dice.choice([1, 3, 30])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(data)
        try:
            probe(path)
            heard += sum(map(len, _all(path))) > RATE_HZ // 2
        except AppError as error:
            assert error.report.code is ErrorCode.BAD_INPUT  # noqa: PT017 - either end is a good one
    assert heard >= 5


@pytest.mark.parametrize("suffix", [".mp3", ".aac"])
def test_recordings_that_were_joined_are_read_to_their_end(tmp_path: Path, suffix: str) -> None:
    one = _encoded(tmp_path / f"one{suffix}", 2.0, 16_000)
    two = _encoded(tmp_path / f"two{suffix}", 3.0, 44_100, channels=2)
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(one + two)
    samples = np.concatenate(_all(path))
    assert len(samples) == pytest.approx(5 * RATE_HZ, rel=0.06)
    for part in (samples[RATE_HZ // 2 : RATE_HZ], samples[-RATE_HZ : -RATE_HZ // 2]):
        assert np.abs(np.fft.rfft(part)).argmax() * 2 == pytest.approx(440.0, abs=2.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"this is a text and no recording at all " * 40, "not a recording"),
        (b"RIFF\x24\x00\x00\x00WAVE", "not a recording"),
        (b"\x89PNG\r\n\x1a\n" + bytes(400), "not a recording"),
        (bytes(5000), "not a recording"),
    ],
    ids=["empty", "text", "only a head", "a picture", "zeros"],
)
def test_what_is_no_recording_is_refused_in_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(content)

    def take() -> None:
        probe(path)
        _all(path)

    with pytest.raises(AppError) as caught:
        take()
    report = caught.value.report
    assert report.code is ErrorCode.BAD_INPUT
    assert words in str(report.cause)
    assert "speech.wav" in str(report.cause)
    assert str(report.next_step)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.wav", tmp_path):
        with pytest.raises(AppError) as caught:
            probe(path)
        assert caught.value.report.code is ErrorCode.BAD_INPUT


def test_a_film_without_sound_is_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(AppError, match=r"no sound in film\.mp4"):
        probe(path)


def _silence_of(path: Path, seconds: float, told_s: float | None = None) -> Path:
    """8 kHz, 8 bits: 3 hours are 86 MB, as a sparse file. `told_s`: what the head says."""
    size = int(seconds * 8000)
    told = int((told_s or seconds) * 8000)
    head = b"RIFF" + struct.pack("<I", 36 + told) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 7, 1, 8000, 8000, 1, 8)
    with path.open("wb") as file:
        file.write(head + b"data" + struct.pack("<I", told))
        file.truncate(44 + size)
    return path


def test_three_hours_are_refused_by_their_length_before_decoding(tmp_path: Path) -> None:
    path = _silence_of(tmp_path / "night.wav", 3 * 3600)
    with pytest.raises(AppError, match="too long: up to 2 hours"):
        probe(path)
    probe(_silence_of(tmp_path / "evening.wav", MAX_AUDIO_S - 1))


def test_a_head_that_tells_less_than_there_is_does_not_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoglm_desktop.engine.runtime.sound.MAX_AUDIO_S", 5.0)
    path = tmp_path / "stream.mp3"
    import av

    with av.open(str(path), "w", format="adts") as container:  # a stream that has no length in its head
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000 * 8), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for packet in stream.encode(frame):
            container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    with pytest.raises(AppError, match="too long"):
        list(blocks(path, RATE_HZ, lambda: None))


_NAMING_ANOTHER = {
    "script.ffconcat": "ffconcat version 1.0\nfile neighbour.wav\n",
    "script.wav": "ffconcat version 1.0\nfile neighbour.wav\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\nneighbour.wav\n#EXT-X-ENDLIST\n",
    "list.mp3": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\nneighbour.wav\n#EXT-X-ENDLIST\n",
    "stream.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "stream.wav": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "list.asx": '<asx version="3.0"><entry><ref href="neighbour.wav"/></entry></asx>',
}


@pytest.mark.parametrize("name", _NAMING_ANOTHER)
def test_a_script_or_playlist_opens_no_file_beside_it(tmp_path: Path, name: str) -> None:
    neighbour = write_wav(tmp_path / "neighbour.wav", _tone(1.0, RATE_HZ))
    os.utime(neighbour, (1.0, 2.0))  # a first read after a change is written down by every file system that does so
    path = tmp_path / name
    path.write_text(_NAMING_ANOTHER[name], encoding="utf-8")
    with pytest.raises(AppError, match="not a recording"):
        probe(path)
    with pytest.raises(AppError, match="not a recording"):
        _all(path)
    assert neighbour.stat().st_atime == 1.0


def test_such_a_script_would_be_followed_without_the_list_of_forms(tmp_path: Path) -> None:
    import av

    write_wav(tmp_path / "neighbour.wav", _tone(1.0, RATE_HZ))
    (tmp_path / "script.wav").write_text(_NAMING_ANOTHER["script.wav"], encoding="utf-8")
    with av.open(str(tmp_path / "script.wav")) as container:
        assert len(container.streams.audio) == 1


def test_names_that_look_like_addresses_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a|b.wav", "subfile,,start,0,end,9,,:a.wav", "data:x.wav", "tone%03d.wav"):
        write_wav(tmp_path / name, _tone(0.5, RATE_HZ))
        assert sum(map(len, _all(Path(name)))) == RATE_HZ // 2


def test_sound_is_read_beside_a_film(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "film.mp4", [_tone(2.0, RATE_HZ)], film=True)
    assert sum(map(len, _all(path))) == pytest.approx(2.0 * RATE_HZ, rel=0.1)
