"""A process with the real kiosk over a scripted engine and a synthetic camera; tells its state in a file.

``python -m tests.helpers.kiosk_child FOLDER``: `FOLDER/state.json` holds the window's id, what is typed in the field,
the page that is shown, where the kiosk stands, and whether it holds the keys.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from autoglm_desktop.app import Arguments
from autoglm_desktop.app_kiosk import run_kiosk
from autoglm_desktop.devices.camera import SyntheticCamera
from autoglm_desktop.engine.script import Reply
from autoglm_desktop.engine.scripted import ScriptedEngine
from autoglm_desktop.ui.kiosk.window import KioskWindow


def state_of(window: KioskWindow) -> dict[str, object]:
    photo = window.photo
    return {
        "id": int(window.windowHandle().winId()),
        "text": window.ask_bar.edit.text(),
        "page": type(window.pages.currentWidget()).__name__,
        "place": window.place,
        "keys": window.hold.keys_held,
        "photo_button": _middle(window.senses.photo),
        "end_button": _middle(window.staff.quit),
        "live": photo.view is not None and photo.view.shutter.isEnabled(),
    }


def _middle(part: QWidget) -> tuple[int, int]:
    """Where a hand touches it."""
    place = part.mapToGlobal(part.rect().center())
    return place.x(), place.y()


def watch(window: KioskWindow, folder: Path) -> None:
    """Write the state at each change."""
    window.photo._camera = SyntheticCamera
    told: list[str] = []

    def tell() -> None:
        state = json.dumps(state_of(window))
        if told[-1:] != [state]:
            told.append(state)
            part = folder / "state.part"
            part.write_text(state, encoding="utf-8")
            part.replace(folder / "state.json")

    beat = QTimer(window, interval=50)
    beat.timeout.connect(tell)
    beat.start()


def main(folder: Path) -> int:
    return run_kiosk(
        Arguments(folder / "data"),
        folder / "kiosk.toml",
        engine=ScriptedEngine([Reply("Yes.")]),
        on_shown=lambda window: watch(window, folder),
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
