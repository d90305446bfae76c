"""Images and speech over HTTP."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import (
    ImageLabel,
    ImageReading,
    LookRequest,
    SpeechSegment,
    TextLine,
    TranscribeRequest,
    Transcript,
)
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.script import Senses
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.assistants import Installed
from tests.helpers.energy_services import Clock, pass_time, service_at
from tests.helpers.services import InProcess, in_process

READING = ImageReading(
    (TextLine("Gate 14", 0.98, (1, 2, 60, 20)),), (ImageLabel("street sign", 0.7),), width=64, height=48, seconds=0.1
)
HEARD = Transcript(
    "Good morning.", "en", 1.5, 0.2, (SpeechSegment(0.0, 0.7, " Good"), SpeechSegment(0.7, 3661.5, " morning."))
)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "


def png(color: str = "red") -> str:
    """An image as clients send it."""
    data = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


@contextmanager
def seeing(
    *,
    fails: bool = False,
    code: ErrorCode = ErrorCode.BAD_INPUT,
    library: Installed | None = None,
    energy: EnergyService | None = None,
) -> Iterator[tuple[InProcess, ScriptedEngine, list[object]]]:
    """A service whose engine reads and hears; the list has what it was asked to."""
    asked: list[object] = []
    broken = ErrorReport(code, msg("It cannot be read."), msg("Send another."))

    def read(request: LookRequest) -> ImageReading | ErrorReport:
        asked.append(request)
        return broken if fails else READING

    def hear(request: TranscribeRequest) -> Transcript | ErrorReport:
        asked.append(request)
        return broken if fails else HEARD

    engine = ScriptedEngine([Reply("I see.")], senses=Senses(read=read, hear=hear))
    with in_process(engine, Settings(), library=library, energy=energy) as ask:
        yield ask, engine, asked


def with_parts(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def test_an_image_is_read_once_and_told_in_words() -> None:
    image = {"type": "image_url", "image_url": {"url": png(), "detail": "low"}}
    text = {"type": "text", "text": "Where am I?"}
    clock = Clock()
    energy = service_at(clock)
    with seeing(energy=energy) as (ask, engine, asked):
        for _ in range(2):
            assert ask.chat(messages=with_parts(image, text)).status_code == 200
        prompts = [request.messages[-1].text for request in engine.requests]
        assert len(asked) == 1, "the second time the reading is known"
        energy.beat()
        assert energy.view().snapshot.backlog.images == 1.0, "the phone reads it once, too"
        pass_time(energy, clock, 30.0)
        assert energy.view().snapshot.backlog.images == 0.0
        assert ask.get("/v1/energy").json()["phone"]["joules"] > energy.profile.power.image_j
    assert prompts[0] == prompts[1], "deterministic, so that the cache holds it"
    assert "> Gate 14" in prompts[0]
    assert prompts[0].endswith("Where am I?")


@pytest.mark.parametrize(("format_", "kind"), [("AVIF", "avif"), ("WEBP", "webp"), ("JPEG2000", "jp2")])
def test_every_kind_of_image_comes_as_a_data_url(format_: str, kind: str) -> None:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(data, format_)
    url = f"data:image/{kind};base64,{base64.b64encode(data.getvalue()).decode()}"
    with seeing() as (ask, engine, _):
        assert ask.chat(messages=with_parts({"type": "image_url", "image_url": {"url": url}})).status_code == 200
    assert "> Gate 14" in engine.requests[0].messages[-1].text


def test_a_model_that_sees_gets_the_image_itself() -> None:
    image = {"type": "image_url", "image_url": png()}
    with seeing(library=Installed(modalities=("text", "image"))) as (ask, engine, _):
        assert ask.chat(messages=with_parts(image)).status_code == 200
    assert [part.kind for part in engine.requests[0].messages[-1].parts] == ["image"]


def test_an_image_in_a_response() -> None:
    content = [{"type": "input_image", "image_url": png("blue"), "detail": "auto"}, {"type": "input_text", "text": "?"}]
    with seeing() as (ask, engine, _):
        answer = ask.post(
            "/v1/responses", json={"model": "autoglm-phone-9b", "input": [{"role": "user", "content": content}]}
        )
    assert answer.status_code == 200
    assert "Gate 14" in engine.requests[0].messages[-1].text


def test_too_many_images_are_refused_before_any_work() -> None:
    image = {"type": "image_url", "image_url": {"url": png()}}
    with seeing() as (ask, _, asked):
        assert ask.chat(messages=with_parts(*[image] * 9)).status_code == 400
        assert ask.chat(messages=with_parts(*[image] * 8) * 5).status_code == 400
    assert asked == []


def test_speech_in_a_message_is_written_down() -> None:
    speech = {"type": "input_audio", "input_audio": {"data": base64.b64encode(WAV).decode(), "format": "wav"}}
    with seeing() as (ask, engine, asked):
        assert ask.chat(messages=with_parts(speech, {"type": "text", "text": "Answer this."})).status_code == 200
    assert engine.requests[0].messages[-1].text == "Good morning.\nAnswer this."
    assert isinstance(asked[0], TranscribeRequest)
    assert asked[0].path.endswith(".wav")


def test_what_cannot_be_read_or_heard_is_a_400() -> None:
    speech = {"type": "input_audio", "input_audio": {"data": base64.b64encode(WAV).decode(), "format": "mp3"}}
    with seeing(fails=True) as (ask, engine, _):
        for part in (speech, {"type": "image_url", "image_url": {"url": png()}}):
            answer = ask.chat(messages=with_parts(part))
            assert answer.status_code == 400
            assert "cannot be read" in answer.json()["error"]["message"]
        assert engine.requests == []


def test_an_engine_that_cannot_read_images_does_not_cost_the_answer() -> None:
    """Nor is one needed where the model sees: `asked` holds what was to be read."""
    image = {"type": "image_url", "image_url": {"url": png()}}
    with seeing(fails=True, code=ErrorCode.ENGINE_FAILED) as (ask, engine, _):
        answer = ask.chat(messages=with_parts(image, {"type": "text", "text": "Where am I?"}))
    assert answer.status_code == 200
    assert answer.headers["X-Images-Unread"] == "1"
    assert "could not be read" in engine.requests[0].messages[-1].text
    with seeing(fails=True, library=Installed(modalities=("text", "image"))) as (ask, _, asked):
        answer = ask.chat(messages=with_parts(image))
    assert answer.status_code == 200
    assert "X-Images-Unread" not in answer.headers
    assert asked == []


def test_without_the_speech_model_the_cause_is_told() -> None:
    with seeing(library=Installed(installed=(Settings().model_id,))) as (ask, _, _):
        answer = ask.post("/v1/audio/transcriptions", files={"file": ("a.wav", WAV)}, data={"model": "whisper-1"})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "model_missing"


FORMS = {
    "text": "Good morning.\n",
    "srt": "1\n00:00:00,000 --> 00:00:00,700\nGood\n\n2\n00:00:00,700 --> 01:01:01,500\nmorning.\n\n",
    "vtt": "WEBVTT\n\n00:00:00.000 --> 00:00:00.700\nGood\n\n00:00:00.700 --> 01:01:01.500\nmorning.\n\n",
}


@pytest.mark.parametrize(("form", "expected"), FORMS.items())
def test_transcripts_as_text(form: str, expected: str) -> None:
    with seeing() as (ask, _, asked):
        answer = ask.post(
            "/v1/audio/transcriptions",
            files={"file": ("morning.MP3", WAV)},
            data={"model": "whisper-1", "response_format": form, "language": "en"},
        )
    assert answer.status_code == 200
    assert answer.text == expected
    assert isinstance(asked[0], TranscribeRequest)
    assert asked[0].language == "en"
    assert asked[0].path.endswith(".MP3")


def test_transcripts_as_json() -> None:
    with seeing() as (ask, _, _):
        sent: dict[str, Any] = {"files": {"file": ("../../etc/x.w/av", WAV)}, "data": {"model": "faster-whisper-base"}}
        assert ask.post("/v1/audio/transcriptions", **sent).json() == {"text": "Good morning."}
        sent["data"]["response_format"] = "verbose_json"
        body = ask.post("/v1/audio/transcriptions", **sent).json()
    assert body["language"] == "en"
    assert body["duration"] == 1.5
    assert [segment["start"] for segment in body["segments"]] == [0.0, 0.7]


@pytest.mark.parametrize(
    ("data", "content", "status"),
    [
        ({"model": "gpt-9"}, WAV, 404),
        ({"model": "whisper-1", "response_format": "pdf"}, WAV, 400),
        ({"model": "whisper-1"}, b"", 400),
        ({}, WAV, 400),
    ],
    ids=["unknown model", "unknown form", "empty file", "no model"],
)
def test_bad_transcriptions_are_refused(data: dict[str, str], content: bytes, status: int) -> None:
    with seeing() as (ask, _, asked):
        answer = ask.post("/v1/audio/transcriptions", files={"file": ("a.wav", content)}, data=data)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert asked == []
