"""``look``: what the assistant reads in an image."""

from __future__ import annotations

import sys
import uuid
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from autoglm_desktop.assistant.image_intake import take_in
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.perception import ImageRead, ImageReading, LookRequest

from .answering import energy_of, energy_words
from .context import begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption
from .output import print_json, print_text
from .perceiving import perceive


def look(
    typer_context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PNG, JPEG, WebP, AVIF, GIF, BMP, TIFF, or HEIC.")],
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Read an image: its text in reading order, what it may show, its size."""
    context = begin(typer_context, data_dir, log_level, language)
    taken = take_in(file)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        path.write_bytes(taken.data)
        read, energy = perceive(context, LookRequest(uuid.uuid4().hex, str(path)))
    assert isinstance(read, ImageRead), "that is how a look ends"
    if as_json:
        print_json({**_rounded(read.reading), "load_s": round(read.load_s, 3), "energy": energy_of(energy)})
    else:
        _show(read.reading)
        print(energy_words(energy), file=sys.stderr)


def _rounded(reading: ImageReading) -> dict[str, object]:
    found = asdict(reading)
    for line in found["text_lines"]:
        line["confidence"] = round(line["confidence"], 4)
    for label in found["labels"]:
        label["probability"] = round(label["probability"], 4)
    found["seconds"] = round(found["seconds"], 3)
    return found


def _doubt(reading: ImageReading) -> str:
    if not reading.text_lines:
        return tr("There is text in this image that could not be read.")
    return tr("This reading is not to be trusted: most of the text was read badly.")


def _show(reading: ImageReading) -> None:
    for line in reading.text_lines:
        print_text(line.text)
    if reading.doubtful:
        print(_doubt(reading), file=sys.stderr)
    named = ", ".join(f"{label.name} {label.probability:.0%}" for label in reading.likely_labels)
    print(tr("It may show: {labels}", labels=named) if named else tr("No label is likely."), file=sys.stderr)
    count = len(reading.text_lines)
    told = tr(
        "{width} × {height} pixels, {count} lines of text, {seconds:.1f} s",
        width=reading.width,
        height=reading.height,
        count=count,
        seconds=reading.seconds,
    )
    print(told, file=sys.stderr)
