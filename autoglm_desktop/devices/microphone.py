"""Microphones behind one small protocol: the real ones by PortAudio, and a synthetic one that plays given samples."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg

from .audio import RATE_HZ, Samples, level_of
from .resample import Resampler
from .ring import RingBuffer

log = logging.getLogger(__name__)

BLOCK_S = 0.05
"""How often the reader looks: the level meter moves twenty times a second."""
RING_S = 30.0
"""How late the reader may be before samples are lost."""
LOST_S = 2.0
"""A microphone that delivers nothing for so long is gone."""
FIRST_S = 6.0
"""How long a device may take to wake up: virtual ones and Bluetooth take seconds until their first sample."""
_WRONG_FORM = (-9997, -9998)
"""PortAudio's codes for a rate and for a number of channels that a device does not run with."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A microphone; `name` names it for people and for the settings."""

    name: str


@dataclass(frozen=True, slots=True)
class Block:
    """What came in since the last block: samples at 16 kHz, and their loudness between 0 and 1."""

    samples: Samples
    level: float


@dataclass(frozen=True, slots=True)
class Recording:
    """How a recording went. The samples themselves went to its sink.

    `sample_count` at 16 kHz. `dropped` samples came in and found no room; `overflows` counts what the sound system
    lost before. `silent`: there was nothing but zeros, as from a muted microphone. `lost`: why it ended by itself.
    """

    sample_count: int
    dropped: int = 0
    overflows: int = 0
    silent: bool = False
    lost: ErrorReport | None = None

    @property
    def seconds(self) -> float:
        return self.sample_count / RATE_HZ


BlockSink: TypeAlias = Callable[[Block], None]


class Microphone(Protocol):
    """A way to record. Its methods block and are called on a worker thread, never two at once."""

    def devices(self) -> tuple[InputDevice, ...]:
        """What there is to choose from. Raises AppError DEVICE_FAILED where nothing can record."""

    def record(self, device: str | None, sink: BlockSink, stopped: threading.Event) -> Recording:
        """Record until `stopped` is set or the device is gone; `sink` gets every sample, in order, on this thread.

        The first block comes when the device runs. `device` is a name of `devices`, None the system's choice. Raises
        AppError DEVICE_FAILED when it cannot be opened; a device that goes away later ends the recording with `lost`.
        """


