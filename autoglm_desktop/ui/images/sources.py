"""What a drop, a paste or a file dialog offers: images to take in, sounds for somebody else, the rest with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage

from autoglm_desktop.core.i18n import Text, msg, tr

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ico"}
    | {".heic", ".heif", ".avif", ".jp2", ".j2k"}
)
AUDIO_SUFFIXES = frozenset(
    {".wav", ".mp3", ".m4a", ".ogg", ".oga", ".opus", ".flac", ".aac", ".wma", ".webm"}
    | {".aif", ".aiff", ".amr", ".caf", ".mp4", ".mkv", ".mov", ".3gp"}
)
_ENCODED = ("image/png", "image/jpeg", "image/webp", "image/avif", "image/gif", "image/bmp", "image/tiff")
"""Taken as they are, in this order: the browser's own bytes are better than a picture made of them."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to take in: a file, the bytes of one, or a picture of Qt's. `name` is what people call it."""

    name: str
    data: Path | bytes | QImage


@dataclass(frozen=True, slots=True)
class Offer:
    """What is there to take in, the sound files among it, and why other things cannot be taken."""

    images: tuple[Source, ...] = ()
    sounds: tuple[Path, ...] = ()
    refused: tuple[Text, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.images or self.sounds or self.refused)


def carries(data: QMimeData) -> bool:
    """Whether something may be taken in: files, addresses of the web, or an image; cheap, for every drag that enters.

    Text that comes with a picture of itself (from a word processor, a spreadsheet) is text.
    """
    if data.hasUrls():
        return any(url.isLocalFile() or url.scheme() in ("http", "https") for url in data.urls()) and (
            any(url.isLocalFile() for url in data.urls()) or _has_image(data)
        )
    return _has_image(data) and not data.hasText()


def offer_of(data: QMimeData) -> Offer:
    """Everything that `data` offers. A browser's image comes as its bytes; nothing is ever fetched from the web."""
    files = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()] if data.hasUrls() else []
    if files:
        return offer_of_files(files)
    image = _image_in(data)
    if image is not None:
        return Offer(images=(Source(_name_of(data) or tr("Pasted image"), image),))
    if data.hasUrls():
        return Offer(
            refused=(msg("Only the address of the image came along, and nothing is fetched. Copy the image itself."),)
        )
    return Offer()


def offer_of_files(files: Sequence[Path]) -> Offer:
    """Files by what their names promise, images first; a name that promises nothing is tried. No file is read."""
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    sounds = [path for path in files if path.suffix.lower() in AUDIO_SUFFIXES]
    others = [path for path in files if path.suffix.lower() not in IMAGE_SUFFIXES | AUDIO_SUFFIXES]
    return Offer(tuple(Source(path.name, path) for path in (*images, *others)), tuple(sounds))


def _has_image(data: QMimeData) -> bool:
    return data.hasImage() or any(data.hasFormat(kind) for kind in _ENCODED)


def _image_in(data: QMimeData) -> bytes | QImage | None:
    for kind in _ENCODED:
        if data.hasFormat(kind):
            raw = data.data(kind).data()
            if raw:
                return bytes(raw)
    if data.hasImage():
        picture = data.imageData()
        if isinstance(picture, QImage) and not picture.isNull():
            return picture
    return None


def _name_of(data: QMimeData) -> str:
    """The file's name in its address, for an image that was dragged out of a page."""
    urls = [url for url in data.urls() if not url.isLocalFile()] if data.hasUrls() else []
    return urls[0].fileName() if urls else ""
