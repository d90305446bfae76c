"""The part of the assistant that takes in images and recordings. See `assistant.Assistant`."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import PerceptionEvent
from autoglm_desktop.core.i18n import language as current_language
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.limits import MAX_AUDIO_FILE_BYTES, MAX_IMAGES_PER_MESSAGE, MAX_SENT_IMAGE_PIXELS
from autoglm_desktop.core.messages import ImagePart, ModelRef, TurnRequest
from autoglm_desktop.core.perception import ImageReading, Modality, TranscribeRequest
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.settings import SPEECH_MODEL_ID

from .announcer import Announcer
from .energy_turns import TurnMeter
from .events import ImageReadingChanged
from .image_intake import take_in
from .image_text import described
from .perception import Perception
from .runner import NodeImage
from .shelf import Shelf


class Described(Protocol):
    """What is known of a model before it is loaded."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Of ``text``, ``image``, ``speech``: what goes into it."""


class Models(Protocol):
    """What the assistant needs of the model library."""

    def ref(self, model_id: str) -> ModelRef:
        """Raises AppError MODEL_MISSING or MODEL_UNKNOWN."""

    def info(self, model_id: str) -> Described:
        """Raises AppError MODEL_UNKNOWN."""


class Senses:
    """Images and recordings, for an assistant. Every method may be called from any thread."""

    def __init__(
        self, engine: Engine, library: Models, shelf: Shelf, perception: Perception, announcer: Announcer
    ) -> None:
        self._engine, self._library, self._shelf = engine, library, shelf
        self._perception, self._announcer = perception, announcer

    def take_in_image(self, source: Path | bytes, *, name: str = "") -> ImagePart:
        """Check an image and hold it, upright and without metadata, for a message; the same one again costs no space.

        Takes half a second and more: not for the window's own thread. Raises AppError BAD_INPUT (a sentence that names
        the file), NOT_WRITABLE or DISK_FULL.
        """
        taken = take_in(source, name=name)
        self._shelf.put_image(taken.data, taken.part.media_type)
        return taken.part

    def hold_image(self, data: bytes) -> ImagePart:
        """As `take_in_image`, for one request and with a lower limit: until `release_image`."""
        taken = take_in(data, max_pixels=MAX_SENT_IMAGE_PIXELS)
        self._shelf.guests.hold(taken.data, taken.part.media_type)
        return replace(taken.part, reading=self._perception.reading(taken.part))

    def release_image(self, sha256: str) -> None:
        """Remove it when no other request holds it. Raises AppError NOT_WRITABLE."""
        self._shelf.guests.release(sha256)

    def image_path(self, sha256: str) -> Path:
        """The file of an image that was taken in: PNG or JPEG, upright. Raises AppError BAD_INPUT when it is gone."""
        return self._perception.path(sha256)

    def look(self, part: ImagePart, done: Callable[[ImageReading | ErrorReport], None]) -> str:
        """Read an image: from the cache at once, else by the engine, on whose thread `done` is called then.

        Returns the id for `cancel_job`.
        """

        def told(found: ImageReading | ErrorReport) -> None:
            done(found)
            self._announcer.tell(ImageReadingChanged(None, part.sha256, found))

        return self._perception.look(part, told)

    def transcribe(
        self,
        path: Path,
        *,
        language: str | None = None,
        on_event: Callable[[PerceptionEvent], None],
        meter: TurnMeter | None = None,
    ) -> str:
        """Write down a recording. `on_event` is called on the engine's thread, at last with `Transcribed` or `Failed`.

        `meter` is that of the answer it is a question for, from `energy.begin`; it goes to `send` then.

        Chinese comes in simplified characters where the interface is Chinese. Returns the id for `cancel_job`. Raises
        AppError MODEL_MISSING while the speech model is not installed, BAD_INPUT for what cannot be a recording.
        """
        _check_recording(path)
        folder = self._library.ref(SPEECH_MODEL_ID).folder
        job_id = uuid.uuid4().hex
        request = TranscribeRequest(job_id, str(path), folder, language, simplified=current_language().startswith("zh"))
        self._perception.transcribe(request, on_event, meter)
        return job_id

    def cancel_job(self, job_id: str) -> None:
        """End a look or a transcription: it fails with the code CANCELLED. Unknown ids are ignored."""
        self._perception.cancel(job_id)

    def load_modality(self, modality: Modality) -> None:
        """Load it ahead of its first use. Raises AppError MODEL_MISSING while the speech model is not installed."""
        folder = self._library.ref(SPEECH_MODEL_ID).folder if modality is Modality.SPEECH else None
        self._engine.load_modality(modality, folder)

    def unload_modality(self, modality: Modality) -> None:
        """Give its memory back as soon as nothing uses it."""
        self._engine.unload_modality(modality)

    def forget_images(self) -> None:
        """Drop images that were taken in and never sent, and what was read in them: for a visitor who is gone."""
        self._shelf.temporary.remove_unsent()
        self._perception.forget()

    def sees(self, model_id: str) -> bool:
        """Whether the model takes images themselves; one that does not is told what was read in them."""
        return "image" in self._library.info(model_id).modalities

    def _in_words(self, request: TurnRequest, path: Sequence[Node]) -> tuple[TurnRequest, tuple[NodeImage, ...]]:
        """The request as its model can take it, and the images that must be read before."""
        images = _images_of(path)
        if not images or self.sees(request.model.model_id):
            return request, ()
        unread = tuple(image for image in images if self._is_to_be_read(image.part))
        if unread:
            return request, unread
        words = described(request.messages, self._perception.reading)
        return replace(request, messages=words, seen=request.messages), ()

    def _is_to_be_read(self, part: ImagePart) -> bool:
        """A file that is gone cannot be read any more; the conversation goes on without."""
        return self._perception.reading(part) is None and self._shelf.image_path(part.sha256) is not None


