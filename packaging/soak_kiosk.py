"""Send visitor after visitor through the real kiosk and look for what one of them left behind.

    .venv/bin/python packaging/soak_kiosk.py --turns 3000             # the shipped engine without a model
    .venv/bin/python packaging/soak_kiosk.py --turns 50 --real        # the real model, its process killed at random

Needs a display (`xvfb-run -a` gives one). Every prompt holds a planted word, which is copied and marked, too; after
each wipe it must be in no widget of the process, not on the clipboard, and in no file that the application can write.
Prints one JSON object; the status is 1 when something was found, a visitor got no whole answer, or memory grew by 5 %
or more after the first tenth.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QClipboard
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from autoglm_desktop.app import Arguments
from autoglm_desktop.app_kiosk import run_kiosk
from autoglm_desktop.assets import default_data_dir, resource
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.kiosk import make_kiosk
from autoglm_desktop.core.messages import Role, TurnRequest
from autoglm_desktop.engine.script import Reply
from autoglm_desktop.engine.scripted import ScriptedEngine
from autoglm_desktop.ui.kiosk.window import KioskWindow, Place

PLANTED = "aubergine4711"
_PATIENCE_S = 180.0
_GETTERS = (
    *("text", "toPlainText", "placeholderText", "windowTitle", "toolTip", "statusTip", "whatsThis"),
    *("accessibleName", "accessibleDescription"),
)
_DIED = ErrorReport(ErrorCode.ENGINE_DIED, msg("The engine ended."), msg("Ask again."))


@dataclass(slots=True)
class Found:
    """What the run saw. Bytes are resident sets of this process and, with the real model, the engine's."""

    turns: int = 0
    visitors: int = 0
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    """Turns without a whole answer, and what there was instead."""
    kills: int = 0
    in_window: int = 0
    on_clipboard: int = 0
    in_files: list[str] = field(default_factory=list)
    early_bytes: int = 0
    last_bytes: int = 0
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        return self.last_bytes / self.early_bytes - 1.0 if self.early_bytes else 0.0

    @property
    def sound(self) -> bool:
        clean = not (self.in_window or self.on_clipboard or self.in_files)
        return clean and self.answered == self.turns and self.growth < 0.05


class Soak:
    """Drives the window from inside its own loop, one step at a time."""

    def __init__(self, window: KioskWindow, folder: Path, turns: int, dice: random.Random, *, real: bool) -> None:
        self._window, self._folder, self._turns, self._dice, self._real = window, folder, turns, dice, real
        self.found = Found()
        self._steps = self._run()
        self._waits: Callable[[], bool] = lambda: True
        self._since_s = self._began_s = time.monotonic()
        self._timer = QTimer(window, interval=0)
        self._timer.timeout.connect(self._step)
        self._timer.start()

    def _step(self) -> None:
        if not self._waits():
            if time.monotonic() - self._since_s > _PATIENCE_S:
                self._end()
            return
        try:
            self._waits = next(self._steps)
            self._since_s = time.monotonic()
        except StopIteration:
            self._end()

    def _end(self) -> None:
        self._timer.stop()
        self.found.seconds = time.monotonic() - self._began_s
        self._window.allow_close()

    def _run(self) -> Iterator[Callable[[], bool]]:
        """Yields what to wait for."""
        while self.found.turns < self._turns:
            self.found.visitors += 1
            for _ in range(min(self._dice.randint(1, 4), self._turns - self.found.turns)):
                yield from self._turn()
            yield from self._leave()
            self._measure()

    def _turn(self) -> Iterator[Callable[[], bool]]:
        window = self._window
        self.found.turns += 1
        QTest.keyClicks(window.ask_bar.edit, f"{PLANTED} {self.found.turns}: say something short")
        QTest.mouseClick(window.ask_bar.button, Qt.MouseButton.LeftButton)
        for mode in _modes():
            QApplication.clipboard().setText(f"{PLANTED} copied", mode)
        if self._real and self._dice.random() < 0.3:
            yield lambda: _engines() != []
            if self._dice.random() < 0.5:
                yield self._writing
            self._kill()
        yield self._settled
        last = self._last()
        if _is_whole(last):
            self.found.answered += 1
        else:
            self.found.lost.append(f"{self.found.turns}: {_state_of(last)}")

    def _last(self) -> Node | None:
        path = self._window.assistant.path(self._window.visitors.conversation_id or "")
        return path[-1] if path else None

    def _settled(self) -> bool:
        """Whether the window has shown how the answer ended: a moment before, nobody is answering either."""
        window = self._window
        shown = window.bridge.idle and not window.talk.view.busy and not window.visitors.answering
        return shown and (_is_whole(self._last()) or bool(window.talk.trouble.text()))

    def _writing(self) -> bool:
        last = self._last()
        return (last is not None and bool(last.text)) or not self._window.visitors.answering

    def _kill(self) -> None:
        for process in _engines():
            process.kill()
            self.found.kills += 1

    def _leave(self) -> Iterator[Callable[[], bool]]:
        """By the button, or by staying away until the time is over."""
        window = self._window
        if self._dice.random() < 0.5:
            QTest.mouseClick(window.again, Qt.MouseButton.LeftButton)
        else:
            away_s = window.config.idle_s + window.config.countdown_s
            window.guard.touched_s -= away_s
            window.company_s -= away_s
        yield lambda: window.place is Place.ATTRACT
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self.found.in_window += PLANTED in words_of_the_process()
        self.found.on_clipboard += any(PLANTED in QApplication.clipboard().text(mode) for mode in _modes())
        if self.found.visitors % 25 == 1 or self.found.turns >= self._turns:
            self.found.in_files += planted_files(self._folder)

    def _measure(self) -> None:
        if self.found.turns * 10 >= self._turns:
            now = psutil.Process().memory_info().rss + sum(p.memory_info().rss for p in _engines() if self._real)
            self.found.early_bytes = self.found.early_bytes or now
            self.found.last_bytes = now


