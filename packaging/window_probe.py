"""What `measure_window.py` attaches to the window, apart from it: this imports Qt, which the application does later."""

from __future__ import annotations

import os
import time

from PySide6.QtCore import QEvent, QObject, QTimer

from autoglm_desktop.assistant.events import NodeDelta, NodeFinished
from autoglm_desktop.ui.bridge import Bridge
from autoglm_desktop.ui.shell import Shell
from tests.helpers.stalls import Stalls


class Probe(QObject):
    """Asks `question` once the window is seen, then `task` while it takes the stalls, then opens a long conversation.

    `measured` holds seconds since AUTOGLM_STARTED_NS (monotonic) in the environment, and stalls in milliseconds.
    """

    def __init__(self, shell: Shell, question: str, task: str) -> None:
        super().__init__(shell.window)
        self._shell, self._question, self._task = shell, question, task
        self._started_ns = int(os.environ["AUTOGLM_STARTED_NS"])
        self.measured: dict[str, float] = {}
        self._stalls = Stalls(self)
        self._opened_ns = 0
        self._bridge = Bridge(self._on_event, parent=self)
        shell.controller.assistant.subscribe(self._bridge.post)
        shell.window.windowHandle().installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt names it
        if event.type() == QEvent.Type.Expose and "window_s" not in self.measured:
            self.measured["window_s"] = 0.0
            QTimer.singleShot(0, self, self._on_visible)
        return False

    def _since_start_s(self) -> float:
        return (time.monotonic_ns() - self._started_ns) / 1e9

    def _on_visible(self) -> None:
        """The first expose was handled: the window is painted and takes input."""
        self.measured["window_s"] = self._since_start_s()
        self._shell.controller.send(self._question)

    def _on_event(self, event: object) -> None:
        if isinstance(event, NodeDelta) and "first_token_s" not in self.measured:
            self.measured["first_token_s"] = self._since_start_s()
        elif isinstance(event, NodeFinished):
            self._on_finished(event)

    def _on_finished(self, event: NodeFinished) -> None:
        if event.node.error is not None:
            raise SystemExit(event.node.error.line())
        if not self._stalls.isActive():
            self._stalls.begin()
            self._shell.controller.send(self._task)
            return
        self._stalls.stop()
        usage = event.node.usage
        self.measured |= {**self._stalls.told(), "decode_tok_s": usage.decode_tok_s if usage else 0.0}
        QTimer.singleShot(500, self, self._open_long)

    def _open_long(self) -> None:
        long = next(c for c in self._shell.controller.assistant.conversations() if c.title == "long")
        self._opened_ns = time.monotonic_ns()
        self._shell.controller.open(long.id)
        self._shell.window.repaint()
        QTimer.singleShot(0, self, self._on_opened)

    def _on_opened(self) -> None:
        self.measured["open_5000_s"] = (time.monotonic_ns() - self._opened_ns) / 1e9
        self._shell.window.close()
