"""Another program on the same display: it drags files, or holds an image in the clipboard.

``python -m tests.helpers.other_program drag FILE...`` shows a window at the top left from which the files are dragged;
``… copy FILE`` puts the image on the clipboard. It tells ``ready`` and lives until it is ended.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QDrag, QGuiApplication, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from tests.helpers.dropped import files


class Source(QWidget):
    def __init__(self, paths: list[Path]) -> None:
        super().__init__()
        self._paths = paths
        self.setGeometry(40, 60, 200, 200)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt names it
        if event.buttons() & Qt.MouseButton.LeftButton:
            drag = QDrag(self)
            drag.setMimeData(files(self._paths))
            drag.exec(Qt.DropAction.CopyAction)


def main(what: str, paths: list[Path]) -> None:
    application = QApplication([])
    window = Source(paths if what == "drag" else [])
    window.show()
    if what == "copy":
        QGuiApplication.clipboard().setImage(QImage(str(paths[0])))
    QTimer.singleShot(0, lambda: print("ready", flush=True))
    application.exec()


if __name__ == "__main__":
    main(sys.argv[1], [Path(name) for name in sys.argv[2:]])
