"""The quiet row under a message: what happens or what it took, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.energy.turn_marks import energy_marks

from .buttons import IconButton, TierBadge, Words
from .cloud_marks import cloud_marks
from .flow import FlowRow
from .intents import Intents
from .look import Look
from .row import Row
from .words import phase_words, statistics, statistics_details


class Footer(FlowRow):
    """Statistics or phase on the left, actions on the right."""

    def __init__(self, look: Look, intents: Intents, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._intents = look, intents
        self._phase = Words("", look.figures(), look.ink(look.theme.muted), self)
        self._bar = Progress(look, self)
        self._buttons: list[IconButton] = []

    def show_streaming(self, row: Row) -> None:
        """Show the phase; cheap enough to be called again and again."""
        self._phase.set_text(phase_words(row))
        self._bar.set_fraction(row.fraction)
        if not self._left:
            self.set_items([*self._badge(row), self._phase, self._bar])

    def show_finished(self, row: Row) -> None:
        """Show what the answer took, and its actions."""
        left = cloud_marks(self._look, row.node, self) or self._badge(row)
        if row.node.dropped_messages:
            text = tr("{count} oldest messages left out", count=row.node.dropped_messages)
            left.append(Words(text, self._look.figures(), self._look.ink(self._look.theme.int4), self))
        if row.node.usage is not None:
            details = statistics_details(row.node.usage)
            for text in statistics(row.node.usage):
                words = Words(text, self._look.figures(), self._look.ink(self._look.theme.muted), self)
                words.setToolTip(details)
                left.append(words)
        left += energy_marks(self._look, row.node, self)
        self.set_items(left, self._actions(row))

    def show_prompt(self, row: Row) -> None:
        """The actions under the user's own message."""
        self.set_items([], self._actions(row))

    def reveal(self, shown: bool) -> None:
        """Show or hide the buttons; one with the focus is always seen."""
        for button in self._buttons:
            button.reveal(shown)

    def _badge(self, row: Row) -> list[QWidget]:
        tier = row.node.usage.tier if row.node.usage is not None else row.node.tier
        return [TierBadge(self._look, tier, self)] if tier is not None else []

    def _actions(self, row: Row) -> list[QWidget]:
        node, intents = row.node, self._intents
        copy = self._button("copy", tr("Copy this message"))
        copy.clicked.connect(lambda: self._copy(copy, row))
        if row.images and not row.text:
            copy.setEnabled(False)
            copy.setToolTip(tr("There is no text here. Click the image to see and copy it."))
        if row.is_user:
            other = self._button("pencil-simple", tr("Edit this prompt"))
            other.clicked.connect(lambda: intents.draft_changed.emit(node.id, row.text))
        else:
            other = self._button("arrow-clockwise", tr("Answer again"))
            other.clicked.connect(lambda: intents.regenerate_requested.emit(node.id))
        self._buttons = [copy, other]
        return [copy, other, *self._branches(row)]

    def _branches(self, row: Row) -> list[QWidget]:
        siblings, node_id = row.node.siblings, row.node.id
        if len(siblings) < 2 or node_id not in siblings:
            return []
        place = siblings.index(node_id)
        where = Words(
            f"{place + 1}/{len(siblings)}", self._look.figures(), self._look.ink(self._look.theme.muted), self
        )
        where.setAccessibleName(tr("Version {number} of {count}", number=place + 1, count=len(siblings)))
        out: list[QWidget] = [where]
        for icon, name, other, at in (
            ("caret-left", tr("Previous version"), place - 1, 0),
            ("caret-right", tr("Next version"), place + 1, 2),
        ):
            button = self._button(icon, name)
            button.setEnabled(0 <= other < len(siblings))
            if not button.isEnabled():
                button.setToolTip(tr("This is the first version.") if at == 0 else tr("This is the last version."))
            else:
                target = siblings[other]
                button.clicked.connect(lambda _=False, target=target: self._intents.branch_selected.emit(target))
            out.insert(at, button)
        return out

    def _button(self, icon: str, name: str) -> IconButton:
        return IconButton(self._look, icon, name, self)

    def _copy(self, button: IconButton, row: Row) -> None:
        QGuiApplication.clipboard().setText(row.text)
        button.confirm(tr("Copied"))
        self._intents.copied.emit(row.key)


class Progress(QWidget):
    """A thin bar for a fraction; empty when there is none."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._fraction: float | None = None
        self.setAccessibleName(tr("Progress"))

    def set_fraction(self, fraction: float | None) -> None:
        self._fraction = fraction
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(96, 4)

    def paintEvent(self, _: QPaintEvent) -> None:
        if self._fraction is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor("transparent"))
        for share, color in ((1.0, self._look.theme.line), (self._fraction, self._look.theme.accent)):
            painter.setBrush(QColor(color))
            painter.drawRoundedRect(0, 0, round(self.width() * share), self.height(), 2, 2)
        painter.end()