class SoundDeviceMicrophone:
    """Records through PortAudio. The library is looked for when it is first used."""

    def devices(self) -> tuple[InputDevice, ...]:
        sd = _portaudio()
        _look_again(sd)
        return tuple(InputDevice(name) for name, _ in _inputs(sd))

    def record(self, device: str | None, sink: BlockSink, stopped: threading.Event) -> Recording:
        sd = _portaudio()
        tally = _Tally(sink)
        with _stream(sd, device) as (stream, capture):
            lost = _drain(capture, tally, lambda: bool(stream.active), stopped)
        tally.take(capture.read())
        tally.take(capture.rest())
        silent = not tally.any_sound and tally.count > 0
        return Recording(tally.count, capture.dropped, capture.overflows, silent, lost)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a device runs."""

    rate_hz: int = RATE_HZ
    channels: int = 1


class _Capture:
    """What a stream delivers: written by its callback, read as samples at 16 kHz on the thread that records."""

    def __init__(self, form: _Form) -> None:
        self._form = form
        self._ring = RingBuffer(round(RING_S * form.rate_hz) * form.channels)
        self._resampler: Resampler | None = None if form == _Form() else Resampler(form.rate_hz, form.channels)
        self.overflows = 0

    def callback(self, data: Any, _frames: int, _time: Any, status: Any) -> None:
        self._ring.write(np.frombuffer(data, np.int16))
        if status.input_overflow:
            self.overflows += 1

    @property
    def dropped(self) -> int:
        return self._ring.dropped * RATE_HZ // (self._form.rate_hz * self._form.channels)

    def read(self) -> Samples:
        """Everything that is new."""
        samples = self._ring.read()
        return samples if self._resampler is None else self._resampler.feed(samples)

    def rest(self) -> Samples:
        """What is left when the stream is over."""
        return np.zeros(0, np.int16) if self._resampler is None else self._resampler.finish()


class SyntheticMicrophone:
    """Plays `samples` as if they were spoken into it, in blocks, as fast as `pace` lets it.

    `pace` is waited for before each block (its length in seconds is given); by default it is real time. When all is
    played, silence follows until the recording is stopped, unless `lost_at_end` pulls the plug.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        pace: Callable[[float, threading.Event], None] | None = None,
        lost_at_end: bool = False,
        fails: AppError | None = None,
        names: Sequence[str] = ("Synthetic",),
    ) -> None:
        self.samples = samples
        self.opened: list[str | None] = []
        """The devices that were asked for."""
        self.played = threading.Event()
        """Set when every sample was delivered."""
        self.fails = fails
        self._pace = pace or _real_time
        self._lost_at_end = lost_at_end
        self._names = tuple(names)

    def devices(self) -> tuple[InputDevice, ...]:
        if self.fails is not None:
            raise self.fails
        return tuple(InputDevice(name) for name in self._names)

    def record(self, device: str | None, sink: BlockSink, stopped: threading.Event) -> Recording:
        if self.fails is not None:
            raise self.fails
        self.opened.append(device)
        tally, size = _Tally(sink), round(BLOCK_S * RATE_HZ)
        for at in range(0, len(self.samples), size):
            if stopped.is_set():
                break
            self._pace(BLOCK_S, stopped)
            tally.take(self.samples[at : at + size])
        else:
            self.played.set()
            if self._lost_at_end:
                return Recording(tally.count, lost=gone("").report)
        while not stopped.wait(BLOCK_S):
            tally.take(np.zeros(size, np.int16))
        return Recording(tally.count, silent=not tally.any_sound)


class _Tally:
    """Hands blocks on and counts them."""

    def __init__(self, sink: BlockSink) -> None:
        self._sink = sink
        self.count = 0
        self.any_sound = False

    def take(self, samples: Samples) -> None:
        if samples.size:
            self.count += len(samples)
            self.any_sound = self.any_sound or bool(samples.any())
            self._sink(Block(samples, level_of(samples)))


def _real_time(seconds: float, stopped: threading.Event) -> None:
    stopped.wait(seconds)


def _drain(
    capture: _Capture, tally: _Tally, is_active: Callable[[], bool], stopped: threading.Event
) -> ErrorReport | None:
    """Hand on what the callback wrote until someone stops it; why it ended otherwise."""
    heard_s = time.monotonic() + FIRST_S - LOST_S
    while not stopped.wait(BLOCK_S):
        samples = capture.read()
        tally.take(samples)
        if samples.size:
            heard_s = time.monotonic()
        elif not is_active() or time.monotonic() - heard_s > LOST_S:
            return gone(f"active: {is_active()}").report
    return None


@contextmanager
def _stream(sd: Any, device: str | None) -> Iterator[tuple[Any, _Capture]]:
    """A running stream. An error at its end costs nothing: all that it delivered is in the ring."""
    stream, capture = _opened(sd, device)
    try:
        yield stream, capture
    finally:
        for end in (stream.stop, stream.close):
            try:
                end()
            except sd.PortAudioError as error:
                log.warning("the microphone did not close well: %s", error)


def _opened(sd: Any, device: str | None) -> tuple[Any, _Capture]:
    """Devices that were plugged in since the library started are seen at the second try."""
    for again in (True, False):
        try:
            return _opened_in_some_form(sd, _number(sd, device))
        except (sd.PortAudioError, ValueError) as error:
            if not again:
                raise _not_opened(sd, device, error) from error
            _look_again(sd)
    raise AssertionError  # the loop returns or raises


