"""What an empty conversation shows, at every width and text size."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.ui.transcript.empty import Greeting
from tests.helpers.windows import ENGLISH, open_window


@pytest.mark.parametrize(("width", "height", "scale"), [(800, 600, 2.0), (1440, 900, 1.0), (520, 420, 1.0)])
def test_the_greeting_is_not_cut(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, *, width: int, height: int, scale: float
) -> None:
    settings = ENGLISH.model_copy(update={"font_scale": scale})
    with open_window(qapp, tmp_path, settings=settings) as opened:
        window = opened.shell.window
        window.resize(width, height)
        qtbot.waitUntil(lambda: (window.width(), window.height()) == (width, height))
        greeting = window.transcript.findChild(Greeting)
        assert greeting is not None
        view = window.transcript.viewport()
        assert greeting.width() <= view.width()
        shown = [chip for chip in greeting.chips if chip.isVisible()]
        assert shown, "there is something to ask"
        for chip in shown:
            assert chip.mapTo(view, chip.rect().bottomRight()).y() < view.height()
            assert chip.mapTo(view, chip.rect().bottomRight()).x() < view.width()
        title = QFontMetrics(greeting._look.font(24, bold=True))
        lines = -(-title.horizontalAdvance(greeting._title) // greeting.width())
        assert shown[0].y() >= lines * title.height(), "the words have their lines above the suggestions"
        if scale == 1.0 and width == 1440:
            assert len(shown) == len(greeting.chips)
