"""What the assistant read in the images of a message: one line that opens, and says that a reading is not a look."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.perception import ImageReading
from autoglm_desktop.ui.figures import seconds

from .blocks import Para, Span
from .bubble import as_typed
from .buttons import WordButton, Words
from .intents import Intents
from .look import Look
from .prose import Prose
from .row import Row
from .stack import Piece

_INDENT_PX, _GAP_PX = 18, 8
_SHOWN_LINES = 60
"""Of the text of one image; a page of small print has hundreds."""


class Readings(Piece):
    """The expander below the images, at their right edge; what it holds is made when it is opened."""

    def __init__(self, look: Look, row: Row, intents: Intents, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._row = look, row
        self._parts: list[Prose | Words] = []
        self._left = 0
        self.button = WordButton(look, "", self, icon="caret-right", px=12)
        self.button.setCheckable(True)
        self.button.setChecked(row.reading_open)
        self.button.toggled.connect(lambda shown: intents.reading_expanded.emit(row.key, shown))
        self.button.toggled.connect(self._toggled)
        self._show()

    def arrange(self, width: int) -> int:
        hint = self.button.sizeHint()
        y = hint.height()
        if not self.button.isChecked():
            self.button.setGeometry(width - min(width, hint.width()), 0, min(width, hint.width()), y)
            return y
        inner = self._inner_width(width - _INDENT_PX, least=hint.width())
        self._left = width - inner - _INDENT_PX
        self.button.setGeometry(self._left, 0, min(width, hint.width()), y)
        for part in self._parts:
            y += _GAP_PX
            height = part.height_for(inner) if isinstance(part, Words) else part.arrange(inner)
            part.setGeometry(self._left + _INDENT_PX, y, inner, height)
            y += height
        return y + 4

    def _inner_width(self, room: int, *, least: int) -> int:
        """As wide as the widest line needs: what was read stands below its image, at the right."""
        wide = least
        for part in self._parts:
            if isinstance(part, Prose):
                part.arrange(room)
                wide = max(wide, part.natural_width())
            else:
                wide = max(wide, part.sizeHint().width())
        return min(room, wide)

    def focusables(self) -> list[QWidget]:
        return [self.button]

    def paintEvent(self, _: QPaintEvent) -> None:
        if self.button.isChecked():
            painter = QPainter(self)
            top = self.button.height() + 4
            painter.fillRect(self._left + 4, top, 2, self.height() - top - 4, QColor(self._look.theme.line))
            painter.end()

    def _toggled(self, _: bool) -> None:
        self._show()
        self.reshaped.emit()

    def _show(self) -> None:
        words, opened = reading_title(self._row), self.button.isChecked()
        self.button.set_word(words)
        self.button.setAccessibleName(f"{words}, {tr('shown') if opened else tr('hidden')}")
        self.button.setToolTip(_not_a_look())
        self.button.set_icon("caret-down" if opened else "caret-right")
        for part in self._parts:
            part.setVisible(opened)
        if opened and not self._parts:
            self._fill()

    def _fill(self) -> None:
        muted, hot = self._look.ink(self._look.theme.muted), self._look.ink(self._look.theme.hot)
        self._add(Words(_not_a_look(), self._look.font(12), muted, self))
        images, failures = self._row.images, dict(self._row.unread)
        for number, part in enumerate(images):
            if part.reading is not None:
                if len(images) > 1:
                    self._add(Words(_numbered(part, number), self._look.font(13, bold=True), muted, self))
                self._add_reading(part.reading)
            elif part.sha256 in failures:
                self._add(Words(failures[part.sha256].line(), self._look.font(13), hot, self))

    def _add_reading(self, reading: ImageReading) -> None:
        muted, hot = self._look.ink(self._look.theme.muted), self._look.ink(self._look.theme.hot)
        if reading.doubtful and reading.text_lines:
            doubt = tr("This reading is not to be trusted: most of the text was read badly.")
            self._add(Words(doubt, self._look.font(13), hot, self))
        prose = Prose(self._look, self)
        prose.set_blocks((Para((Span(as_typed(text_of(reading))),)),))
        prose.setAccessibleName(text_of(reading))
        self._add(prose)
        for line in (labels_of(reading), figures_of(reading)):
            self._add(Words(line, self._look.figures(), muted, self))

    def _add(self, part: Prose | Words) -> None:
        self._parts.append(part)
        part.show()


def has_readings(row: Row) -> bool:
    """Whether there is something to open."""
    return bool(row.unread) or any(part.reading is not None for part in row.images)


def reading_title(row: Row) -> str:
    """The line that opens: how much was read."""
    read = [part.reading for part in row.images if part.reading is not None]
    lines = sum(len(reading.text_lines) for reading in read)
    if not read:
        return tr("The image could not be read") if len(row.images) == 1 else tr("The images could not be read")
    if not lines:
        seen = any(reading.likely_labels for reading in read)
        return tr("What the assistant read · no text, labels only") if seen else tr("What the assistant read · nothing")
    if lines == 1:
        return tr("What the assistant read · 1 line of text")
    return tr("What the assistant read · {count} lines of text", count=lines)


def text_of(reading: ImageReading) -> str:
    """The lines in reading order, as many as are shown."""
    lines = [line.text for line in reading.text_lines]
    if not lines:
        unreadable = tr("There is text in this image that could not be read.")
        return unreadable if reading.doubtful else tr("No text was found in this image.")
    if len(lines) > _SHOWN_LINES:
        lines = [*lines[:_SHOWN_LINES], tr("and {count} more lines", count=len(lines) - _SHOWN_LINES)]
    return "\n".join(lines)


def labels_of(reading: ImageReading) -> str:
    """``May show: laptop 62 %, desk 11 %``."""
    if not reading.likely_labels:
        return tr("No label is likely.")
    names = ", ".join(f"{label.name} {percent(label.probability)}" for label in reading.likely_labels)
    return tr("May show: {labels}", labels=names)


def percent(probability: float) -> str:
    """A probability as people write it; a small one is not zero."""
    return f"{probability:.0%}".replace("%", " %") if probability >= 0.01 else "< 1 %"


def figures_of(reading: ImageReading) -> str:
    """Size, how sure the text is, and how long it took."""
    size = f"{reading.width} × {reading.height}"
    if not reading.text_lines:
        return tr("{size} pixels · read in {time}", size=size, time=seconds(reading.seconds))
    sure = sum(line.confidence for line in reading.text_lines) / len(reading.text_lines)
    return tr(
        "{size} pixels · text {sure} sure on average · read in {time}",
        size=size,
        sure=percent(sure),
        time=seconds(reading.seconds),
    )


def _not_a_look() -> str:
    return tr("A reading, not a look: a model for text sees no picture. It is told this and nothing else.")


def _numbered(part: ImagePart, place: int) -> str:
    return tr("Image {number}: {name}", number=place + 1, name=part.name or tr("Image"))
