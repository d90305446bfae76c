"""``transcribe``: speech in a recording as text."""

from __future__ import annotations

import sys
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from autoglm_desktop.core.events import PerceptionEvent
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.perception import SpeechHeard, Transcribed, TranscribeRequest, Transcript
from autoglm_desktop.core.settings import SPEECH_MODEL_ID

from .answering import energy_of, energy_words
from .context import begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption
from .output import print_json, print_text
from .perceiving import perceive


def transcribe(
    typer_context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="WAV, MP3, M4A, OGG, FLAC, or a video with sound.")],
    spoken: Annotated[
        str | None,
        typer.Option("--language", metavar="L", help="What is spoken, such as zh or en."),
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Write down the speech in a recording. Chinese comes in simplified characters."""
    context = begin(typer_context, data_dir, log_level, language)
    folder = context.library().ref(SPEECH_MODEL_ID).folder
    request = TranscribeRequest(uuid.uuid4().hex, str(file.absolute()), folder, spoken)
    heard, energy = perceive(context, request, (lambda _event: None) if as_json else _print_segment)
    assert isinstance(heard, Transcribed), "that is how a transcription ends"
    if as_json:
        print_json({**_rounded(heard.transcript), "load_s": round(heard.load_s, 3), "energy": energy_of(energy)})
    else:
        _summarise(heard.transcript)
        print(energy_words(energy), file=sys.stderr)


def _print_segment(event: PerceptionEvent) -> None:
    if isinstance(event, SpeechHeard):
        print_text(event.segment.text)


def _rounded(transcript: Transcript) -> dict[str, object]:
    found = asdict(transcript)
    for segment in found["segments"]:
        segment["start_s"], segment["end_s"] = round(segment["start_s"], 2), round(segment["end_s"], 2)
    found["duration_s"], found["seconds"] = round(found["duration_s"], 2), round(found["seconds"], 3)
    return found


def _summarise(transcript: Transcript) -> None:
    if not transcript.segments:
        print(tr("No speech was heard."), file=sys.stderr)
    if transcript.cut_short:
        print(tr("The recording ends before its time: what is left of it was written down."), file=sys.stderr)
    told = tr(
        "{duration:.1f} s of sound in {seconds:.1f} s, language: {language}",
        duration=transcript.duration_s,
        seconds=transcript.seconds,
        language=transcript.language or "-",
    )
    print(told, file=sys.stderr)