def _is_whole(node: Node | None) -> bool:
    answered = node is not None and node.role is Role.ASSISTANT and node.state is NodeState.COMPLETE
    return answered and node is not None and node.error is None and bool(node.text)


def _state_of(node: Node | None) -> str:
    if node is None:
        return "no message"
    return f"{node.role}, {node.state}, {len(node.text)} characters" + (f", {node.error.code}" if node.error else "")


def words_of_the_process() -> str:
    """Every text that a widget of any window holds, seen or not."""
    getters = (getattr(widget, name, None) for widget in QApplication.allWidgets() for name in _GETTERS)
    return "\n".join(str(getter() if callable(getter) else getter) for getter in getters)


def _modes() -> list[QClipboard.Mode]:
    """What was copied and, on X11, what was marked."""
    modes = [QClipboard.Mode.Clipboard]
    return modes + [QClipboard.Mode.Selection] * QApplication.clipboard().supportsSelection()


def planted_files(folder: Path) -> list[str]:
    """Files below `folder` that hold the planted word in UTF-8 or UTF-16."""
    signs = [PLANTED.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")]
    files = [path for path in folder.rglob("*") if path.is_file() and "models" not in path.relative_to(folder).parts]
    return [str(path.relative_to(folder)) for path in files if any(sign in path.read_bytes() for sign in signs)]


def _engines() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # one that was killed may not be gone yet
            if "autoglm_desktop.engine.process" in child.cmdline():
                found.append(child)
    return found


class _Echo:
    """Answers that repeat the prompt. One in ten is lost with the engine, before the text or in the middle of it."""

    def __init__(self, dice: random.Random) -> None:
        self._dice, self._lost = dice, False

    def __call__(self, request: TurnRequest) -> Reply:
        self._lost = not self._lost and self._dice.random() < 0.1  # an engine that was just started anew holds
        at = self._dice.randint(0, 4) if self._lost else None
        return Reply(f"You said: {request.messages[-1].text}", error=_DIED if self._lost else None, error_after=at)


def soak(turns: int, *, real: bool, seed: int) -> Found:
    """Run the kiosk on a fresh data folder until so many turns were asked."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="autoglm-soak-") as name:
        folder = Path(name)
        (folder / "models").symlink_to(default_data_dir() / "models")
        make_kiosk(folder / "kiosk.toml", _template(real=real))
        soaks: list[Soak] = []
        run_kiosk(
            Arguments(folder, log_level="DEBUG"),
            None,
            engine=None if real else ScriptedEngine(_Echo(dice)),
            on_shown=lambda window: soaks.append(Soak(window, folder, turns, dice, real=real)),
        )
        soaks[0].found.in_files += planted_files(folder)
        return soaks[0].found


def _template(*, real: bool) -> str:
    """The shipped configuration, with answers that end soon."""
    text = resource("kiosk.toml").read_text(encoding="utf-8")
    return text.replace("max_answer_tokens = 256", f"max_answer_tokens = {24 if real else 256}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--turns", type=int, default=3000)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    found = soak(arguments.turns, real=arguments.real, seed=arguments.seed)
    print(json.dumps(asdict(found) | {"growth": round(found.growth, 4), "sound": found.sound}))
    return 0 if found.sound else 1


if __name__ == "__main__":
    sys.exit(main())
