"""Notices and errors above the composer: what happened, what to do next, details on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import pixmap
from autoglm_desktop.ui.style import Theme

from .parts import Panel, describe, label, paint_icon, restyle, tool_button

_MAX_BANNERS = 3
_IN_A_ROW = 1.3
"""Up to this text size the ways on stand beside each other."""


@dataclass(frozen=True, slots=True)
class Action:
    """A way on that a banner offers."""

    text: Text
    run: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a banner says. Notices with the same `key` replace each other; `error` colours it."""

    key: str
    headline: Text
    body: Text | None = None
    details: str = ""
    actions: tuple[Action, ...] = ()
    error: bool = False

    @staticmethod
    def of(report: ErrorReport, *actions: Action, key: str = "") -> Notice:
        """The notice for an error, with ways on."""
        name = key or report.code.value
        return Notice(name, report.cause, report.next_step, report.details, actions, error=True)


class Banner(Panel):
    """One notice. `closed` when the person dismisses it or takes one of its ways on."""

    closed = Signal()
    log_requested = Signal()

    def __init__(self, look: Appearance, notice: Notice) -> None:
        super().__init__(look)
        self.notice = notice
        self.setProperty("role", "banner")
        self.setProperty("severity", "error" if notice.error else "notice")
        self._mark, self._headline, self._body = QLabel(), label("heading", wrap=True), label("muted", wrap=True)
        for words in (self._headline, self._body):
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details = QPlainTextEdit(notice.details)
        self.details.setReadOnly(True)
        self.details.setMaximumHeight(110)
        self.details.hide()
        self.actions_shown = tuple(self._action_button(action) for action in notice.actions)
        self.details_button, self.log_button = _link(), _link()
        self.close_button = tool_button()
        self._ways = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._lay_out()
        self.details_button.clicked.connect(self._toggle_details)
        self.log_button.clicked.connect(self.log_requested)
        self.close_button.clicked.connect(self.closed)
        self.settle()

    def retranslate(self) -> None:
        self._headline.setText(str(self.notice.headline))
        self._body.setText(str(self.notice.body) if self.notice.body else "")
        for button, action in zip(self.actions_shown, self.notice.actions, strict=True):
            button.setText(str(action.text))
            button.setAccessibleName(str(action.text))
        shown = not self.details.isHidden()
        self.details_button.setText(tr("Hide details") if shown else tr("Details"))
        self.log_button.setText(tr("Open log"))
        describe(self.details_button, tr("Details"), tr("Show what the program reported"))
        describe(self.details, tr("Details"))
        describe(self.log_button, tr("Open log"), tr("Open the folder that holds the log"))
        describe(self.close_button, tr("Dismiss"))
        self.setAccessibleName(f"{self._headline.text()} {self._body.text()}".strip())

    def set_theme(self, theme: Theme) -> None:
        name, color = ("warning-circle", theme.hot) if self.notice.error else ("info", theme.accent)
        self._mark.setPixmap(pixmap(name, color, 20, self.devicePixelRatioF()))
        paint_icon(self.close_button, "x", theme)
        directions = QBoxLayout.Direction
        self._ways.setDirection(directions.LeftToRight if theme.scale <= _IN_A_ROW else directions.TopToBottom)
        restyle(self)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 12, 8, 12)
        row.setSpacing(12)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(self._headline)
        column.addWidget(self._body)
        self._body.setVisible(self.notice.body is not None)
        column.addWidget(self.details)
        self._ways.setSpacing(8)
        for button in (*self.actions_shown, self.details_button, self.log_button):
            self._ways.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        self._ways.addStretch()
        self.details_button.setVisible(bool(self.notice.details))
        self.log_button.setVisible(self.notice.error)
        column.addLayout(self._ways)
        row.addLayout(column, 1)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)

    def _action_button(self, action: Action) -> QPushButton:
        button = QPushButton()
        button.clicked.connect(self.closed)
        button.clicked.connect(action.run)
        return button

    def _toggle_details(self) -> None:
        self.details.setVisible(self.details.isHidden())
        self.retranslate()


class BannerArea(Panel):
    """The notices that are open, the newest at the bottom; more than three push the oldest out."""

    log_requested = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._held: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 8, 0, 0)
        self._column.setSpacing(8)
        self.hide()

    def banners(self) -> Sequence[Banner]:
        """The open banners, oldest first."""
        items = (self._column.itemAt(n) for n in range(self._column.count()))
        widgets = (item.widget() for item in items if item is not None)
        return [widget for widget in widgets if isinstance(widget, Banner)]

    def show_notice(self, notice: Notice) -> Banner:
        """Open a banner; an open one with the same key gives way."""
        self.dismiss(notice.key)
        for banner in self.banners()[: 1 - _MAX_BANNERS]:
            self._remove(banner)
        banner = Banner(self.look, notice)
        banner.closed.connect(lambda: self.dismiss(notice.key))
        banner.log_requested.connect(self.log_requested)
        self._column.addWidget(banner)
        self.show()
        return banner

    def hold(self, widget: QWidget) -> None:
        """Keep a line of another kind above the notices; it shows and hides itself."""
        self._held.append(widget)
        self._column.insertWidget(0, widget)
        self.show()

    def dismiss(self, key: str) -> None:
        """Close the banner with this key, if it is open."""
        for banner in self.banners():
            if banner.notice.key == key:
                self._remove(banner)

    def _remove(self, banner: Banner) -> None:
        self._column.removeWidget(banner)
        banner.hide()
        banner.deleteLater()
        self.setVisible(bool(self._held) or self._column.count() > 0)


def error_notice_generic(cause: str) -> Notice:
    """For a failure without a report of its own: the program's fault, with the text for the log."""
    return Notice(
        "internal",
        msg("Something went wrong inside the application."),
        msg("Try again; if it happens again, the log says more."),
        details=cause,
        error=True,
    )


def _link() -> QPushButton:
    button = QPushButton()
    button.setProperty("role", "link")
    return button
