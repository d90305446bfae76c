"""Writes down speech: Whisper by faster-whisper (CTranslate2, 8-bit integers), behind the Silero voice detector.

A recording is decoded and heard in blocks that end in a pause, so that two hours need no more memory than minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import SpeechSegment, Transcript

from .contracts import ProgressSink
from .sound import RATE_HZ, is_cut_short, probe
from .tracks import speaking_blocks

Check: TypeAlias = Callable[[], None]
"""Called between steps; raises to end the work."""
Samples: TypeAlias = NDArray[np.float32]
Stretch: TypeAlias = dict[str, int]
"""Speech from the sample `start` to before `end`, as the detector gives it."""

BLOCK_S = 120
"""Of a recording, heard at a time; the rest after the last pause is kept for the next block."""
BEAMS = 5
_PAUSE_S = 0.5
_TEMPERATURES = (0.0, 0.2, 0.4)
"""Tried one after the other while the text repeats itself or is improbable. Higher ones invent."""
_DOUBTFUL_LANGUAGE = 0.5
_OTHER_LANGUAGE = 0.8
"""How probable another language than the one before has to be: a name is not a change of it."""
_STRETCH_S = 2.0
"""Of speech at least, to find its language."""
_OWN_LANGUAGES = ("zh", "en")
"""The likelier of these is taken where the model is not sure: a few words sound like many languages."""
_NO_SPEECH = 0.6
_LEAST_LOG_PROBABILITY = -1.0
_FEWEST_CLEAR = -0.6
"""Mean log probability of a token: below the first a text is noise, below the second if it may be no speech, too."""
_MOST_COMPRESSION = 2.4
"""Whisper's own bound: a text that compresses better repeats itself."""
_CHINESE = ("zh", "yue")
_SPACELESS = (*_CHINESE, "ja")


class SpeechReader:
    """The loaded model. Used on one thread."""

    def __init__(self, model: Any, to_simplified: Callable[[str], str]) -> None:
        self._model = model
        self._to_simplified = to_simplified

    @classmethod
    def load(cls, folder: Path, threads: int, on_progress: ProgressSink) -> SpeechReader:
        """Load from the folder of the catalogue's model.

        Raises AppError: MODEL_MISSING when nothing is there, WEIGHTS_CORRUPT when it does not load.
        """
        on_progress(0.0)
        if not (folder / "model.bin").is_file():
            raise AppError(
                ErrorCode.MODEL_MISSING,
                msg("The model that writes down speech is not on this machine."),
                msg("Fetch it: autoglm-desktop models pull {model}", model=folder.name),
            )
        import ctranslate2
        from opencc import OpenCC

        from .whisper import Whisper

        on_progress(0.5)
        ctranslate2.set_random_seed(0)
        try:
            model = Whisper(str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
        except (RuntimeError, ValueError, OSError) as error:
            raise AppError(
                ErrorCode.WEIGHTS_CORRUPT,
                msg("The model that writes down speech does not load: its files are damaged."),
                msg(
                    "Remove the model and fetch it again: models remove {model}, models pull {model}.",
                    model=folder.name,
                ),
                details=str(error),
            ) from error
        on_progress(1.0)
        return cls(model, OpenCC("t2s").convert)

    def transcribe(
        self,
        path: Path,
        *,
        language: str | None,
        simplified: bool,
        on_segment: Callable[[SpeechSegment], None],
        check: Check,
    ) -> Transcript:
        """Write down a file. Silence and noise give no text.

        Raises AppError BAD_INPUT (no sound, damaged, too long, an unknown language), and what `check` raises.
        """
        began_s = time.perf_counter()
        asked = None if language is None else self._language(language)
        told_s = probe(path)
        found: list[tuple[SpeechSegment, str]] = []
        heard = 0
        for block, begin in self._blocks(path, check):
            heard = begin + len(block)
            before = found[-1][1] if found else None
            for segment, spoken in self._hear(block, begin / RATE_HZ, asked, before, check):
                told = self._as_asked(segment, spoken, simplified=simplified)
                found.append((told, spoken))
                on_segment(told)
        segments = tuple(segment for segment, _ in found)
        seconds = time.perf_counter() - began_s
        heard_s = heard / RATE_HZ
        language = asked or _main_language(found)
        return Transcript(_joined(found), language, heard_s, seconds, segments, is_cut_short(heard_s, told_s))

    def _blocks(self, path: Path, check: Check) -> Iterator[tuple[Samples, int]]:
        """Pieces of the recording and where they begin, in samples; all but the last end in a pause if there is one."""
        rest = np.empty(0, np.float32)
        begin = 0
        for piece in speaking_blocks(path, BLOCK_S * RATE_HZ, check, _speech_s):
            rest = np.concatenate((rest, piece))
            if len(piece) == BLOCK_S * RATE_HZ:
                end = _last_pause(rest)
                yield rest[:end], begin
                begin, rest = begin + end, rest[end:]
        if len(rest):
            yield rest, begin

    def _hear(
        self, samples: Samples, begin_s: float, asked: str | None, before: str | None, check: Check
    ) -> Iterator[tuple[SpeechSegment, str]]:
        """Segments of a block, each with its language: the one that is `asked` for, else the one that is found.

        `before`: the language of what came before the block.
        """
        from faster_whisper.transcribe import restore_speech_timestamps
        from faster_whisper.vad import collect_chunks

        check()
        speech = _speech(samples)
        runs = [(asked, speech)] if asked and speech else self._runs(samples, speech, before, check)
        for language, run in runs:
            check()
            segments, _ = self._model.transcribe(
                np.concatenate(collect_chunks(samples, run)[0]),
                language=language,
                beam_size=BEAMS,
                temperature=_TEMPERATURES,
                condition_on_previous_text=False,
                no_speech_threshold=_NO_SPEECH,
                compression_ratio_threshold=_MOST_COMPRESSION,
            )
            for segment in restore_speech_timestamps(segments, run, RATE_HZ):
                check()
                if text := _credible(segment):
                    yield SpeechSegment(begin_s + segment.start, begin_s + segment.end, text), language

    def _runs(
        self, samples: Samples, speech: list[Stretch], before: str | None, check: Check
    ) -> list[tuple[str, list[Stretch]]]:
        """Speech in one language after the other."""
        runs: list[tuple[str, list[Stretch]]] = []
        for stretch in _stretches(speech):
            check()
            voiced = np.concatenate([samples[part["start"] : part["end"]] for part in stretch])
            language = _likely(self._model.likely_languages(voiced), before)
            if runs and runs[-1][0] == language:
                runs[-1][1].extend(stretch)
            else:
                runs.append((language, list(stretch)))
            before = language
        return runs

    def _as_asked(self, segment: SpeechSegment, language: str, *, simplified: bool) -> SpeechSegment:
        if not simplified or language not in _CHINESE:
            return segment
        return SpeechSegment(segment.start_s, segment.end_s, self._to_simplified(segment.text))

    def _language(self, asked: str) -> str:
        """The model's name for a language: ``zh_CN`` is ``zh``."""
        code = asked.replace("_", "-").split("-")[0].lower()
        if code not in self._model.supported_languages:
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg("The language “{language}” is not known to the model.", language=asked),
                msg("Give its two-letter code, such as zh or en, or leave it out."),
            )
        return code


