"""The ring, the count of samples, and what a microphone tells when something is wrong."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.devices import microphone
from autoglm_desktop.devices.audio import RATE_HZ, Samples, level_of, write_wav
from autoglm_desktop.devices.microphone import Block, SoundDeviceMicrophone, SyntheticMicrophone
from autoglm_desktop.devices.ring import RingBuffer
from tests.helpers.audio import noise, numbered, read_wav, seconds, silence, tone


def at_once(_seconds: float, _stopped: threading.Event) -> None:
    """The pace of a test that does not wait."""


def recorded(source: SyntheticMicrophone) -> tuple[Samples, microphone.Recording]:
    """Record all that a synthetic microphone has."""
    blocks: list[Block] = []
    stopped = threading.Event()

    def sink(block: Block) -> None:
        blocks.append(block)
        if source.played.is_set():
            stopped.set()

    done = source.record(None, sink, stopped)
    return np.concatenate([block.samples for block in blocks]), done


def test_thirty_seconds_arrive_complete_and_in_order() -> None:
    given_samples = numbered(seconds(30))
    found, done = recorded(SyntheticMicrophone(given_samples, pace=at_once))
    assert np.array_equal(found[: len(given_samples)], given_samples)
    assert done.sample_count == len(found) >= 30 * RATE_HZ
    assert (done.dropped, done.lost) == (0, None)


@given(st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=60))
def test_the_ring_gives_back_what_was_put_in_as_long_as_there_is_room(steps: list[tuple[int, bool]]) -> None:
    ring, put, taken = RingBuffer(1000), 0, []
    for size, read in steps:
        block = numbered(put + size)[put:]
        before = ring.dropped
        ring.write(block)
        put += size - (ring.dropped - before)
        if ring.dropped > before:
            break
        if read:
            taken.append(ring.read())
    taken.append(ring.read())
    assert np.array_equal(np.concatenate(taken), numbered(put))
    assert ring.written == put


def test_a_full_ring_keeps_the_oldest_and_counts_the_rest() -> None:
    ring = RingBuffer(1000)
    ring.write(numbered(700))
    ring.write(numbered(1400)[700:])
    assert ring.dropped == 400
    assert np.array_equal(ring.read(), numbered(1000))
    ring.write(numbered(10))
    assert np.array_equal(ring.read(), numbered(10))


def test_a_reader_on_another_thread_loses_nothing_of_thirty_seconds() -> None:
    ring, wanted = RingBuffer(seconds(30)), numbered(seconds(30))
    found: list[Samples] = []
    done = threading.Event()

    def reader() -> None:
        while not done.wait(0.001):
            found.append(ring.read())

    thread = threading.Thread(target=reader)
    thread.start()
    for at in range(0, len(wanted), 139):  # as many as a sound server hands over
        ring.write(wanted[at : at + 139])
    done.set()
    thread.join()
    found.append(ring.read())
    assert ring.dropped == 0
    assert np.array_equal(np.concatenate(found), wanted)


def test_the_level_is_zero_for_silence_one_at_full_scale_and_rises() -> None:
    assert level_of(silence(0.1)) == 0.0
    assert level_of(np.zeros(0, np.int16)) == 0.0
    assert level_of(np.full(800, -32_768, np.int16)) == 1.0
    levels = [level_of(tone(0.1, amplitude)) for amplitude in (20, 200, 2000, 20_000)]
    assert levels == sorted(set(levels))
    assert levels[2] == pytest.approx(1 - 24.3 / 60 - 3.01 / 60, abs=0.01)  # 20 lg(2000 / 32768), a sine's mean


def test_a_wav_file_holds_what_was_written(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", noise(0.5))
    assert np.array_equal(read_wav(tmp_path / "a.wav"), noise(0.5))


def test_zeros_are_told_as_silence_and_noise_is_not() -> None:
    assert recorded(SyntheticMicrophone(silence(1), pace=at_once))[1].silent
    assert not recorded(SyntheticMicrophone(noise(1), pace=at_once))[1].silent


def test_a_device_that_goes_away_ends_the_recording_with_what_came_before() -> None:
    found, done = recorded(SyntheticMicrophone(numbered(seconds(2)), pace=at_once, lost_at_end=True))
    assert np.array_equal(found, numbered(seconds(2)))
    assert done.lost is not None
    assert "stopped in the middle" in done.lost.line()


def hum(rate_hz: int, channels: int, block: int) -> Samples:
    """A hundredth of a second of 400 Hz, on each channel."""
    at_s = (np.arange(rate_hz // 100) + block * (rate_hz // 100)) / rate_hz
    return np.repeat((8000 * np.sin(2 * np.pi * 400 * at_s)).astype(np.int16), channels)


class Status:
    input_overflow = False


class Portaudio:
    """PortAudio as far as the microphone calls it, with the devices that a test gives it."""

    class PortAudioError(Exception):
        pass

    def __init__(
        self, names: list[str], *, refuses: bool = False, blocks: int = 3, runs: tuple[int, int] = (RATE_HZ, 1)
    ) -> None:
        """`runs`: the only rate and number of channels that its devices take."""
        self.names, self.refuses, self.blocks, self.runs = names, refuses, blocks, runs
        self.active = True
        self.asked: list[int | None] = []
        self.looked_again = 0

    def query_devices(self, *, kind: str | None = None) -> list[dict[str, object]] | dict[str, object]:
        rate, channels = self.runs
        told = {"max_input_channels": channels, "default_samplerate": float(rate)}
        devices: list[dict[str, object]] = [{"name": name, "hostapi": n, **told} for n, name in enumerate(self.names)]
        return devices if kind is None else devices[0]

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": f"System {n}"} for n in range(len(self.names))]

    def _terminate(self) -> None:
        self.looked_again += 1

    def _initialize(self) -> None:
        pass

    def RawInputStream(self, rate: int, **options: object) -> Portaudio:  # noqa: N802 - its name
        assert options["dtype"] == "int16"
        if self.refuses:
            raise self.PortAudioError("Device unavailable")
        if rate != self.runs[0]:
            raise self.PortAudioError("Invalid sample rate", -9997)
        if options["channels"] != self.runs[1]:
            raise self.PortAudioError("Invalid number of channels", -9998)
        self.asked.append(options["device"])  # type: ignore[arg-type]
        self._callback = options["callback"]
        return self

    def start(self) -> None:
        rate, channels = self.runs
        for block in range(self.blocks):
            samples = numbered(160) if self.runs == (RATE_HZ, 1) else hum(rate, channels, block)
            self._callback(samples.tobytes(), 160, None, Status())  # type: ignore[operator]

    def stop(self) -> None:
        self.active = False

    close = stop


def failure(device: str | None, library: Portaudio, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(microphone, "_portaudio", lambda: library)
    with pytest.raises(AppError) as caught:
        SoundDeviceMicrophone().record(device, lambda _: None, threading.Event())
    assert caught.value.report.code is ErrorCode.DEVICE_FAILED
    assert library.looked_again  # it may have been plugged in since
    return caught.value.report.line()


def test_no_device_a_vanished_one_and_a_refused_one_are_three_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No microphone was found" in failure(None, Portaudio([]), monkeypatch)
    assert "Desk is not there" in failure("Desk", Portaudio(["Lap"]), monkeypatch)
    assert "could not be opened" in failure("Lap", Portaudio(["Lap"], refuses=True), monkeypatch)


def test_a_chosen_device_is_opened_and_namesakes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Portaudio(["Lap", "Desk", "Lap"])
    monkeypatch.setattr(microphone, "_portaudio", lambda: library)
    assert [device.name for device in SoundDeviceMicrophone().devices()] == ["Lap, System 0", "Desk", "Lap, System 2"]
    stopped = threading.Event()
    stopped.set()
    done = SoundDeviceMicrophone().record("Lap, System 2", lambda _: None, stopped)
    assert library.asked == [2]
    assert done.sample_count == 3 * 160


def test_a_stream_that_ends_by_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Portaudio(["Lap"])
    library.active = False
    monkeypatch.setattr(microphone, "_portaudio", lambda: library)
    done = SoundDeviceMicrophone().record(None, lambda _: None, threading.Event())
    assert done.lost is not None
    assert done.sample_count == 3 * 160


@pytest.mark.parametrize("device", [None, "Lap"])
@pytest.mark.parametrize("runs", [(48_000, 1), (44_100, 2), (16_000, 4)])
def test_a_device_that_runs_otherwise_is_opened_as_it_runs(
    monkeypatch: pytest.MonkeyPatch, runs: tuple[int, int], device: str | None
) -> None:
    library = Portaudio(["Lap"], runs=runs, blocks=100)
    monkeypatch.setattr(microphone, "_portaudio", lambda: library)
    stopped = threading.Event()
    blocks: list[Block] = []
    stopped.set()
    done = SoundDeviceMicrophone().record(device, blocks.append, stopped)
    found = np.concatenate([block.samples for block in blocks])
    assert len(found) == done.sample_count == pytest.approx(RATE_HZ, abs=40)
    assert (done.dropped, done.silent) == (0, False)
    assert np.abs(np.fft.rfft(found[:RATE_HZ])).argmax() == pytest.approx(400, abs=1)
    assert np.abs(found).max() == pytest.approx(8000, rel=0.03)


def test_blocks_of_any_size_are_resampled_without_a_seam() -> None:
    from autoglm_desktop.devices.resample import Resampler

    whole = np.concatenate([hum(44_100, 2, block) for block in range(50)])
    one, other = Resampler(44_100, 2), Resampler(44_100, 2)
    pieces = [other.feed(whole[at : at + 1001]) for at in range(0, len(whole), 1001)]  # odd: a pair of channels is torn
    found = np.concatenate((one.feed(whole), one.finish()))
    assert np.array_equal(np.concatenate((*pieces, other.finish())), found)


def test_a_missing_library_is_said_with_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    monkeypatch.setattr("builtins.__import__", _without_portaudio(__import__))
    with pytest.raises(AppError) as caught:
        SoundDeviceMicrophone().devices()
    assert "libportaudio2" in caught.value.report.line()


def _without_portaudio(original: object) -> object:
    def importing(name: str, *rest: object) -> object:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return original(name, *rest)  # type: ignore[operator]

    return importing
