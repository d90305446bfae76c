"""Take the pictures of the README: the real window, the real model, both languages and themes, under Xvfb.

    .venv/bin/python packaging/screenshots.py [FOLDER] [--model ID]

Writes PNG files of at most 300 KB into FOLDER (default: packaging/screenshots). What the model says is what it said.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from autoglm_desktop.assets import default_data_dir
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from autoglm_desktop.ui.shell import Shell

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the helpers of the tests

MAX_BYTES = 300_000
WIDTH_PX, HEIGHT_PX = 1440, 900
TALKS = {
    "zh_CN": ("你是谁?", "写出 1 到 n 的求和公式，再用一行 Python 代码验证 n = 100。"),
    "en": ("Who are you?", "Give the formula for the sum of 1 to n, and one line of Python that checks n = 100."),
}
SHOTS = (("zh_CN", "light"), ("zh_CN", "dark"), ("en", "light"), ("en", "dark"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "screenshots")
    parser.add_argument("--model", default=DEFAULT_MODEL_ID)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if arguments.child:
        told = json.loads(arguments.child)
        return in_kiosk(folder, told) if told["theme"] == "kiosk" else in_window(folder, told)
    folder.mkdir(parents=True, exist_ok=True)
    from tests.helpers.display import x_server

    with x_server() as display:
        for language, theme in SHOTS:
            shoot(display, folder, arguments.model, language, theme)
        for language in ("zh_CN", "en"):
            shoot(display, folder, arguments.model, language, "kiosk")
    for picture in sorted(folder.glob("*.png")):
        shrink(picture)
        print(f"{picture.name}: {picture.stat().st_size / 1000:.0f} KB")
    return 0


def shoot(display: str, folder: Path, model_id: str, language: str, theme: str) -> None:
    """One process of the application and its pictures; the theme ``kiosk`` stands for the kiosk."""
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch) / "AutoGLM Desktop"
        data_dir.mkdir()
        settings: dict[str, object] = {
            "language": language,
            "temperature": 0.0,
            "max_tokens": 220,
            "model_id": model_id,
        }
        settings["theme"] = "dark" if theme == "kiosk" else theme
        (data_dir / "models").symlink_to(default_data_dir() / "models")
        (data_dir / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        told = {"data_dir": str(data_dir), "language": language, "theme": theme}
        environment = os.environ | {"DISPLAY": display}
        environment.pop("QT_QPA_PLATFORM", None)
        command = [sys.executable, __file__, str(folder), "--child", json.dumps(told)]
        subprocess.run(command, env=environment, check=True, timeout=1200)


def in_window(folder: Path, told: dict[str, str]) -> int:
    """The process that is photographed: the application as it always is, with someone who types."""
    from autoglm_desktop import app

    kept: list[object] = []

    def begin(shell: Shell) -> None:
        shell.window.setGeometry(0, 0, WIDTH_PX, HEIGHT_PX)
        name = f"{told['language'].split('_')[0]}-{told['theme']}"
        kept.append(talk(shell, folder, told, name))

    return app.run_window(["--data-dir", told["data_dir"]], on_shown=begin)


def in_kiosk(folder: Path, told: dict[str, str]) -> int:
    """The kiosk: waiting, with a visitor who dropped the battery and asked, and its staff's pages."""
    from autoglm_desktop.app import Arguments
    from autoglm_desktop.app_kiosk import run_kiosk
    from autoglm_desktop.assets import resource
    from autoglm_desktop.core.kiosk import make_kiosk
    from autoglm_desktop.ui.kiosk.window import KioskWindow, Place

    data_dir = Path(told["data_dir"])
    shipped = resource("kiosk.toml").read_text(encoding="utf-8")
    make_kiosk(data_dir / "kiosk.toml", shipped.replace('language = "zh_CN"', f'language = "{told["language"]}"'))
    name = told["language"].split("_")[0]

    def begin(window: KioskWindow) -> None:
        def ask() -> None:
            window.touch("low", "")
            window.ask(window.hero.chips[0].text())

        def picture(of: str) -> Callable[[], object]:
            return lambda: save(window, folder / f"{of}-{name}.png")

        steps = [
            Step(12_500, picture("kiosk")),
            Step(0, ask),
            Step(3000, ready, lambda: not window.visitors.answering),
            Step(1500, picture("kiosk-talk")),
            Step(0, window.show_pin),
            Step(500, picture("kiosk-pin")),
            Step(0, window.pad.opened.emit),
            Step(500, picture("kiosk-staff"), lambda: window.place is Place.STAFF),
            Step(0, window.allow_close),
        ]
        tour(window, steps)

    return run_kiosk(Arguments(data_dir), None, on_shown=begin)


