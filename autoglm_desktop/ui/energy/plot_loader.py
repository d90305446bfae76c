"""Imports pyqtgraph in a thread of its own, once the window is there: it takes as long as the whole window may.

A thread that reads modules cannot be stopped; it is joined when the panel goes.
"""

from __future__ import annotations

import importlib
import logging
import threading

from PySide6.QtCore import QObject, Qt, Signal

log = logging.getLogger(__name__)


class PlotLoader(QObject):
    """`loaded` comes once, on the thread that made this, after `start`; `failed` with the reason if it cannot be."""

    loaded = Signal()
    failed = Signal(str)
    _done = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._done.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begin, the first time it is called."""
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._load, name="plot-import", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait for the import to end, and tell nothing more."""
        self._closed = True
        if self._thread is not None:
            self._thread.join(10.0)

    def _load(self) -> None:
        problem = ""
        try:
            importlib.import_module("autoglm_desktop.ui.energy.plot")
        except ImportError as error:
            log.exception("the plot cannot be drawn")
            problem = str(error)
        self._done.emit(problem)

    def _tell(self, problem: str) -> None:
        if self._closed:
            return
        if problem:
            self.failed.emit(problem)
        else:
            self.loaded.emit()