def checked_images(images: Sequence[ImagePart]) -> tuple[ImagePart, ...]:
    """The images of a message. Raises AppError BAD_INPUT when there are too many."""
    if len(images) > MAX_IMAGES_PER_MESSAGE:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg(
                "A message holds up to {limit} images; these are {count}.",
                limit=MAX_IMAGES_PER_MESSAGE,
                count=len(images),
            ),
            msg("Remove some, or send them in several messages."),
        )
    return tuple(images)


def _images_of(path: Sequence[Node]) -> tuple[NodeImage, ...]:
    """The images of a branch, each once, in order."""
    parts: dict[str, ImagePart] = {}
    nodes: dict[str, list[str]] = {}
    for node in path:
        for part in node.parts:
            if isinstance(part, ImagePart):
                parts.setdefault(part.sha256, part)
                nodes.setdefault(part.sha256, []).append(node.id)
    return tuple(NodeImage(part, tuple(dict.fromkeys(nodes[sha256]))) for sha256, part in parts.items())


def _check_recording(path: Path) -> None:
    """What needs no look inside; the engine tells of the rest. Raises AppError BAD_INPUT."""
    name = path.name or str(path)
    try:
        size = path.stat().st_size if path.exists() else None
        is_file, readable = path.is_file(), os.access(path, os.R_OK)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        size, is_file, readable = None, False, False
    another = msg("Choose another file.")
    if size is None:
        raise AppError(ErrorCode.BAD_INPUT, msg("There is no file {name}.", name=str(path)), another)
    if path.is_dir():
        raise AppError(ErrorCode.BAD_INPUT, msg("{name} is a folder.", name=name), another)
    if not is_file:
        raise AppError(ErrorCode.BAD_INPUT, msg("{name} is not a file.", name=name), another)
    if not readable:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("{name} cannot be read.", name=name),
            msg("Check that the file may be read, then try again."),
        )
    if size == 0:
        raise AppError(ErrorCode.BAD_INPUT, msg("{name} is empty.", name=name), another)
    if size > MAX_AUDIO_FILE_BYTES:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("{name} is too large for a recording of up to two hours.", name=name),
            msg("Cut it into pieces, then try again."),
        )
