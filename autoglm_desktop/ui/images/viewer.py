"""An image in full: fit or zoom, drag, copy, save as, the others of the message; all of it by keys too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage, QKeyEvent, QKeySequence, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QScrollArea, QToolButton, QVBoxLayout, QWidget

from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.transcript.background import Background
from autoglm_desktop.ui.widgets.parts import describe, label, paint_icon, tool_button

from .canvas import Canvas
from .pictures import load

LONGEST_PX = 8192
"""Longer images are shown smaller; saving copies the file as it is."""
_LEAST, _MOST, _STEP = 0.05, 8.0, 1.25


class ImageViewer(QDialog):
    """Shows the images of a message, beginning with one of them."""

    def __init__(
        self,
        look: Appearance,
        parts: Sequence[ImagePart],
        at: int,
        path_of: Callable[[str], Path],
        parent: QWidget | None = None,
    ) -> None:
        """`path_of` gives the file of a hash and may raise AppError; it is called on a worker thread."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.look, self._parts, self._at, self._path_of = look, tuple(parts), at, path_of
        self._background = Background(self)
        self._image, self._zoom = QImage(), None
        self._drag: QPoint | None = None
        self.picture, self.area, self.words = Canvas(look), QScrollArea(), label("secondary")
        self.buttons: dict[str, QToolButton] = {}
        self._lay_out()
        look.language_changed.connect(self.retranslate)
        look.theme_changed.connect(self._paint)
        self._paint()
        self._open()

    _zoom: float | None
    """Logical pixels for each of the image; None: as large as fits."""

    @property
    def part(self) -> ImagePart:
        return self._parts[self._at]

    @property
    def zoom(self) -> float:
        """Logical pixels for each pixel of the image, as shown."""
        return self._zoom if self._zoom is not None else self._fitting()

    @property
    def loaded(self) -> bool:
        return not self._image.isNull()

    def retranslate(self) -> None:
        name = self.part.name or tr("Image")
        place = tr("{number} of {count}", number=self._at + 1, count=len(self._parts))
        self.setWindowTitle(name)
        size = f"{self.part.width} × {self.part.height}"
        self.words.setText(" · ".join((place, name, size)) if len(self._parts) > 1 else f"{name} · {size}")
        self.picture.setAccessibleName(self.words.text())
        for key, (_, text, keys, _do) in self._commands().items():
            describe(self.buttons[key], text, f"{text} ({keys})")
        for key in ("previous", "next"):
            self.buttons[key].setVisible(len(self._parts) > 1)

    def turn(self, by: int) -> None:
        """Another image of the message."""
        to = self._at + by
        if 0 <= to < len(self._parts):
            self._at, self._zoom = to, None
            self._open()

    def set_zoom(self, zoom: float | None) -> None:
        """Show it at this zoom, keeping the middle in place; None: as large as fits."""
        if not self.loaded:
            return
        bars = (self.area.horizontalScrollBar(), self.area.verticalScrollBar())
        middles = [(bar.value() + bar.pageStep() / 2) / max(1, bar.maximum() + bar.pageStep()) for bar in bars]
        self._zoom = None if zoom is None else min(_MOST, max(_LEAST, zoom))
        self._show()
        for bar, middle in zip(bars, middles, strict=True):
            bar.setValue(round(middle * (bar.maximum() + bar.pageStep()) - bar.pageStep() / 2))

    def copy(self) -> None:
        """The image on the clipboard."""
        if self.loaded:
            QGuiApplication.clipboard().setImage(self._image)
            self.words.setText(tr("Copied"))

    def save_as(self) -> None:
        """Ask for a place, and save the image as it is kept."""
        suffix = {"image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}.get(self.part.media_type, "png")
        stem = Path(self.part.name).stem or "image"
        dialog = QFileDialog(self, tr("Save the image"), f"{stem}.{suffix}", f"*.{suffix}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        dialog.fileSelected.connect(lambda path: self.save_to(Path(path)))
        dialog.open()

    def save_to(self, path: Path) -> None:
        """Copy the file there; a failure is said below the image."""
        try:
            shutil.copyfile(self._path_of(self.part.sha256), path)
        except AppError as error:
            self.words.setText(error.report.line())
        except OSError as error:
            self.words.setText(tr("{path} could not be written: {reason}", path=str(path), reason=error.strerror or ""))
        else:
            self.words.setText(tr("Saved to {path}", path=str(path)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.Save):
            self.save_as()
        elif not self._key(Qt.Key(event.key())):
            super().keyPressEvent(event)

    def _key(self, key: Qt.Key) -> bool:
        acts: dict[Qt.Key, Callable[[], None]] = {
            Qt.Key.Key_Plus: lambda: self.set_zoom(self.zoom * _STEP),
            Qt.Key.Key_Equal: lambda: self.set_zoom(self.zoom * _STEP),
            Qt.Key.Key_Minus: lambda: self.set_zoom(self.zoom / _STEP),
            Qt.Key.Key_0: lambda: self.set_zoom(None),
            Qt.Key.Key_1: lambda: self.set_zoom(1.0),
            Qt.Key.Key_PageUp: lambda: self.turn(-1),
            Qt.Key.Key_PageDown: lambda: self.turn(1),
        }
        act = acts.get(key)
        if act is not None:
            act()
        return act is not None

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.set_zoom(self.zoom * (_STEP if event.angleDelta().y() > 0 else 1 / _STEP))

    def eventFilter(self, _: object, event: QEvent) -> bool:
        """Of the viewport: its size, and dragging by the mouse."""
        if event.type() == QEvent.Type.Resize:
            self._show()
        if isinstance(event, QWheelEvent):
            self.wheelEvent(event)
            return True
        if isinstance(event, QMouseEvent):
            self._dragged(event)
        return False

    def _dragged(self, event: QMouseEvent) -> None:
        here = event.globalPosition().toPoint()
        if event.type() == QEvent.Type.MouseButtonRelease:
            self._drag = None
        elif event.type() == QEvent.Type.MouseButtonDblClick:
            self.set_zoom(1.0 if self._zoom is None else None)
        elif event.buttons() & Qt.MouseButton.LeftButton:
            if self._drag is not None:
                for bar, moved in (
                    (self.area.horizontalScrollBar(), self._drag.x() - here.x()),
                    (self.area.verticalScrollBar(), self._drag.y() - here.y()),
                ):
                    bar.setValue(bar.value() + moved)
            self._drag = here

    def _open(self) -> None:
        self._image = QImage()
        self._say(tr("The image is being opened…"))
        self.retranslate()
        sha256 = self.part.sha256
        self._background.run(lambda: _read(self._path_of, sha256), lambda found: self._opened(sha256, found))

    def _opened(self, sha256: str, found: QImage | str) -> None:
        if sha256 != self.part.sha256:
            return  # another one was turned to
        if isinstance(found, str) or found.isNull():
            self._say(found if isinstance(found, str) else tr("This image cannot be shown."))
            return
        self._image = found
        self._show()

    def _say(self, words: str) -> None:
        self.picture.show_words(words, self.area.viewport().size())

    def _show(self) -> None:
        if not self.loaded:
            return
        self.picture.show_image(self._image, self.zoom)
        self.buttons["fit"].setChecked(self._zoom is None)

    def _fitting(self) -> float:
        room, image = self.area.viewport().size(), self._image.size()
        fits = min(room.width() / max(1, image.width()), room.height() / max(1, image.height()))
        return min(1.0, fits)

    def _commands(self) -> dict[str, tuple[str, str, str, Callable[[], None]]]:
        """Icon, name, key and deed of each button."""
        return {
            "previous": ("caret-left", tr("Previous image"), "PgUp", lambda: self.turn(-1)),
            "next": ("caret-right", tr("Next image"), "PgDown", lambda: self.turn(1)),
            "smaller": ("magnifying-glass-minus", tr("Smaller"), "-", lambda: self.set_zoom(self.zoom / _STEP)),
            "larger": ("magnifying-glass-plus", tr("Larger"), "+", lambda: self.set_zoom(self.zoom * _STEP)),
            "fit": ("frame-corners", tr("Fit the window"), "0", lambda: self.set_zoom(None)),
            "full": ("arrows-out", tr("One pixel for one"), "1", lambda: self.set_zoom(1.0)),
            "copy": ("copy", tr("Copy the image"), "Ctrl+C", self.copy),
            "save": ("download-simple", tr("Save the image"), "Ctrl+S", self.save_as),
        }

    def _paint(self) -> None:
        for key, (icon, *_) in self._commands().items():
            paint_icon(self.buttons[key], icon, self.look.theme)

    def _lay_out(self) -> None:
        self.area.setWidget(self.picture)
        self.area.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.area.viewport().installEventFilter(self)
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        for key, (*_, act) in self._commands().items():
            self.buttons[key] = button = tool_button(checkable=key == "fit")
            button.clicked.connect(lambda _=False, act=act: act())
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 10)
        column.addWidget(self.area, 1)
        column.addLayout(row)
        room = self.screen().availableSize()
        self.resize(min(1000, room.width() * 8 // 10), min(760, room.height() * 8 // 10))


def _read(path_of: Callable[[str], Path], sha256: str) -> QImage | str:
    try:
        return load(path_of(sha256), LONGEST_PX)
    except AppError as error:
        return error.report.line()
