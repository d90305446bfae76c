"""Above the input: the images of the message, how many fit, and what could not be attached."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.limits import MAX_IMAGES_PER_MESSAGE
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.widgets.parts import Panel, describe, label, paint_icon, tool_button

from .draft import Attachment, Note
from .pictures import Pictures
from .thumb import SIDE_PX, Thumb

_GAP_PX = 8
MAX_NOTES = 3


class AttachmentStrip(Panel):
    """Shows images and notes of a draft; hidden when there are none. The desk of images tells it what to show."""

    opened = Signal(int)
    """Key of an image that was clicked."""
    removed = Signal(int)
    notes_closed = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.pictures: Pictures | None = None
        self._images: tuple[Attachment, ...] = ()
        self._notes: tuple[Note, ...] = ()
        self._reads_only = True
        self._thumbs: dict[int, Thumb] = {}
        self._row = QWidget()
        self._row.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.caption, self.note = label("secondary", wrap=True), label("error", wrap=True)
        self.close_note = tool_button()
        self._lay_out()
        self.close_note.clicked.connect(self.notes_closed)
        self.settle()

    def show_draft(self, images: Sequence[Attachment], notes: Sequence[Note]) -> None:
        """Show these; a thumbnail that is shown already stays, and keeps the focus."""
        fresh = tuple(notes) != self._notes and bool(notes)
        self._images, self._notes = tuple(images), tuple(notes)
        self._drop_gone()
        for image in self._images:
            self._show(image)
        self.retranslate()
        self._arrange()
        if fresh:
            QAccessible.updateAccessibility(QAccessibleEvent(self.note, QAccessible.Event.Alert))

    def show_model(self, *, sees: bool) -> None:
        """Whether the model sees images or is told what was read in them."""
        self._reads_only = not sees
        self.retranslate()

    def thumbs(self) -> list[Thumb]:
        """In the order of the message."""
        return [self._thumbs[image.key] for image in self._images]

    def retranslate(self) -> None:
        count = len(self._images)
        self.setVisible(bool(count or self._notes))
        words = tr("{count} of {most} images", count=count, most=MAX_IMAGES_PER_MESSAGE)
        if self._reads_only:
            words = tr("{images} · the model is told the text and labels read in them", images=words)
        self.caption.setText(words)
        self.caption.setVisible(count > 0)
        self.note.setText(note_words(self._notes))
        self.note.setAccessibleName(self.note.text())
        self.note.setVisible(bool(self._notes))
        self.close_note.setVisible(bool(self._notes))
        describe(self.close_note, tr("Close this note"))
        self.setAccessibleName(tr("Images of this message"))
        for thumb in self._thumbs.values():
            thumb.retranslate()

    def set_theme(self, theme: Theme) -> None:
        paint_icon(self.close_note, "x", theme)
        for key in list(self._thumbs):
            self._thumbs.pop(key).deleteLater()
        for image in self._images:
            self._show(image)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _show(self, image: Attachment) -> None:
        thumb = self._thumbs.get(image.key)
        if thumb is None:
            thumb = self._thumbs[image.key] = Thumb(self.look.theme, image.name, self._row)
            thumb.clicked.connect(lambda: self.opened.emit(image.key))
            thumb.removed.connect(lambda: self._remove(image.key))
            thumb.show()
        if thumb.waiting and image.part is not None and self.pictures is not None:
            picture = self.pictures.get(image.part.sha256)
            if picture is not None:
                thumb.show_picture(picture)

    def _remove(self, key: int) -> None:
        """Take an image out; the focus goes to its neighbour, not to nowhere."""
        keys = [image.key for image in self._images]
        at = keys.index(key)
        inside = self._thumbs[key].hasFocus() or self._thumbs[key].cross.hasFocus()
        left = keys[:at] + keys[at + 1 :]
        self.removed.emit(key)
        if inside and left:
            self._thumbs[left[min(at, len(left) - 1)]].setFocus(Qt.FocusReason.OtherFocusReason)
        elif inside:
            self.focusNextChild()

    def _drop_gone(self) -> None:
        keys = {image.key for image in self._images}
        for key in [key for key in self._thumbs if key not in keys]:
            thumb = self._thumbs.pop(key)
            thumb.hide()
            thumb.deleteLater()

    def _arrange(self) -> None:
        """Rows of squares, as many as the width holds."""
        step = SIDE_PX + _GAP_PX
        across = max(1, (self._row.width() + _GAP_PX) // step)
        last: QWidget | None = None
        for number, thumb in enumerate(self.thumbs()):
            thumb.move(number % across * step, number // across * step)
            for widget in (thumb, thumb.cross):
                if last is not None:
                    QWidget.setTabOrder(last, widget)
                last = widget
        rows = -(-len(self._images) // across)
        self._row.setFixedHeight(max(0, rows * step - _GAP_PX))
        self._row.setVisible(rows > 0)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._row)
        column.addWidget(self.caption)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.note, 1)
        row.addWidget(self.close_note, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(row)


def note_words(notes: Sequence[Note]) -> str:
    """Notes below each other; more than three are counted."""
    lines = [note.line() if isinstance(note, ErrorReport) else str(note) for note in notes[:MAX_NOTES]]
    if len(notes) > MAX_NOTES:
        lines.append(tr("and {count} more", count=len(notes) - MAX_NOTES))
    return "\n".join(lines)
