"""From what clients send to messages of the assistant: text as it is, images looked at, speech written down."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import Failed, PerceptionEvent
from autoglm_desktop.core.limits import MAX_IMAGES_PER_MESSAGE
from autoglm_desktop.core.messages import ImagePart, Message, Part, Role, TextPart
from autoglm_desktop.core.perception import ImageReading, Transcribed, Transcript

from .errors import bad
from .schemas import (
    AudioContent,
    ChatMessage,
    Content,
    ImageContent,
    InputImageContent,
    InputMessage,
    RefusalContent,
    TextContent,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

Sent = Mapping[str, ChatMessage | InputMessage]
"""The messages of a request in their order, each by where its content stands there, as errors name it."""

MAX_IMAGES = 32
MAX_AUDIOS = 8

_ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}
_IMAGE_TYPES = (
    "image/png",
    "image/jpeg",
    "image/jpg",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/tiff",
    "image/heic",
    "image/heif",
    "image/avif",
    "image/jp2",
    "image/x-icon",
    "image/vnd.microsoft.icon",
)


@dataclass(frozen=True, slots=True, eq=False)
class _Speech:
    """A recording that is to be written down."""

    data: bytes
    suffix: str


@dataclass(slots=True)
class ImageDoor:
    """Takes images in one at a time: a small file may be large when it is decoded. Used on the event loop."""

    assistant: Assistant
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def take_in(self, data: bytes, closing: AsyncExitStack) -> ImagePart:
        """Held until `closing` ends, also when this is cancelled: the work itself cannot be. Raises AppError."""
        await self._turn.acquire()
        work = asyncio.create_task(asyncio.to_thread(self.assistant.hold_image, data))
        work.add_done_callback(lambda _: self._turn.release())
        closing.callback(work.add_done_callback, self._release)
        return await asyncio.shield(work)

    def _release(self, work: asyncio.Task[ImagePart]) -> None:
        if work.cancelled() or work.exception() is not None:
            return
        try:
            self.assistant.release_image(work.result().sha256)
        except AppError:  # it goes with the process; the client has its answer
            log.exception("an image could not be removed")


@dataclass(slots=True)
class Intake:
    """Takes the messages of one request in; what they bring is held until `closing` ends."""

    assistant: Assistant
    door: ImageDoor
    closing: AsyncExitStack
    unread: int = 0
    """Images that the engine failed to read: the model is told that nothing is known of them."""

    async def messages(self, sent: Sent) -> tuple[Message, ...]:
        """Raises Refused or AppError."""
        _count(sent)
        taken = [await self._parts(where, message) for where, message in sent.items()]
        found = await self._perceived([part for parts in taken for part in parts])
        return tuple(
            Message(_ROLES[message.role], tuple(_separated([_told(part, found) for part in parts])))
            for message, parts in zip(sent.values(), taken, strict=True)
        )

    async def _parts(self, where: str, message: ChatMessage | InputMessage) -> list[Part | _Speech]:
        content = message.content
        if content is None and message.role != "assistant":
            raise bad("A message of this role needs a content.", where)
        if content is None or isinstance(content, str):
            return [TextPart(content or "")]
        return [await self._part(part, f"{where}.{place}") for place, part in enumerate(content)]

    async def _part(self, part: Content, where: str) -> Part | _Speech:
        match part:
            case TextContent():
                return TextPart(part.text)
            case RefusalContent():
                return TextPart(part.refusal)
            case ImageContent(image_url=url):
                return await self._image(url if isinstance(url, str) else url.url, where)
            case InputImageContent(image_url=url):
                if url is None:
                    raise bad("Files are not kept here: send the image as a data: URL.", where)
                return await self._image(url, where)
            case AudioContent(input_audio=audio):
                return _Speech(_decoded(audio.data, f"{where}.input_audio.data"), f".{audio.format}")

    async def _image(self, url: str, where: str) -> ImagePart:
        return await self.door.take_in(_data_url(url, where), self.closing)

    async def _perceived(self, parts: Sequence[Part | _Speech]) -> dict[object, Part]:
        """What was read and heard. All of it is asked for at once: nobody else's work comes between.

        A model that sees needs no reading.
        """
        reads = not self.assistant.sees(self.assistant.settings.model_id)
        work: dict[object, Coroutine[Any, Any, Part]] = {}
        for part in parts:
            if isinstance(part, _Speech):
                work[part] = self._heard(part)
            elif reads and isinstance(part, ImagePart) and part.reading is None and part not in work:
                work[part] = self._read(part)
        return dict(zip(work, await _all(list(work.values())), strict=True))

    async def _heard(self, speech: _Speech) -> Part:
        return TextPart((await transcribe(self.assistant, speech.data, speech.suffix)).text)

    async def _read(self, part: ImagePart) -> Part:
        try:
            return replace(part, reading=await look(self.assistant, part))
        except AppError as error:
            if error.report.code in (ErrorCode.BAD_INPUT, ErrorCode.CANCELLED):
                raise
            log.warning("an image is told of without a reading: %s %s", error, error.report.details)
            self.unread += 1
            return part


def _told(part: Part | _Speech, found: Mapping[object, Part]) -> Part:
    """The part with what was read in it, or what was heard."""
    if isinstance(part, _Speech):
        return found[part]
    return found.get(part, part)


async def _all(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results; the first failure ends the others."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def look(assistant: Assistant, part: ImagePart) -> ImageReading:
    """What the engine reads in an image. Raises AppError; cancelled with the task."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[ImageReading | ErrorReport] = loop.create_future()

    def done(found: ImageReading | ErrorReport) -> None:
        _settle(loop, result, found)

    job = await asyncio.to_thread(assistant.look, part, done)
    try:
        return _or_raise(await result)
    except asyncio.CancelledError:
        assistant.cancel_job(job)
        raise


