"""What is about to be sent in a conversation beside its text: images, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.i18n import Text
from autoglm_desktop.core.messages import ImagePart

Note = Text | ErrorReport


@dataclass(frozen=True, slots=True)
class Attachment:
    """An image of a draft; without a `part` it is still being taken in."""

    key: int
    name: str
    part: ImagePart | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """The images of a message that is being written. `notes` say what could not be attached, and why."""

    images: tuple[Attachment, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def waiting(self) -> bool:
        """Whether an image is still being taken in."""
        return any(image.part is None for image in self.images)

    @property
    def parts(self) -> tuple[ImagePart, ...]:
        return tuple(image.part for image in self.images if image.part is not None)

    def adding(self, images: Iterable[Attachment], notes: Iterable[Note]) -> Draft:
        """With more images; the notes of an earlier try are over."""
        return replace(self, images=(*self.images, *images), notes=tuple(notes))

    def taken_in(self, key: int, part: ImagePart) -> Draft:
        """An image arrived. The same one twice in a message is one."""
        if part.sha256 in {other.sha256 for other in self.parts}:
            return self.without(key)
        images = (replace(image, part=part) if image.key == key else image for image in self.images)
        return replace(self, images=tuple(images))

    def failing(self, key: int, why: ErrorReport) -> Draft:
        """An image could not be taken in: it goes, a sentence stays. One that was taken out is no longer missed."""
        if key not in {image.key for image in self.images}:
            return self
        return replace(self.without(key), notes=(*self.notes, why))

    def without(self, key: int) -> Draft:
        return replace(self, images=tuple(image for image in self.images if image.key != key))
