"""A kiosk over a scripted engine, a synthetic camera and a synthetic microphone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.visitors import Visitors, kiosk_settings
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.kiosk import KioskConfig, Suggestion
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.devices.camera import CameraDevice, SyntheticCamera
from autoglm_desktop.devices.microphone import SyntheticMicrophone
from autoglm_desktop.energy.telemetry import ThisComputer
from autoglm_desktop.engine.script import Script
from autoglm_desktop.engine.scripted import ScriptedEngine
from autoglm_desktop.store.store import Store
from autoglm_desktop.ui.kiosk.window import KioskWindow, Place
from tests.helpers.windows import Clock, PlayedLibrary

SECRET = "aubergine-4711"  # noqa: S105 - what a visitor wrote
CONFIG = KioskConfig(
    pin="271828",
    language="en",
    max_prompts=3,
    max_prompt_chars=60,
    suggestions=(
        Suggestion(zh_CN="你是谁?", en="Who are you?"),
        Suggestion(zh_CN="车里", en="Into a hot car", touch="car"),
    ),
)


@dataclass(frozen=True, slots=True)
class Opened:
    window: KioskWindow
    assistant: Assistant
    engine: ScriptedEngine
    visitors: Visitors
    files: Path
    clock: Clock
    camera: SyntheticCamera

    def at(self, place: Place) -> bool:
        return self.window.place is place

    def leave_alone(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.window.beat()


@contextmanager
def kiosk(
    qapp: QApplication,
    folder: Path,
    script: Script,
    config: KioskConfig = CONFIG,
    *,
    now: datetime | None = None,
    cameras: tuple[CameraDevice, ...] = (CameraDevice("card", "Test card"),),
) -> Iterator[Opened]:
    engine, clock, files = ScriptedEngine(script), Clock(), folder / "files"
    files.mkdir()
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(tempfile, "tempdir", str(files))
    camera, microphone = SyntheticCamera(cameras), SyntheticMicrophone(np.zeros(16_000, np.int16))
    settings = kiosk_settings(Settings(), config)
    energy = EnergyService(settings=settings, computer=ThisComputer(gpu=msg("No card.")), clock=clock, wall=clock.wall)
    assistant = Assistant(engine, Store(None), PlayedLibrary(folder), settings, energy=energy)
    visitors = Visitors(assistant, config, files)
    moments = iter([datetime(2026, 1, 1, 12).astimezone()])
    window = KioskWindow(
        qapp,
        assistant,
        visitors,
        config,
        microphone=lambda: microphone,
        camera=lambda: camera,
        clock=clock,
        now=lambda: next(moments, now or datetime(2026, 1, 1, 13).astimezone()),
    )
    window.guard.touched_s = clock()
    try:
        window.open(full_screen=False)
        QTest.qWaitForWindowExposed(window)
        yield Opened(window, assistant, engine, visitors, files, clock, camera)
    finally:
        window.end()
        visitors.close()
        assistant.close()
        monkeypatch.undo()
        window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def words_of(window: QWidget) -> str:
    """Every text that the window's widgets hold, seen or not."""
    found = []
    for widget in window.findChildren(QWidget):
        for name in ("text", "toPlainText", "accessibleName", "accessibleDescription", "toolTip", "placeholderText"):
            getter = getattr(widget, name, None)
            found.append(str(getter() if callable(getter) else getter))
    return "\n".join(found)


def ask(qtbot: QtBot, opened: Opened, text: str) -> None:
    bar = opened.window.ask_bar
    QTest.mouseClick(bar.edit, Qt.MouseButton.LeftButton)
    QTest.keyClicks(bar.edit, text)
    QTest.mouseClick(bar.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not opened.visitors.answering and opened.window.bridge.idle)
