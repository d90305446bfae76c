"""What the kiosk is, where its configuration lies, and the button that starts it."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QProcess, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from autoglm_desktop.assets import resource
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.kiosk import load_kiosk, make_kiosk
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import close_button, describe, label


class KioskDialog(QDialog):
    """`started` when the kiosk's process runs: the window has to close, they share a data folder."""

    started = Signal()
    folder_requested = Signal(object)

    def __init__(self, look: Appearance, data_dir: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._data_dir, self._path = data_dir, data_dir / "kiosk.toml"
        self.setWindowTitle(tr("Kiosk"))
        self.about = label(
            "muted",
            tr(
                "A full screen for visitors of a booth: large controls, a phone to drag, nothing kept. After a minute"
                " without a touch everything that a visitor wrote is removed. Staff leave it with a PIN."
            ),
            wrap=True,
        )
        self.about.setMinimumWidth(500)  # not the dialog's: its buttons may need more
        self.told = label("secondary", wrap=True)
        self.start, self.folder = QPushButton(tr("Start the kiosk")), QPushButton(tr("Show the configuration"))
        self.start.setProperty("role", "primary")
        describe(self.start, self.start.text(), tr("Closes this window and opens the kiosk over the whole screen"))
        describe(self.folder, self.folder.text())
        self.start.clicked.connect(self._start)
        self.folder.clicked.connect(lambda: self.folder_requested.emit(self._data_dir))
        column, row = QVBoxLayout(self), QHBoxLayout()
        column.setSpacing(12)
        column.addWidget(self.about)
        column.addWidget(self.told)
        row.addWidget(self.start)
        row.addWidget(self.folder)
        row.addStretch()
        column.addLayout(row)
        column.addWidget(close_button(self))
        self.refresh()

    def refresh(self) -> None:
        """Make the configuration if there is none, check it, and say where it and the PIN are."""
        try:
            if not self._path.exists():
                make_kiosk(self._path, resource("kiosk.toml").read_text(encoding="utf-8"))
            pin = load_kiosk(self._path).pin
        except AppError as error:
            self.start.setEnabled(False)
            self.told.setText(f"{error.report.cause} {error.report.next_step}")
        else:
            self.start.setEnabled(True)
            self.told.setText(tr("The staff PIN is {pin}. It can be changed in {path}.", pin=pin, path=str(self._path)))
        describe(self.told, self.told.text())

    def command(self) -> list[str]:
        """What starts the kiosk on this data folder."""
        return [sys.executable, "-m", "autoglm_desktop", "--kiosk", "--data-dir", str(self._data_dir)]

    def _start(self) -> None:
        program, *arguments = self.command()
        began, _ = QProcess.startDetached(program, arguments)
        if began:
            self.accept()
            self.started.emit()
        else:
            self.told.setText(tr("The kiosk could not be started."))