def talk(shell: Shell, folder: Path, told: dict[str, str], name: str) -> object:
    """Ask twice and switch the tier in between, then go through the pages."""
    from autoglm_desktop.assistant.events import AssistantEvent, NodeFinished
    from autoglm_desktop.core.precision import TierChoice
    from autoglm_desktop.ui.bridge import Bridge

    first, second = TALKS[told["language"]]
    answers: list[str] = []

    def heard(event: object) -> None:
        if isinstance(event, NodeFinished):
            if event.node.error is not None:
                raise SystemExit(event.node.error.line())
            answers.append(event.node.id)

    bridge = Bridge(heard, parent=shell.window)

    def listen(event: AssistantEvent) -> None:
        bridge.post(event)

    shell.controller.assistant.subscribe(listen)
    steps = [
        Step(600, lambda: shell.controller.send(first)),
        Step(600, lambda: shell.controller.send(second), lambda: len(answers) == 1),
        Step(2500, lambda: shell.controller.choose_tier(TierChoice.INT4)),
        Step(1500, lambda: save(shell.window, folder / f"chat-{name}.png"), lambda: len(answers) == 2),
        *(energy_steps(shell, folder, name, answers, second) if name.endswith("-light") else ()),
        *page_steps(shell, folder, name),
        Step(0, shell.window.close),
    ]
    tour(shell.window, steps)
    return bridge


def energy_steps(shell: Shell, folder: Path, name: str, answers: Sequence[str], question: str) -> list[Step]:
    """An answer at 20 %, and the same question twice at 70 °C; then all is as it was."""
    from autoglm_desktop.core.precision import TierChoice

    energy, controller, asked = shell.controller.assistant.energy, shell.controller, len(answers) + 2

    def picture(of: str) -> Callable[[], object]:
        return lambda: save(shell.window, folder / f"{of}-{name}.png")

    def ask_anew() -> None:
        controller.new_chat()
        controller.send(question)

    def recover() -> None:
        energy.set_temperature(None)
        energy.set_battery(0.8)

    return [
        Step(0, lambda: controller.choose_tier(TierChoice.AUTO)),
        Step(300, lambda: energy.set_battery(0.2)),
        Step(1500, lambda: controller.send(question)),
        Step(1500, picture("low"), lambda: len(answers) == asked + 1),
        Step(0, lambda: energy.set_temperature(70.0)),
        Step(2500, ask_anew),
        Step(1500, ask_anew, lambda: len(answers) == asked + 2),
        Step(1500, picture("hot"), lambda: len(answers) == asked + 3),
        Step(0, recover),
    ]


def page_steps(shell: Shell, folder: Path, name: str) -> list[Step]:
    """The pages of the window; what takes minutes or looks the same in every theme is shown once."""
    from PySide6.QtWidgets import QDialog

    desk = shell.desk

    def picture(of: str) -> Callable[[], object]:
        return lambda: save(shell.window, folder / f"{of}.png")

    def jump() -> None:
        if desk.scenarios is not None:
            desk.scenarios.player.jump(5 * 3600.0)

    def edit() -> None:
        if desk.scenarios is not None:
            desk.scenarios.edit.click()

    def show_editor() -> None:
        editor = desk.scenarios.findChild(QDialog) if desk.scenarios is not None else None
        if isinstance(editor, QDialog):
            editor.grab().save(str(folder / f"scenario-editor-{name}.png"))
            editor.reject()

    def measure() -> None:
        desk.show_claims()
        if desk.claims is not None:
            desk.claims.toggle()

    def measured() -> bool:
        return desk.claims is None or not desk.claims.running

    def show_second_tab() -> None:
        if desk.settings_dialog is not None:
            desk.settings_dialog.tabs.setCurrentIndex(1)

    def settings_picture() -> None:  # once the tabs have found their new places
        if desk.settings_dialog is not None:
            desk.settings_dialog.grab().save(str(folder / "settings.png"))

    steps = [Step(0, desk.show_scenarios), Step(12_000, jump), Step(300, picture(f"scenarios-{name}"))]
    if name.endswith("-light"):
        steps += [
            Step(0, edit),
            Step(600, show_editor),
            Step(0, measure),
            Step(1000, picture(f"claims-{name}"), measured),
        ]
    if name == "zh-light":
        steps += [Step(0, desk.show_settings), Step(600, show_second_tab), Step(300, settings_picture)]
    return steps


@dataclass(frozen=True, slots=True)
class Step:
    """Wait `pause_ms`, then until `when` holds, then `act`."""

    pause_ms: int
    act: Callable[[], object]
    when: Callable[[], bool] = lambda: True


def ready() -> None:
    """A step that only waits."""


def tour(window: QWidget, steps: Sequence[Step]) -> None:
    """Go through the steps, one after the other, on the window's thread."""
    from PySide6.QtCore import QTimer

    left = list(steps)

    def go_on() -> None:
        if not left[0].when():
            QTimer.singleShot(500, window, go_on)
            return
        left.pop(0).act()
        if left:
            QTimer.singleShot(left[0].pause_ms, window, go_on)

    QTimer.singleShot(left[0].pause_ms, window, go_on)


def save(window: QWidget, path: Path) -> None:
    """The pixels of the window as the X server holds them."""
    picture = window.screen().grabWindow(window.winId())
    if not picture.save(str(path)):
        raise SystemExit(f"{path} could not be written")


def shrink(path: Path) -> None:
    """At most 300 KB: fewer colours, which a window of flat surfaces does not need."""
    for colors in (0, 256, 128, 64):
        with Image.open(path) as picture:
            made = picture.convert("RGB") if colors == 0 else picture.convert("RGB").quantize(colors)
        made.save(path, optimize=True)
        if path.stat().st_size <= MAX_BYTES:
            return
    raise SystemExit(f"{path} is larger than {MAX_BYTES} bytes")


if __name__ == "__main__":
    sys.exit(main())
