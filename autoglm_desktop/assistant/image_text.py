"""What a model that reads text only is told of an image: a marked block made of the reading.

The block depends on the image and its place in the message alone, never on the language of the window or on the time,
so that the same conversation gives the same prompt and the KV cache of a session holds it. It speaks Chinese and
English, as the system prompt does, and tells how many lines there are but not the file's name: small models follow it
better so, and take a name for what is written. Every line that was read begins with ``> ``: what is written in an image
cannot pass itself off as the end of the block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from autoglm_desktop.core.messages import ImagePart, Message, Part, TextPart
from autoglm_desktop.core.perception import ImageReading

MAX_CHARACTERS = 4000
"""Of text in one image: about the tokens of four pages."""
MAX_LINE_CHARACTERS = 1000
MAX_LABELS = 3
_SQUARE = 1.05  # sides that differ by less count as square

FindReading = Callable[[ImagePart], ImageReading | None]


def described(messages: Sequence[Message], find: FindReading) -> tuple[Message, ...]:
    """The messages with a block of text in the place of every image."""
    return tuple(_described(message, find) for message in messages)


def block(number: int, part: ImagePart, reading: ImageReading | None) -> str:
    """The block of one image; `number` is its place in the message, from 1. No reading: it says so."""
    head = f"[图片 {number}, Image {number}: {part.width} × {part.height} pixels, {_orientation(part)}]"
    body = ["(无法读出, it could not be read: nothing is known of its contents)"]
    if reading is not None:
        body = [*_text(reading), *_labels(reading)]
    return "\n".join([head, *body, f"[Image {number} ends]\n\n"])


def _described(message: Message, find: FindReading) -> Message:
    if not any(isinstance(part, ImagePart) for part in message.parts):
        return message
    parts: list[Part] = []
    number = 0
    for part in message.parts:
        if isinstance(part, ImagePart):
            number += 1
            parts.append(TextPart(block(number, part, find(part))))
        else:
            parts.append(part)
    return replace(message, parts=tuple(parts))


def _orientation(part: ImagePart) -> str:
    if part.width > part.height * _SQUARE:
        return "landscape"
    return "portrait" if part.height > part.width * _SQUARE else "square"


def _labels(reading: ImageReading) -> list[str]:
    likely = reading.likely_labels[:MAX_LABELS]
    if not likely:
        return [] if reading.text_lines else ["没有认出确定的东西 (nothing was recognised with certainty)."]
    names = ", ".join(f"{label.name} ({label.probability:.0%})" for label in likely)
    return [f"图片可能是 (a program takes it for, with the probability): {names}"]


def _text(reading: ImageReading) -> list[str]:
    lines = [line for line in (_one_line(found.text) for found in reading.text_lines) if line]
    if not lines and reading.doubtful:
        return ["图片里有文字，但是读不出来 (there is text in the image that could not be read)."]
    if not lines:
        return ["图片里没有读出文字 (no text was found in the image)."]
    kept: list[str] = []
    room = MAX_CHARACTERS
    for line in lines:
        if len(line) > room:
            break
        kept.append(line)
        room -= len(line)
    told = f"{len(lines)} {'line' if len(lines) == 1 else 'lines'}"
    found = [
        f"图片里写了 {len(lines)} 行文字 (a program read {told} of text in the image):",
        *(f"> {line}" for line in kept),
    ]
    if reading.doubtful:
        found.append("(这些文字读得不清楚，不可靠: this text was read badly and is not to be trusted)")
    left_out = len(lines) - len(kept)
    if left_out:
        found.append(
            f"(另有 {left_out} 行太长，没有列出: {left_out} more lines were left out because the text is too long)"
        )
    return found


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE_CHARACTERS else f"{line[:MAX_LINE_CHARACTERS]}… (cut)"