async def transcribe(assistant: Assistant, data: bytes, suffix: str, *, language: str | None = None) -> Transcript:
    """Speech as text. Raises AppError; cancelled with the task. The file lives as long as the work."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Transcript | ErrorReport] = loop.create_future()

    def take(event: PerceptionEvent) -> None:
        if isinstance(event, Transcribed):
            _settle(loop, result, event.transcript)
        elif isinstance(event, Failed):
            _settle(loop, result, event.error)

    with tempfile.TemporaryDirectory(prefix="autoglm-") as folder:
        path = Path(folder) / f"speech{suffix}"
        await asyncio.to_thread(path.write_bytes, data)
        job = await asyncio.to_thread(lambda: assistant.transcribe(path, language=language, on_event=take))
        try:
            return _or_raise(await result)
        except asyncio.CancelledError:
            assistant.cancel_job(job)
            raise


def _settle(loop: asyncio.AbstractEventLoop, result: asyncio.Future[T], value: T) -> None:
    """Called on any thread."""

    def settle() -> None:
        if not result.done():
            result.set_result(value)

    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(settle)


def _or_raise(found: T | ErrorReport) -> T:
    if isinstance(found, ErrorReport):
        raise AppError(found.code, found.cause, found.next_step, details=found.details)
    return found


def _count(sent: Sent) -> None:
    """Refuse what would keep the engine busy for minutes before the first word."""
    field = next(iter(sent), "").partition(".")[0]
    contents = [message.content for message in sent.values() if isinstance(message.content, list)]
    images = [sum(isinstance(p, ImageContent | InputImageContent) for p in content) for content in contents]
    if max(images, default=0) > MAX_IMAGES_PER_MESSAGE or sum(images) > MAX_IMAGES:
        raise bad(f"At most {MAX_IMAGES_PER_MESSAGE} images in a message and {MAX_IMAGES} in all.", field)
    if sum(isinstance(part, AudioContent) for content in contents for part in content) > MAX_AUDIOS:
        raise bad(f"At most {MAX_AUDIOS} recordings.", field)


def _separated(parts: list[Part]) -> list[Part]:
    """Pieces of text that follow each other are lines of their own."""
    found: list[Part] = []
    for part in parts:
        if found and isinstance(part, TextPart) and isinstance(found[-1], TextPart):
            found.append(TextPart("\n"))
        found.append(part)
    return found


def _data_url(url: str, where: str) -> bytes:
    head, comma, data = url.partition(",")
    if not head.lower().startswith("data:") or not comma:
        raise bad("Only data: URLs are taken: this service fetches nothing from files or the network.", where)
    kind, *how = head[5:].lower().split(";")
    if kind not in _IMAGE_TYPES:
        raise bad(f"Images of the type {kind[:60]!r} are not taken.", where, "unsupported_image")
    if "base64" not in how:
        raise bad("The data: URL must be in base64.", where)
    return _decoded(data, where)


def _decoded(data: str, where: str) -> bytes:
    try:
        found = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad("This is not valid base64.", where, "invalid_base64") from error
    if not found:
        raise bad("There is nothing in it.", where)
    return found
