"""What a model that reads text only is told of an image: a marked block made of the reading.

The block depends on the image, its name and its place in the message alone, never on the language of the window or on
the time, so that the same conversation gives the same prompt and the KV cache of a session holds it. Every line that
was read begins with ``> ``: what is written in an image cannot pass itself off as the end of the block.
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
MIN_PROBABILITY = 0.1
"""Labels that are less likely than this would be guesses."""
_SQUARE = 1.05  # sides that differ by less count as square

FindReading = Callable[[ImagePart], ImageReading | None]


def described(messages: Sequence[Message], find: FindReading) -> tuple[Message, ...]:
    """The messages with a block of text in the place of every image."""
    return tuple(_described(message, find) for message in messages)


def block(number: int, part: ImagePart, reading: ImageReading | None) -> str:
    """The block of one image; `number` is its place in the message, from 1. No reading: it says so."""
    name = part.name.replace('"', "'")
    head = f'[Image {number}: "{name}", {part.width} × {part.height} pixels, {_orientation(part)}.'
    if reading is None:
        return f"{head} It could not be read: nothing is known about its contents.]\n"
    return "\n".join(
        [
            f"{head} You do not see it; this is what a program read in it.",
            *_labels(reading),
            *_text(reading),
            f"End of image {number}]\n",
        ]
    )


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
    likely = [label for label in reading.labels if label.probability >= MIN_PROBABILITY][:MAX_LABELS]
    if not likely:
        return []
    names = ", ".join(f"{label.name} ({label.probability:.0%})" for label in likely)
    return [f"It may show (with the probability): {names}"]


def _text(reading: ImageReading) -> list[str]:
    lines = [line for line in (_one_line(found.text) for found in reading.text_lines) if line]
    if not lines:
        return ["No text was found in it."]
    kept: list[str] = []
    room = MAX_CHARACTERS
    for line in lines:
        if len(line) > room:
            break
        kept.append(line)
        room -= len(line)
    left_out = len(lines) - len(kept)
    shown = [f"> {line}" for line in kept]
    count = f"{len(kept)} of {len(lines)} lines" if left_out else f"{len(kept)} lines" if len(kept) > 1 else "1 line"
    tail = [f"({left_out} more lines of text were left out because they are too long.)"] if left_out else []
    return [f"Text written in it ({count}, in reading order):", *shown, *tail]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE_CHARACTERS else f"{line[:MAX_LINE_CHARACTERS]}… (cut)"
