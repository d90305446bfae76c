"""The application as it always is, beside it a probe: where the microphone button is, stalls, its text.

    python -m tests.helpers.voice_child REPORT --data-dir FOLDER

Everything is written as JSON to REPORT, anew at each change.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoglm_desktop.ui.shell import Shell


def main() -> int:
    from autoglm_desktop import app

    report = Path(sys.argv[1])
    kept: list[object] = []
    return app.run_window(sys.argv[2:], on_shown=lambda shell: kept.append(_probe(shell, report)))


def _probe(shell: Shell, report: Path) -> object:
    """Attach the probe; its class is made here because Qt is not imported before the application does it."""
    from PySide6.QtCore import QObject, QTimer

    from autoglm_desktop.ui.voice.state import VoicePhase, VoiceState
    from tests.helpers.stalls import Stalls

    class Probe(QObject):
        def __init__(self) -> None:
            super().__init__(shell.window)
            self.stalls = Stalls(self)
            self.told: dict[str, Any] = {"phases": [], "gaps_ms": self.stalls.gaps_ms}
            self.began_ns = 0
            self.looks = QTimer(self, interval=200)
            self.looks.timeout.connect(self.write)
            self.looks.start()
            shell.voice.dictation.changed.connect(self.on_changed)

        def on_changed(self, state: VoiceState) -> None:
            phases: list[str] = self.told["phases"]
            if phases and phases[-1] == state.phase.value:
                if state.phase is VoicePhase.WRITING and state.seconds:
                    self.told["recorded_s"] = state.seconds
                return
            phases.append(state.phase.value)
            now_ns = time.monotonic_ns()
            if state.phase is VoicePhase.RECORDING:
                self.began_ns = now_ns
                self.told["first_block_s"] = state.seconds
                self.stalls.begin()
            elif self.stalls.isActive():
                self.stalls.stop()
                self.told["held_s"] = (now_ns - self.began_ns) / 1e9
            if state.seconds and state.phase is VoicePhase.WRITING:
                self.told["recorded_s"] = state.seconds

        def write(self) -> None:
            if self.stalls.isActive():
                self.told["partial"] = shell.voice.composer.text()
                return  # writing would be a stall of the test's own
            button = shell.voice.composer.microphone
            place = button.mapToGlobal(button.rect().center())
            strip = shell.voice.strip
            self.told |= {
                "button": [place.x(), place.y()],
                "text": shell.voice.composer.text(),
                "strip": f"{strip.told.text()} {strip.error.text()}".strip() if strip.isVisible() else "",
            }
            fresh = report.with_suffix(".new")
            fresh.write_text(json.dumps(self.told), encoding="utf-8")
            fresh.replace(report)

    return Probe()


if __name__ == "__main__":
    sys.exit(main())