def _speech(samples: Samples) -> list[Stretch]:
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    found: list[Stretch] = get_speech_timestamps(samples, VadOptions(min_silence_duration_ms=600, speech_pad_ms=300))
    return found


def _speech_s(samples: Samples) -> float:
    return _length(_speech(samples)) / RATE_HZ


def _credible(segment: Any) -> str:
    """The text of a segment; none where the model itself doubts it, or where it goes round in circles."""
    doubtful = segment.no_speech_prob > _NO_SPEECH and segment.avg_logprob < _FEWEST_CLEAR
    if doubtful or segment.avg_logprob < _LEAST_LOG_PROBABILITY or segment.compression_ratio > _MOST_COMPRESSION:
        return ""
    return str(segment.text).strip()


def _stretches(speech: list[Stretch]) -> list[list[Stretch]]:
    """The detector's pieces, joined where one alone is too short to tell its language."""
    found: list[list[Stretch]] = []
    for piece in speech:
        if found and _length(found[-1]) < _STRETCH_S * RATE_HZ:
            found[-1].append(piece)
        else:
            found.append([piece])
    if len(found) > 1 and _length(found[-1]) < _STRETCH_S * RATE_HZ:
        found[-2:] = [found[-2] + found[-1]]
    return found


def _length(stretch: list[Stretch]) -> int:
    return sum(piece["end"] - piece["start"] for piece in stretch)


def _likely(probabilities: list[tuple[str, float]], before: str | None) -> str:
    """The likeliest language; where that is not sure the one `before`, else the likelier of our own."""
    best, probability = max(probabilities, key=lambda found: found[1])
    if probability >= (_DOUBTFUL_LANGUAGE if before is None else _OTHER_LANGUAGE):
        return best
    own = [found for found in probabilities if found[0] in _OWN_LANGUAGES]
    return before or (max(own, key=lambda found: found[1])[0] if own else best)


def _main_language(found: list[tuple[SpeechSegment, str]]) -> str:
    """The one that is spoken longest."""
    lengths: dict[str, float] = {}
    for segment, language in found:
        lengths[language] = lengths.get(language, 0.0) + segment.end_s - segment.start_s
    return max(lengths, key=lengths.__getitem__, default="")


def _joined(found: list[tuple[SpeechSegment, str]]) -> str:
    """The text; a space between two segments unless both are written without."""
    text, before = "", ""
    for segment, language in found:
        spaceless = before in _SPACELESS and language in _SPACELESS
        text += segment.text if not text or spaceless else f" {segment.text}"
        before = language
    return text


def _last_pause(samples: Samples) -> int:
    """Where the quietest half second in the last third begins to end: no word is cut in two there."""
    frame = RATE_HZ // 100
    energies = np.square(samples[: len(samples) // frame * frame]).reshape(-1, frame).mean(axis=1)
    width = int(_PAUSE_S * RATE_HZ) // frame
    loudness = np.convolve(energies, np.ones(width), "valid")
    first = len(loudness) * 2 // 3
    quietest = first + int(np.argmin(loudness[first:]))
    return (quietest + width // 2) * frame
