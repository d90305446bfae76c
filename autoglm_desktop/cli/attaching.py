"""Images and a recording that come with a question on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.energy_turns import TurnMeter
from autoglm_desktop.assistant.senses import checked_images
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import Failed, PerceptionEvent, PhaseChanged
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.perception import Transcribed, Transcript

from .answering import View


def take_in_images(assistant: Assistant, paths: Sequence[Path]) -> tuple[ImagePart, ...]:
    """The images, checked. Raises AppError BAD_INPUT for the first that cannot be used, or for too many."""
    return checked_images([assistant.take_in_image(path) for path in paths])


def heard(assistant: Assistant, path: Path, view: View, meter: TurnMeter) -> Transcript:
    """What is said in a recording; the view shows what happens meanwhile, `meter` is charged.

    Raises AppError MODEL_MISSING, BAD_INPUT (also for a recording without speech), or what the engine says.
    """
    events: SimpleQueue[PerceptionEvent] = SimpleQueue()
    job_id = assistant.transcribe(path, on_event=events.put, meter=meter)
    try:
        transcript = _last(events, view)
    except KeyboardInterrupt:
        assistant.cancel_job(job_id)
        raise
    finally:
        view.end()
    if not transcript.text.strip():
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("No speech was heard in {name}.", name=path.name),
            msg("Use a recording in which someone speaks."),
        )
    return transcript


def with_transcript(text: str, transcript: Transcript | None) -> str:
    """The question: what was typed, then what was said."""
    return "\n\n".join(filter(None, (text, transcript.text.strip() if transcript else "")))


def attached_of(prompt: Node, transcript: Transcript | None) -> dict[str, object]:
    """What ``chat --json`` adds for images and a recording; nothing without."""
    images = [part for part in prompt.parts if isinstance(part, ImagePart)]
    found: dict[str, object] = {}
    if images:
        found["images"] = [_image_of(part) for part in images]
    if transcript is not None:
        found["transcript"] = {
            "text": transcript.text,
            "language": transcript.language,
            "duration_s": round(transcript.duration_s, 3),
            "seconds": round(transcript.seconds, 3),
        }
    return found


def _image_of(part: ImagePart) -> dict[str, object]:
    reading = part.reading
    return {
        "name": part.name,
        "width": part.width,
        "height": part.height,
        "text_lines": [line.text for line in reading.text_lines] if reading else None,
        "doubtful": reading.doubtful if reading else None,
        "labels": [{"name": label.name, "probability": round(label.probability, 4)} for label in reading.labels]
        if reading
        else None,
    }


def _last(events: SimpleQueue[PerceptionEvent], view: View) -> Transcript:
    while True:
        event = events.get()
        if isinstance(event, PhaseChanged):
            view.phase(event.phase, event.fraction)
        elif isinstance(event, Transcribed):
            return event.transcript
        elif isinstance(event, Failed):
            error = event.error
            raise AppError(error.code, error.cause, error.next_step, details=error.details)
