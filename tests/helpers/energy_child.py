"""The application as it always is, with someone who moves its sliders and asks: what the footers say, and the engine.

    python -m tests.helpers.energy_child REPORT PICTURES --data-dir FOLDER

An answer at full charge, one after the battery was dragged to 20 %, and another question twice after the SoC was
dragged to 70 °C. One entry an answer is written as JSON to REPORT, and a picture of the window to PICTURES.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoglm_desktop.core.conversation import Node
    from autoglm_desktop.ui.shell import Shell

COOL, HOT = "Tell a long story about the sea.", "Tell a long story about a forest."
LOOK_MS = 100


def main() -> int:
    from autoglm_desktop import app

    report, pictures = Path(sys.argv[1]), Path(sys.argv[2])
    kept: list[object] = []
    return app.run_window(sys.argv[3:], on_shown=lambda shell: kept.append(Visitor(shell, report, pictures)))


@dataclass(frozen=True, slots=True)
class Step:
    """Once `when` holds, `act`."""

    act: Callable[[], object]
    when: Callable[[], bool] = lambda: True


class Visitor:
    """Works through its steps on the window's thread."""

    def __init__(self, shell: Shell, report: Path, pictures: Path) -> None:
        from PySide6.QtCore import QTimer

        from autoglm_desktop.assistant.events import NodeFinished
        from autoglm_desktop.ui.bridge import Bridge

        self._shell, self._report, self._pictures = shell, report, pictures
        self._answers: list[Node] = []
        self._told: list[dict[str, Any]] = []

        def heard(event: object) -> None:
            if isinstance(event, NodeFinished):
                self._answers.append(event.node)

        self._bridge = Bridge(heard, parent=shell.window)
        shell.controller.assistant.subscribe(self._bridge.post)
        self._left = self._steps()
        self._timer = QTimer(shell.window, interval=LOOK_MS)
        self._timer.timeout.connect(self._go_on)
        self._timer.start()

    def _steps(self) -> list[Step]:
        from tests.helpers.energy_panels import drag

        shell = self._shell
        cards, energy = shell.window.dock.cards, shell.controller.assistant.energy
        return [
            Step(lambda: self._ask(COOL), shell.window.dock.isVisible),
            Step(self._note, lambda: self._footers() == 1),
            Step(lambda: drag(cards.battery.slider, 20)),
            Step(lambda: self._ask(COOL), lambda: energy.view().snapshot.state.soc < 0.21),
            Step(self._note, lambda: self._footers() == 2),
            Step(lambda: drag(cards.heat.hold, 70)),
            Step(shell.controller.new_chat, lambda: energy.decision.max_new_tokens is not None),
            Step(lambda: self._ask(HOT)),
            Step(self._note, lambda: self._footers() == 3),
            Step(shell.controller.new_chat),
            Step(lambda: self._ask(HOT)),
            Step(self._note, lambda: self._footers() == 4),
            Step(shell.window.close),
        ]

    def _go_on(self) -> None:
        if self._left[0].when():
            self._left.pop(0).act()
            if not self._left:
                self._timer.stop()

    def _footers(self) -> int:
        """How many answers ended, once the window shows the last of them."""
        shown = bool(self._answers) and self._shell.controller.bridge.idle and bool(_words(self._shell))
        return len(self._answers) if shown else 0

    def _ask(self, question: str) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        edit = self._shell.window.composer.edit
        edit.setFocus()
        QTest.keyClicks(edit, question)
        QTest.keyClick(edit, Qt.Key.Key_Return)

    def _note(self) -> None:
        node, window = self._answers[-1], self._shell.window
        self._told.append(
            {
                "text": node.text,
                "tier": node.tier,
                "from_cache": node.from_cache,
                "usage": asdict(node.usage) if node.usage is not None else None,
                "cap": node.energy.max_new_tokens if node.energy is not None else None,
                "footer": _words(self._shell),
                "chosen": window.dock.cards.tier.badge.tier,
            }
        )
        window.screen().grabWindow(window.winId()).save(str(self._pictures / f"answer-{len(self._told)}.png"))
        self._report.write_text(json.dumps(self._told, default=str), encoding="utf-8")


def _words(shell: Shell) -> Sequence[str]:
    """What the row under the last answer says, word by word; nothing while it is still being made."""
    from autoglm_desktop.ui.energy.turn_marks import EnergyMark
    from autoglm_desktop.ui.transcript.buttons import TierBadge, Words
    from autoglm_desktop.ui.transcript.footer import Footer

    footers = [f for f in shell.window.transcript.findChildren(Footer) if f.isVisible() and f.findChildren(TierBadge)]
    if not footers:
        return ()
    last = max(footers, key=lambda footer: footer.mapToGlobal(footer.rect().topLeft()).y())
    badges = [badge.accessibleName() for badge in last.findChildren(TierBadge)]
    words = [part.text for part in last.findChildren(Words) if part.isVisible()]
    return [*badges, *words, *(mark.text for mark in last.findChildren(EnergyMark))]


if __name__ == "__main__":
    sys.exit(main())
