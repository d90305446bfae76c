"""What an answer cost, for the quiet row under it: joules with their badge, the cache, the cap and the heat."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.provenance import Provenance, Quantity
from autoglm_desktop.energy.throttle import ThermalStatus
from autoglm_desktop.ui.figures import count, seconds
from autoglm_desktop.ui.transcript.look import Look
from autoglm_desktop.ui.widgets.copying import copy_key, open_copy_menu

from . import words
from .badge import badge_face, badge_size, paint_badge
from .card import said
from .face import Face

_GAP_PX, _PAD_PX = 6, 2


class EnergyMark(QWidget):
    """A figure or a word with an optional badge. Tab reaches it, Ctrl+C and its menu copy it."""

    def __init__(
        self,
        look: Look,
        text: str,
        tip: str,
        parent: QWidget | None = None,
        *,
        origin: Provenance | None = None,
        color: str | None = None,
    ) -> None:
        super().__init__(parent)
        self._look, self._text, self._color = look, text, color or look.theme.muted
        self._badge = words.provenance(origin) if origin is not None else ""
        self._face, self._badge_face = Face(look.figures()), badge_face(look.base, look.theme)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(f"{text}, {self._badge}" if self._badge else text)
        self.setAccessibleDescription(tip)
        self.setToolTip("\n".join(filter(None, (tip, words.provenance_tip(origin) if origin is not None else ""))))

    @property
    def text(self) -> str:
        """Figure and badge as they are copied."""
        return f"{self._text} ({self._badge})" if self._badge else self._text

    def sizeHint(self) -> QSize:
        badge = badge_size(self._badge_face, self._badge).width() + _GAP_PX if self._badge else 0
        return QSize(self._face.width(self._text) + badge + 2 * _PAD_PX, self._face.height + 2)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not copy_key(event, self, self.copy):
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        open_copy_menu(self, self.copy, event.globalPos())

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        theme = self._look.theme
        if self.hasFocus():
            painter.setPen(QColor(theme.accent))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        baseline = 1 + self._face.ascent
        painter.setFont(self._face.font)
        painter.setPen(self._look.ink(self._color))
        painter.drawText(QPoint(_PAD_PX, baseline), self._text)
        if self._badge:
            size = badge_size(self._badge_face, self._badge)
            x = _PAD_PX + self._face.width(self._text) + _GAP_PX
            top = round(baseline - self._face.cap / 2 - size.height() / 2)
            box = QRectF(x, top, size.width(), size.height())
            paint_badge(painter, box, self._badge, self._badge_face, theme, on=theme.surface)
        painter.end()

    def copy(self) -> None:
        """Put the text on the clipboard."""
        QGuiApplication.clipboard().setText(self.text)


def energy_marks(look: Look, node: Node, parent: QWidget) -> list[QWidget]:
    """The marks of an answer, in the order in which they are shown; none for one that nothing is known of."""
    energy = node.energy
    marks: list[QWidget] = []
    if node.from_cache or (energy is not None and energy.from_cache):
        tip = tr("An identical question had been answered before: nothing was computed for this one.")
        marks.append(EnergyMark(look, tr("from cache"), tip, parent, color=look.theme.accent))
    if energy is None:
        return marks
    radio_s = node.usage.answered_by.radio_s if node.usage is not None and node.usage.answered_by is not None else 0.0
    off = said(energy.phone.reason)
    if off:
        marks.append(EnergyMark(look, tr("phone off"), off, parent, color=look.theme.hot))
    if energy.phone.value or not off:
        marks.append(_joules(look, energy.phone, _phone_tip(energy, radio_s), parent))
    if energy.computer is not None and energy.computer.value is not None:
        tip = said(energy.computer.reason) or tr("Used by this computer meanwhile, other programs included.")
        marks.append(_joules(look, energy.computer, tip, parent))
    return marks + _restraints(look, energy, parent)


def _joules(look: Look, quantity: Quantity, tip: str, parent: QWidget) -> EnergyMark:
    return EnergyMark(look, words.joules(quantity.value), tip, parent, origin=quantity.provenance)


def _restraints(look: Look, energy: TurnEnergy, parent: QWidget) -> list[QWidget]:
    """That the phone throttled or the governor held the answer short."""
    marks: list[QWidget] = []
    if energy.thermal != ThermalStatus.NONE.word:
        color = look.theme.int4 if energy.thermal == ThermalStatus.LIGHT.word else look.theme.hot
        tip = tr("The phone's thermal status when the answer ended")
        marks.append(EnergyMark(look, energy.thermal, tip, parent, color=color))
    if energy.max_new_tokens is not None and not energy.from_cache:
        text = tr("capped at {tokens} tokens", tokens=energy.max_new_tokens)
        tip = tr("The governor bounded this answer, to let the device rest")
        marks.append(EnergyMark(look, text, tip, parent, color=look.theme.hot))
    return marks


def _phone_tip(energy: TurnEnergy, radio_s: float) -> str:
    joules, phone = energy.phone.value, words.phone(energy.phone_id) if energy.phone_id else tr("Simulated phone")
    if energy.tokens and joules is not None:
        each = words.joules(joules / energy.tokens)
        return tr("{phone}: {tokens} tokens, {each} each, prompt included.",
                  phone=phone, tokens=count(energy.tokens), each=each)  # fmt: skip
    if radio_s > 0.0:
        return tr("{phone}: the radio for {time}, and its tail.", phone=phone, time=seconds(radio_s))
    return tr("{phone}: nothing was computed.", phone=phone)
