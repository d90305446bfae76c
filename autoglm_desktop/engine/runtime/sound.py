"""A recording as samples for the recogniser: 16 kHz, one channel, of every form allowed here, by FFmpeg (in PyAV).

FFmpeg would also take scripts and playlists, and open the files and addresses that they name. So its readers are
allowed by name, whatever a file is called.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import chain, groupby
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.limits import MAX_AUDIO_FILE_BYTES, MAX_AUDIO_S

log = logging.getLogger(__name__)

RATE_HZ = 16_000
_CHECK_FRAMES = 200
_FORMS = (
    "wav,w64,aiff,au,caf,flac,wv,ape,tta,mp3,aac,ac3,eac3,amr,amrnb,amrwb,ogg,asf,xwma,"
    "mov,mp4,m4a,3gp,matroska,webm,avi,flv,mpeg,mpegts"
)
"""FFmpeg's names of containers that hold their sound themselves."""
_OPTIONS = {"format_whitelist": _FORMS, "protocol_whitelist": "file", "enable_drefs": "0"}
_EXACT = ("wav", "flac")
_UNKNOWN_RIFF = 0x7FFF_0000
"""Programs that write to a pipe put the largest number there is, or a little less."""
_CANCELLED = 0.1
"""Of the louder channel: one channel alone leaves half of it in the mean, and two different ones more."""
_AGAIN = msg("Get the file again, or use another one.")


def probe(path: Path) -> float | None:
    """Look at the head of a file. Raises AppError BAD_INPUT: not there, empty, no sound in it, too long.

    Returns the seconds that it tells of, None for a form whose head does not know (other lengths are estimates).
    """
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        raise _refused(msg("There is no file {name}.", name=str(path)), msg("Choose another file."), error) from error
    if not path.is_file():
        raise _refused(msg("{name} is not a file.", name=path.name), msg("Choose another file."))
    if size_bytes == 0:
        raise _refused(msg("{name} is empty.", name=path.name), _AGAIN)
    if size_bytes > MAX_AUDIO_FILE_BYTES:
        raise _too_long(path)
    with _opened(path) as container:
        seconds = None if container.duration is None else container.duration / av.time_base
        if seconds is not None and seconds > MAX_AUDIO_S:
            raise _too_long(path)
        if seconds is None or container.format.name not in _EXACT:
            return None
        return seconds * max(1.0, _riff_bytes(path) / size_bytes)


def is_cut_short(heard_s: float, told_s: float | None) -> bool:
    """Whether the head of a file (`probe`) told of more than was decoded; decoders may drop a little at the end."""
    return told_s is not None and heard_s < 0.97 * told_s - 0.1


def _riff_bytes(path: Path) -> int:
    """How long a WAV file says that it is, in bytes, where FFmpeg goes by what is there.

    0 for another file, and for one that was streamed and does not know.
    """
    with path.open("rb") as file:
        head = file.read(8)
    told = int.from_bytes(head[4:8], "little")
    return told + 8 if head[:4] == b"RIFF" and told < _UNKNOWN_RIFF else 0


def count_tracks(path: Path) -> int:
    """How many tracks of sound there are. Raises AppError BAD_INPUT."""
    with _opened(path) as container:
        return len(container.streams.audio)


def blocks(path: Path, length: int, check: Callable[[], None], track: int = 0) -> Iterator[NDArray[np.float32]]:
    """The samples, -1 to 1, in blocks of `length`, the last one shorter. `check` is called now and then and may raise.

    What is damaged in the middle of a file is skipped. Raises AppError BAD_INPUT when nothing of it can be decoded, or
    when it goes on for longer than is taken in.
    """
    waiting: list[NDArray[np.int16]] = []
    held = given = 0
    for number, samples in enumerate(_decoded(path, track)):
        if number % _CHECK_FRAMES == 0:
            check()
        waiting.append(samples)
        held += len(samples)
        if given + held > MAX_AUDIO_S * RATE_HZ:
            raise _too_long(path)
        while held >= length:
            joined = np.concatenate(waiting)
            yield _floats(joined[:length])
            given, held = given + length, held - length
            waiting = [joined[length:]]
    if given + held == 0:
        raise _refused(msg("{name} is damaged or cut short: no sound can be read from it.", name=path.name), _AGAIN)
    if held:
        yield _floats(np.concatenate(waiting))


def _decoded(path: Path, track: int) -> Iterator[NDArray[np.int16]]:
    with _opened(path) as container:
        for _, frames in groupby(_frames(container, track), _form):
            yield from _resampled(frames)


def _form(frame: av.AudioFrame) -> tuple[str, str, int]:
    """What a resampler is set up for. Recordings that were joined change it in the middle."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def _resampled(frames: Iterator[av.AudioFrame]) -> Iterator[NDArray[np.int16]]:
    """Frames of one form, as one channel."""
    first = next(frames)
    layout = "stereo" if first.layout.nb_channels == 2 else "mono"
    resampler = av.AudioResampler(format="s16", layout=layout, rate=RATE_HZ)
    try:
        for frame in chain((first,), frames):
            frame.pts = None  # cut files have times that go back
            for part in resampler.resample(frame):
                yield _samples(part)
        for part in resampler.resample(None):
            yield _samples(part)
    except av.error.FFmpegError as error:  # a damaged frame says that it has a form which cannot be
        log.warning("sound that cannot be resampled is left out: %s", error)


def _frames(container: av.container.InputContainer, track: int) -> Iterator[av.AudioFrame]:
    """Every frame that can be decoded; a file that was cut short ends early."""
    packets = container.demux(audio=track)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        try:
            yield from packet.decode()
        except av.error.FFmpegError:  # decoders have many names for damage
            continue


def _opened(path: Path) -> av.container.InputContainer:
    """Raises AppError BAD_INPUT."""
    try:
        container = av.open(str(path.absolute()), mode="r", options=dict(_OPTIONS), metadata_errors="ignore")
    except (OSError, ValueError, av.error.FFmpegError) as error:
        cause = msg("{name} is not a recording that can be read here, or it is damaged.", name=path.name)
        raise _refused(cause, msg("Use WAV, MP3, M4A, OGG or FLAC."), error) from error
    if not container.streams.audio:
        container.close()
        raise _refused(msg("There is no sound in {name}.", name=path.name), msg("Choose a recording with sound."))
    return container


def _samples(frame: av.AudioFrame) -> NDArray[np.int16]:
    """The mean of two channels, or the louder one where they cancel each other (a wire the wrong way round)."""
    values = np.asarray(frame.to_ndarray(), np.int16).reshape(-1, frame.layout.nb_channels)
    if values.shape[1] == 1 or not len(values):
        return values.reshape(-1)
    mean = values.mean(axis=1, dtype=np.float32)
    loudness = np.abs(values.astype(np.int32)).mean(axis=0)
    if np.abs(mean).mean() < _CANCELLED * loudness.max():
        return values[:, int(loudness.argmax())]
    joined: NDArray[np.int16] = mean.round().astype(np.int16)
    return joined


def _floats(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return samples.astype(np.float32) / 32768.0


def _too_long(path: Path) -> AppError:
    hours = MAX_AUDIO_S / 3600
    return _refused(
        msg("{name} is too long: up to {hours:g} hours are written down at a time.", name=path.name, hours=hours),
        msg("Cut it into shorter pieces."),
    )


def _refused(cause: Text, next_step: Text, error: Exception | None = None) -> AppError:
    return AppError(ErrorCode.BAD_INPUT, cause, next_step, details="" if error is None else repr(error))
