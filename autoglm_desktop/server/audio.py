"""`POST /v1/audio/transcriptions`: speech as text."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from fastapi import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from autoglm_desktop.core.perception import SpeechSegment, Transcript
from autoglm_desktop.core.settings import SPEECH_MODEL_ID

from .desk import Desk
from .errors import Refused, bad
from .intake import transcribe
from .live import LiveAnswer
from .unsupported import TRANSCRIPTION, refuse_unsupported

_NAMES = (SPEECH_MODEL_ID, "whisper-1", "autoglm-phone-9b")


class TranscriptFormat(StrEnum):
    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VERBOSE_JSON = "verbose_json"
    VTT = "vtt"


async def write_down(
    desk: Desk, request: Request, file: UploadFile, *, model: str, language: str | None, form: TranscriptFormat
) -> Response:
    """The transcript in the form that was asked for."""
    if model.lower() not in _NAMES:
        raise Refused(404, f"The speech model {model[:100]!r} does not exist here.", "model_not_found", "model")
    await _refuse_what_is_not_done(request)
    data = await file.read()
    if not data:
        raise bad("The file is empty.", "file")
    suffix = PurePath(file.filename or "").suffix[:8]
    suffix = suffix if suffix.isascii() and suffix[1:].isalnum() else ""
    work = LiveAnswer(desk.assistant.completions)  # for the client that goes away and the time limit
    with desk.place():
        async with work.supervised(request.receive, desk.limit_s()):
            found = await work.during(transcribe(desk.assistant, data, suffix, language=language or None))
    return _shaped(found, form)


async def _refuse_what_is_not_done(request: Request) -> None:
    """A name that ends in brackets may come more than once."""
    form = await request.form()
    refuse_unsupported(TRANSCRIPTION, {name: form.getlist(name) if _is_list(name) else form[name] for name in form})


def _is_list(name: str) -> bool:
    return name.removesuffix("[]") in ("timestamp_granularities", "include")


def _shaped(found: Transcript, form: TranscriptFormat) -> Response:
    match form:
        case TranscriptFormat.TEXT:
            return PlainTextResponse(found.text + "\n")
        case TranscriptFormat.SRT:
            return PlainTextResponse(
                "".join(f"{n}\n{_span(s, ',')}\n{s.text.strip()}\n\n" for n, s in enumerate(found.segments, 1))
            )
        case TranscriptFormat.VTT:
            return PlainTextResponse(
                "WEBVTT\n\n" + "".join(f"{_span(s, '.')}\n{s.text.strip()}\n\n" for s in found.segments)
            )
        case TranscriptFormat.VERBOSE_JSON:
            return JSONResponse(_verbose(found))
        case TranscriptFormat.JSON:
            return JSONResponse({"text": found.text})


def _verbose(found: Transcript) -> dict[str, object]:
    return {
        "task": "transcribe",
        "language": found.language,
        "duration": found.duration_s,
        "text": found.text,
        "segments": [
            {"id": number, "start": segment.start_s, "end": segment.end_s, "text": segment.text}
            for number, segment in enumerate(found.segments)
        ],
        "seconds": found.seconds,
    }


def _span(segment: SpeechSegment, point: str) -> str:
    return f"{_clock(segment.start_s, point)} --> {_clock(segment.end_s, point)}"


def _clock(seconds: float, point: str) -> str:
    millis = round(seconds * 1000)
    return f"{millis // 3_600_000:02}:{millis // 60_000 % 60:02}:{millis // 1000 % 60:02}{point}{millis % 1000:03}"
