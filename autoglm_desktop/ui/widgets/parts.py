"""Small pieces that every panel is made of."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.ui.appearance import Appearance, figures_font
from autoglm_desktop.ui.icons import SIZE_PX, icon
from autoglm_desktop.ui.style import Theme

_LEAST_SCROLLED_PX = 160


class Panel(QFrame):
    """A part of the window that follows theme and language. Subclasses end their constructor with `settle()`."""

    def __init__(self, look: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look = look
        look.theme_changed.connect(self.set_theme)
        look.language_changed.connect(self.retranslate)

    def settle(self) -> None:
        """Fill in words and icons for the first time."""
        self.retranslate()
        self.set_theme(self.look.theme)

    def retranslate(self) -> None:
        """Set every visible string anew, in the current language."""

    def set_theme(self, theme: Theme) -> None:
        """Draw icons anew in the colours of `theme`; the style sheet does the rest."""


def label(role: str, text: str = "", *, wrap: bool = False) -> QLabel:
    """A label in one of the roles of the style sheet; figures get digits of equal width."""
    made = QLabel(text)
    made.setProperty("role", role)
    made.setWordWrap(wrap)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role in ("figure", "value", "secondary"):
        made.setFont(figures_font(made.font()))
    return made


def card(spacing: int = 6) -> tuple[QFrame, QVBoxLayout]:
    """A raised surface with a hairline, and the layout inside it."""
    frame = QFrame()
    frame.setProperty("role", "card")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(14, 12, 14, 12)
    layout.setSpacing(spacing)
    return frame, layout


def rule() -> QFrame:
    """A horizontal hairline."""
    frame = QFrame()
    frame.setProperty("role", "rule")
    frame.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return frame


class Scroll(QScrollArea):
    """As tall as its body where there is room for it, else with a scroll bar; never sideways."""

    def __init__(self, body: QWidget) -> None:
        super().__init__()
        self._body = body
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(body)

    def sizeHint(self) -> QSize:
        return self._body.sizeHint() + QSize(self._bar_px, 0)

    def minimumSizeHint(self) -> QSize:
        least = self._body.minimumSizeHint().expandedTo(self._body.minimumSize())
        return QSize(least.width() + self._bar_px, min(least.height(), _LEAST_SCROLLED_PX))

    @property
    def _bar_px(self) -> int:
        return self.verticalScrollBar().sizeHint().width()


def tool_button(*, checkable: bool = False, enabled: bool = True) -> QToolButton:
    """A quiet button for an icon, reachable with Tab."""
    button = QToolButton()
    button.setIconSize(QSize(SIZE_PX, SIZE_PX))
    button.setCheckable(checkable)
    button.setEnabled(enabled)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setCursor(Qt.CursorShape.PointingHandCursor if enabled else Qt.CursorShape.ArrowCursor)
    return button


def describe(widget: QWidget, name: str, tip: str | None = None) -> None:
    """Give a control its accessible name, and a tooltip: `tip`, else the name itself."""
    widget.setAccessibleName(name)
    widget.setToolTip(tip or name)
    if tip:
        widget.setAccessibleDescription(tip)


def shortcut_name(sequence: str) -> str:
    """A shortcut (``Ctrl+U``) as this platform writes it."""
    return QKeySequence(sequence).toString(QKeySequence.SequenceFormat.NativeText)


def paint_icon(button: QToolButton, name: str, theme: Theme, color: str | None = None) -> None:
    """Set a button's icon in the muted colour of the theme, or in `color`."""
    button.setIcon(icon(name, color or theme.muted, theme.faint))


def close_button(dialog: QDialog) -> QDialogButtonBox:
    """The one button of a dialog that has nothing to confirm, in Qt's words and without its icon."""
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    box.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
    box.rejected.connect(dialog.reject)
    return box


def restyle(widget: QWidget) -> None:
    """Apply the style sheet again after a dynamic property changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def margins(parent: QWidget, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0) -> QVBoxLayout:
    """A vertical layout on `parent` with these margins and no spacing."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(left, top, right, bottom)
    layout.setSpacing(0)
    return layout
