"""From a drop, a paste, a dialog, a screen or a camera into the message that is being written. GUI thread only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import SIGNAL, QMimeData, QObject, QStandardPaths, Qt, Signal
from PySide6.QtGui import QGuiApplication, QImage, QTextDocument
from PySide6.QtWidgets import QFileDialog

from autoglm_desktop.core.errors import AppError, ErrorReport
from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.core.limits import MAX_IMAGES_PER_MESSAGE
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.ui.jobs import Cancelled, Job, Report, unexpected_report
from autoglm_desktop.ui.widgets.composer import Composer

from .draft import Attachment, Draft, Note
from .pictures import SIDE_PX, Pictures, encoded, load
from .sources import AUDIO_SUFFIXES, IMAGE_SUFFIXES, Offer, Source, carries, offer_of, offer_of_files

log = logging.getLogger(__name__)

NEW = ""
"""Key of the draft for a conversation that does not exist yet."""


class Images(Protocol):
    """What the desk needs of the assistant."""

    def take_in_image(self, source: Path | bytes, *, name: str = "") -> ImagePart:
        """Blocks; any thread. Raises AppError."""

    def image_path(self, sha256: str) -> Path:
        """Any thread. Raises AppError."""


@dataclass(frozen=True, slots=True)
class _TakenIn:
    key: int
    part: ImagePart
    picture: QImage


@dataclass(frozen=True, slots=True)
class _Refused:
    key: int
    error: ErrorReport


class ImageDesk(QObject):
    """Keeps a draft for each conversation and shows the open one in the composer.

    Its text is a document of its own, so that what is spoken for a conversation finds its place there at any time.
    """

    open_requested = Signal(object, int)
    """Parts of the draft and the place of the one to look at."""
    sounds_offered = Signal(object)
    """Paths of sound files that were dropped, pasted or chosen."""

    def __init__(self, composer: Composer, images: Images, pictures: Pictures, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._composer, self._images, self.pictures = composer, images, pictures
        self._drafts: dict[str, Draft] = {}
        self._texts: dict[str, QTextDocument] = {}
        self._current = NEW
        self._keys = count(1)
        self._jobs: set[Job] = set()
        composer.strip.pictures = pictures
        composer.strip.removed.connect(self.remove)
        composer.strip.opened.connect(self._open)
        composer.strip.notes_closed.connect(lambda: self._change(self._current, lambda d: replace(d, notes=())))
        composer.edit.offered.connect(self.take_mime)
        pictures.arrived.connect(lambda _: self._show())
        self._show_text()

    def close(self) -> None:
        """Drop what is still being taken in, and wait for its threads."""
        for job in list(self._jobs):
            job.close()
        self._jobs.clear()

    @property
    def draft(self) -> Draft:
        """The open conversation's."""
        return self._drafts.get(self._current, Draft())

    @property
    def busy(self) -> bool:
        """Whether something is still being taken in."""
        return bool(self._jobs)

    # Drafts

    def switch(self, conversation_id: str | None) -> None:
        """Another conversation is open: show its draft."""
        key = conversation_id or NEW
        if key == self._current:
            return
        self._current = key
        self._show_text()
        self._show()

    def adopt(self, conversation_id: str) -> None:
        """The conversation that the open draft was for exists now."""
        self._drafts[conversation_id] = self._drafts.pop(self._current, Draft())
        self._texts[conversation_id] = self._texts.pop(self._current)
        self._current = conversation_id

    def sent(self) -> None:
        """The open draft became a message."""
        self._drafts.pop(self._current, None)
        self._composer.set_text("")
        self._show()

    def forget(self, conversation_id: str) -> None:
        """A conversation was deleted, and its draft with it."""
        if conversation_id == self._current:
            self.switch(None)
        self._drafts.pop(conversation_id, None)
        if (text := self._texts.pop(conversation_id, None)) is not None:
            text.deleteLater()

    # Taking in

    def take_mime(self, data: QMimeData) -> None:
        """What was dropped or pasted."""
        self.take(offer_of(data))

    def paste(self) -> None:
        """Ctrl+V outside of a text field: images, or text into the composer."""
        data = QGuiApplication.clipboard().mimeData()
        if carries(data):
            self.take_mime(data)
        else:
            self._composer.edit.paste()
        self._composer.edit.setFocus()

    def take_picture(self, picture: QImage, name: str) -> None:
        """A picture from the screen or the camera."""
        self.take(Offer(images=(Source(name, picture),)))

    def take(self, offer: Offer) -> None:
        """Attach as many as fit and say what does not; the rest of the message stays as it is."""
        notes: list[Note] = list(offer.refused)
        if offer.sounds and self._takes_sounds:
            self.sounds_offered.emit(offer.sounds)
        elif offer.sounds:
            notes.append(msg("{name} is a sound, and only images can be attached.", name=offer.sounds[0].name))
        if not (offer.images or notes):
            return
        room = MAX_IMAGES_PER_MESSAGE - len(self.draft.images)
        taken = offer.images[:room]
        if len(offer.images) > room:
            notes.append(
                msg(
                    "A message takes at most {most} images: {count} left out.",
                    most=MAX_IMAGES_PER_MESSAGE,
                    count=len(offer.images) - len(taken),
                )
            )
        pairs = [(Attachment(next(self._keys), source.name), source) for source in taken]
        self._change(self._current, lambda draft: draft.adding((image for image, _ in pairs), notes))
        if pairs:
            self._begin([(image.key, source) for image, source in pairs])

    def remove(self, key: int) -> None:
        """Take an image out of the open draft."""
        self._change(self._current, lambda draft: draft.without(key))

    def ask_for_files(self) -> QFileDialog:
        """The dialog to choose images in, several at once; it is shown already."""
        dialog = QFileDialog(self._composer.window(), tr("Attach images"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setDirectory(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation))
        sounds = " ".join(f"*{suffix}" for suffix in sorted(AUDIO_SUFFIXES))
        images = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES))
        names = [f"{tr('Images')} ({images})", f"{tr('All files')} (*)"]
        if self._takes_sounds:
            names.insert(1, f"{tr('Sound')} ({sounds})")
        dialog.setNameFilters(names)
        dialog.filesSelected.connect(lambda files: self.take(offer_of_files([Path(file) for file in files])))
        dialog.open()
        return dialog

    @property
    def _takes_sounds(self) -> bool:
        return self.receivers(SIGNAL("sounds_offered(PyObject)")) > 0

    def _begin(self, batch: Sequence[tuple[int, Source]]) -> None:
        job = Job(lambda report, cancelled: self._work(batch, report, cancelled), name="images", parent=self)
        self._jobs.add(job)
        job.progressed.connect(self._arrived)
        job.succeeded.connect(lambda _: self._ended(job))
        job.failed.connect(lambda _: self._ended(job))
        job.start()

    def _work(self, batch: Sequence[tuple[int, Source]], report: Report, cancelled: Cancelled) -> None:
        """On the job's thread: one image after the other."""
        for key, source in batch:
            if cancelled():
                return
            try:
                data = encoded(source.data) if isinstance(source.data, QImage) else source.data
                part = self._images.take_in_image(data, name=source.name)
                report(_TakenIn(key, part, load(self._images.image_path(part.sha256), SIDE_PX)))
            except AppError as error:
                report(_Refused(key, error.report))
            except Exception as error:
                log.exception("%s could not be taken in", source.name)
                report(_Refused(key, unexpected_report(error)))

    def _arrived(self, told: object) -> None:
        """One image of a job is in the store, or cannot be."""
        if isinstance(told, _TakenIn):
            self.pictures.put(told.part.sha256, told.picture)
            part = told.part
            self._change(self._owner(told.key), lambda draft: draft.taken_in(told.key, part))
        elif isinstance(told, _Refused):
            error = told.error
            self._change(self._owner(told.key), lambda draft: draft.failing(told.key, error))

    def _owner(self, key: int) -> str:
        """The draft that holds an image; the open one when its image was taken out since."""
        owners = (owner for owner, draft in self._drafts.items() if key in {image.key for image in draft.images})
        return next(owners, self._current)

    def _ended(self, job: Job) -> None:
        self._jobs.discard(job)
        job.close()
        job.deleteLater()

    def _change(self, owner: str, change: Callable[[Draft], Draft]) -> None:
        self._drafts[owner] = change(self._drafts.get(owner, Draft()))
        self._show()

    def _show_text(self) -> None:
        edit = self._composer.edit
        edit.use(self._texts.setdefault(self._current, QTextDocument(edit)))

    def _show(self) -> None:
        draft = self.draft
        self._composer.strip.show_draft(draft.images, draft.notes)
        self._composer.show_images(count=len(draft.parts), waiting=draft.waiting)

    def _open(self, key: int) -> None:
        shown = [image for image in self.draft.images if image.part is not None]
        at = next((place for place, image in enumerate(shown) if image.key == key), None)
        if at is not None:
            self.open_requested.emit(self.draft.parts, at)
