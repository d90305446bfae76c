"""What an empty conversation shows: a greeting and a few things to ask."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.i18n import tr

from .buttons import WordButton
from .look import Look
from .stack import Piece

_GAP_PX, _TITLE_GAP_PX, _LINE_GAP_PX = 10, 12, 28
_CENTER = int(Qt.AlignmentFlag.AlignHCenter) | int(Qt.TextFlag.TextWordWrap)


class Greeting(Piece):
    """A line of welcome, a line of explanation, suggestions to press."""

    chosen = Signal(str)

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._title, self._line = tr("What can I do for you?"), tr("Everything you write stays on this machine.")
        self.setAccessibleName(f"{self._title} {self._line}")
        self.chips = [
            WordButton(look, text, self, outlined=True, color=look.theme.text, px=13) for text in suggestions()
        ]
        for chip in self.chips:
            chip.setToolTip(tr("Ask this"))
            chip.clicked.connect(partial(self._choose, chip))

    @staticmethod
    def _tall(font: QFont, text: str, width: int) -> int:
        """Of a text that is wrapped where it must be."""
        return QFontMetrics(font).boundingRect(QRect(0, 0, width, 10_000), _CENTER, text).height()

    def _choose(self, chip: WordButton, _: bool = False) -> None:
        self.chosen.emit(chip.text())

    def fit(self, height: int) -> None:
        """Leave out the suggestions that are not seen whole in `height` pixels, after `arrange`."""
        for chip in self.chips:
            chip.setVisible(chip.geometry().bottom() < height)

    def arrange(self, width: int) -> int:
        head = self._tall(self._look.font(24, bold=True), self._title, width) + _TITLE_GAP_PX
        head += self._tall(self._look.font(14), self._line, width) + _LINE_GAP_PX
        lines: list[list[WordButton]] = [[]]
        used = 0
        for chip in self.chips:
            wide = chip.sizeHint().width()
            if lines[-1] and used + _GAP_PX + wide > width:
                lines.append([])
                used = 0
            used += wide + (_GAP_PX if lines[-1] else 0)
            lines[-1].append(chip)
        y = head
        for line in lines:
            y = self._arrange_line(line, width, y)
        return y

    def focusables(self) -> list[QWidget]:
        return [*self.chips]

    @staticmethod
    def _arrange_line(line: list[WordButton], width: int, y: int) -> int:
        total = sum(chip.sizeHint().width() for chip in line) + _GAP_PX * (len(line) - 1)
        x = max(0, (width - total) // 2)
        for chip in line:
            size = chip.sizeHint()
            chip.setGeometry(x, y, min(size.width(), width), size.height())
            x += size.width() + _GAP_PX
        return y + max((chip.height() for chip in line), default=0) + _GAP_PX

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        box = self.rect()
        look = self._look
        painter.setPen(look.ink(look.theme.text))
        painter.setFont(look.font(24, bold=True))
        painter.drawText(box, _CENTER, self._title)
        painter.setPen(look.ink(look.theme.muted))
        painter.setFont(look.font(14))
        head = self._tall(look.font(24, bold=True), self._title, box.width()) + _TITLE_GAP_PX
        painter.drawText(box.adjusted(0, head, 0, 0), _CENTER, self._line)
        painter.end()


def suggestions() -> list[str]:
    """Things to ask, in the current language; the first is the question of the guide."""
    return [
        tr("Who are you?"),
        tr("Explain what a KV cache saves"),
        tr("Write a Python function that sums a CSV column"),
        tr("Compare FP16, INT8 and INT4 in a table"),
    ]
