"""A process with the whole window over a scripted engine, on a real display; tells its state in a file.

``python -m tests.helpers.images_child FOLDER``: `FOLDER/state.json` holds the names of the attached images, how many
answers ended, and where the window is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PySide6.QtCore import QTimer

from autoglm_desktop.engine.script import Reply, Senses
from autoglm_desktop.ui.shell import make_application
from tests.helpers.dropped import READING
from tests.helpers.windows import Opened, open_window


def state_of(opened: Opened) -> dict[str, object]:
    controller, window = opened.shell.controller, opened.shell.window
    return {
        "attached": [part.name for part in controller.images.draft.parts],
        "answers": len(opened.finished) if controller.bridge.idle else -1,
        "visible": window.isVisible(),
        "choosing": opened.shell.desk.images.screenshots is not None
        and opened.shell.desk.images.screenshots.chooser is not None,
    }


def main(folder: Path) -> None:
    application = make_application()
    script = [Reply("The note says that the meeting is at 15:30 in room 302.")]
    with open_window(application, folder / "data", script, senses=Senses(read=lambda _: READING)) as opened:
        opened.shell.window.setGeometry(380, 40, 1040, 820)
        told: list[str] = []

        def tell() -> None:
            state = json.dumps(state_of(opened))
            if told[-1:] != [state]:
                told.append(state)
                part = folder / "state.part"
                part.write_text(state, encoding="utf-8")
                part.replace(folder / "state.json")

        beat = QTimer(interval=50)
        beat.timeout.connect(tell)
        beat.start()
        application.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