def _opened_in_some_form(sd: Any, number: int | None) -> tuple[Any, _Capture]:
    """As we want it, else as the device runs by itself: not every sound system converts."""
    forms = [_Form(), *_own_forms(sd, number)]
    for form in forms:
        try:
            return _running(sd, number, form)
        except sd.PortAudioError as error:
            code = error.args[1] if len(error.args) > 1 else 0
            if code not in _WRONG_FORM or form == forms[-1]:
                raise
            log.info("the microphone does not run in %s: %s", form, error)
    raise AssertionError  # the loop returns or raises


def _own_forms(sd: Any, number: int | None) -> list[_Form]:
    info = sd.query_devices(kind="input") if number is None else sd.query_devices()[number]
    rate_hz = round(info.get("default_samplerate") or 0)
    channels = sorted({1, info["max_input_channels"]})
    return [_Form(rate_hz or RATE_HZ, count) for count in channels]


def _running(sd: Any, number: int | None, form: _Form) -> tuple[Any, _Capture]:
    capture, stream = _Capture(form), None
    try:
        stream = sd.RawInputStream(
            form.rate_hz,
            device=number,
            channels=form.channels,
            dtype="int16",
            latency="high",
            callback=capture.callback,
        )
        stream.start()
    except sd.PortAudioError:
        if stream is not None:
            stream.close()
        raise
    return stream, capture


def _portaudio() -> Any:
    try:
        import sounddevice
    except OSError as error:  # the library that the package wraps
        raise AppError(
            ErrorCode.DEVICE_FAILED,
            msg("Recording needs the PortAudio library, which is missing on this computer."),
            msg("Install it (on Debian and Ubuntu: libportaudio2) and start the application again."),
            details=str(error),
        ) from error
    return sounddevice


def _look_again(sd: Any) -> None:
    """PortAudio lists devices once, when it starts."""
    with suppress(sd.PortAudioError):
        sd._terminate()
    sd._initialize()


def _inputs(sd: Any) -> list[tuple[str, int]]:
    """Names and numbers of what can record. Two of the same name are told apart by their sound system."""
    found = [(number, each) for number, each in enumerate(sd.query_devices()) if each["max_input_channels"] > 0]
    systems = sd.query_hostapis()
    names = [each["name"] for _, each in found]
    return [
        (each["name"] if names.count(each["name"]) == 1 else f"{each['name']}, {systems[each['hostapi']]['name']}", n)
        for n, each in found
    ]


def _number(sd: Any, device: str | None) -> int | None:
    """The number of a device by its name. Raises ValueError when it is not there."""
    inputs = _inputs(sd)
    if not inputs:
        raise ValueError("no input device")
    if not device:
        return None
    numbers = [number for name, number in inputs if name == device]
    if not numbers:
        raise ValueError(f"no input device {device!r}")
    return numbers[0]


def _not_opened(sd: Any, device: str | None, error: Exception) -> AppError:
    inputs = _inputs(sd)
    if not inputs:
        return AppError(
            ErrorCode.DEVICE_FAILED,
            msg("No microphone was found."),
            msg("Plug one in, or allow this application to use it in the system's privacy settings."),
            details=str(error),
        )
    if device and device not in {name for name, _ in inputs}:
        return AppError(
            ErrorCode.DEVICE_FAILED,
            msg("The microphone {name} is not there.", name=device),
            msg("Plug it in, or choose another one in the settings under Voice."),
            details=str(error),
        )
    return AppError(
        ErrorCode.DEVICE_FAILED,
        msg("The microphone could not be opened."),
        msg("Close what else uses it, allow its use in the system's privacy settings, or choose another one."),
        details=str(error),
    )


def gone(details: str) -> AppError:
    """The error for a device that went away while it recorded."""
    return AppError(
        ErrorCode.DEVICE_FAILED,
        msg("The microphone stopped in the middle of the recording; what came before is kept."),
        msg("Plug it in again, or choose another one in the settings under Voice."),
        details=details,
    )
