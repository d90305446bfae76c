"""The first page and the manager of models: what is said before a download, while it runs, and after."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID
from autoglm_desktop.models.progress import PullProgress, PullStage
from autoglm_desktop.ui.jobs import RateMeter
from autoglm_desktop.ui.preparing import PreparingBar
from autoglm_desktop.ui.windows.first_run import FirstRunPage
from autoglm_desktop.ui.windows.model_manager import ModelManager
from tests.helpers.manual_engine import ManualEngine
from tests.helpers.windows import Opened, open_window

SMALL = "smollm2-135m-instruct"


def page_of(opened: Opened) -> FirstRunPage:
    page = opened.shell.desk.first_run
    assert page is not None
    assert page.isVisible()
    return page


def test_it_says_what_how_large_which_licence_and_from_where(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, installed=()) as opened:
        page = page_of(opened)
        assert page.chosen is not None
        assert page.chosen.id == DEFAULT_MODEL_ID
        words = page.choices[0].radio.accessibleName()
        assert "491 MB" in words
        assert "Apache-2.0" in words
        assert "From: " in page.choices[0].radio.toolTip()
        assert page.go_button.text() == "Download 491 MB"
        assert str(tmp_path / "models") in page._where.text()


def test_a_download_shows_its_progress_and_goes_on_to_the_chat(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path, installed=()) as opened:
        page = page_of(opened)
        opened.library.steps = [
            PullProgress(PullStage.CONNECTING, 0, 0, "Hub"),
            PullProgress(PullStage.DOWNLOADING, 123_000_000, 491_000_000, "Hub"),
        ]
        opened.library.go_on.clear()
        QTest.mouseClick(page.go_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.pull.stage.text() == "Downloading from Hub")
        assert page.pull.amount.text().startswith("123 MB of 491 MB")
        assert page.pull.bar.value() == pytest.approx(250, abs=1)
        assert not page.go_button.isVisible()
        opened.library.go_on.set()
        qtbot.waitUntil(lambda: opened.shell.window.chat_shown)
        qtbot.waitUntil(lambda: opened.assistant.engine_status().state is EngineState.READY)


def test_cancel_keeps_what_arrived_and_goes_on_later(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, installed=()) as opened:
        page = page_of(opened)
        opened.library.go_on.clear()
        QTest.mouseClick(page.go_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.pull.running)
        QTest.mouseClick(page.pull.cancel_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not page.pull.running)
        assert page.pull.error is None
        assert page.go_button.text() == "Go on with the download"
        opened.library.go_on.set()
        QTest.mouseClick(page.go_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.shell.window.chat_shown)
        assert opened.library.pulls == [DEFAULT_MODEL_ID] * 2


def test_a_failed_download_says_why_and_can_be_tried_again(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, installed=()) as opened:
        page = page_of(opened)
        opened.library.fails = AppError(ErrorCode.DISK_FULL, msg("The disk is full."), msg("Free 2 GB."))
        QTest.mouseClick(page.go_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.pull.failure.text() == "The disk is full. Free 2 GB.")
        assert page.go_button.isVisible()


def test_closing_the_window_ends_a_running_download(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    """The thread is gone with the window: the fixture of all tests looks for it."""
    with open_window(qapp, tmp_path, installed=()) as opened:
        opened.library.go_on.clear()
        QTest.mouseClick(page_of(opened).go_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: bool(opened.library.pulls))


def test_another_model_can_be_chosen(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, installed=()) as opened:
        page = page_of(opened)
        small = next(choice for choice in page.choices if choice.model.id == SMALL)
        small.radio.click()
        QTest.mouseClick(page.go_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.assistant.settings.model_id == SMALL)
        assert opened.shell.window.chat_shown


def test_the_manager_downloads_verifies_and_removes(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        QTest.keyClick(opened.shell.window, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
        manager = opened.shell.desk.manager
        assert manager is not None
        manager.mark(SMALL)
        assert not manager.buttons["verify"].isEnabled()
        QTest.mouseClick(manager.buttons["download"], Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: SMALL in opened.library.installed and not manager.pull.running)
        assert manager.marked is not None
        assert manager.marked.id == SMALL
        QTest.mouseClick(manager.buttons["verify"], Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: manager.told.text().endswith("is intact."))
        opened.library.fails = AppError(ErrorCode.WEIGHTS_CORRUPT, msg("A file is damaged."), msg("Download again."))
        QTest.mouseClick(manager.buttons["verify"], Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: manager.pull.failure.text() == "A file is damaged. Download again.")
        assert manager.told.text() == ""
        manager._remove_now(manager.marked)
        qtbot.waitUntil(lambda: manager.told.text() == "1.00 MB freed.")
        assert SMALL not in opened.library.installed
        assert not manager.buttons["use"].isEnabled()


def test_a_button_that_cannot_be_pressed_says_why(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    speech = "faster-whisper-base"
    with open_window(qapp, tmp_path, installed=(DEFAULT_MODEL_ID, speech)) as opened:
        manager = manager_of(opened)

        def reasons() -> dict[str, str]:
            return {name: one.toolTip() for name, one in manager.buttons.items() if not one.isEnabled()}

        manager.mark(DEFAULT_MODEL_ID)
        assert reasons() == {"download": "It is on this machine already."}
        manager.mark(SMALL)
        assert reasons() == dict.fromkeys(("use", "verify", "remove"), "It is not on this machine.")
        manager.mark(speech)
        assert reasons()["use"] == "It writes down speech and cannot chat."
        manager.mark(DEFAULT_MODEL_ID)
        opened.library.go_on.clear()
        QTest.mouseClick(manager.buttons["verify"], Qt.MouseButton.LeftButton)
        waits = dict.fromkeys(
            ("download", "verify", "remove", "add_folder", "add_file"), "Wait for what runs below, or cancel it."
        )
        assert reasons() == waits
        opened.library.go_on.set()
        qtbot.waitUntil(lambda: not manager.pull.running)
        assert reasons() == {"download": "It is on this machine already."}


@pytest.mark.parametrize("work", ["add", "verify"])
def test_adding_and_verifying_show_progress_and_can_be_cancelled(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, work: str
) -> None:
    with open_window(qapp, tmp_path) as opened:
        manager = manager_of(opened)
        opened.library.steps = [PullProgress(PullStage.VERIFYING, 25, 100, "")]

        def begin() -> None:
            opened.library.go_on.clear()
            if work == "add":
                manager.add_path(tmp_path / "own.gguf")
            else:
                manager.mark(DEFAULT_MODEL_ID)
                QTest.mouseClick(manager.buttons["verify"], Qt.MouseButton.LeftButton)
            qtbot.waitUntil(lambda: manager.pull.bar.value() == 250)
            assert manager.pull.stage.text() == "Verifying the checksum"
            assert not manager.buttons["remove"].isEnabled()

        begin()
        QTest.mouseClick(manager.pull.cancel_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not manager.pull.running)
        assert (manager.told.text(), manager.pull.failure.text()) == ("", "")
        assert SMALL not in opened.library.installed
        begin()
        opened.library.go_on.set()
        qtbot.waitUntil(lambda: manager.told.text().endswith(("was added.", "is intact.")))
        assert (SMALL in opened.library.installed) is (work == "add")
        begin()  # and closing the window ends it
    assert not [thread for thread in threading.enumerate() if thread.name == "model-manager"]


HUB_ONLY = "qwen3-0.6b"


def manager_of(opened: Opened) -> ModelManager:
    opened.shell.desk.show_models()
    manager = opened.shell.desk.manager
    assert manager is not None
    return manager


def test_a_model_that_only_the_hub_knows_is_asked_about_before_its_download(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path) as opened:
        manager = manager_of(opened)
        manager.mark(HUB_ONLY)
        for answer in (QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Yes):
            QTest.mouseClick(manager.buttons["download"], Qt.MouseButton.LeftButton)
            qtbot.waitUntil(lambda: manager.question is not None)
            box = manager.question
            assert box is not None
            assert "1.50 GB" in box.informativeText()
            assert "Apache-2.0" in box.informativeText()
            assert opened.library.pulls == []
            QTest.mouseClick(box.button(answer), Qt.MouseButton.LeftButton)
            qtbot.waitUntil(lambda: manager.question is None)
        qtbot.waitUntil(lambda: HUB_ONLY in opened.library.installed)


def test_a_hub_that_does_not_answer_is_said_in_the_manager(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        opened.library.fails = AppError(ErrorCode.DOWNLOAD_FAILED, msg("The hub is away."), msg("Try later."))
        manager = manager_of(opened)
        manager.mark(HUB_ONLY)
        QTest.mouseClick(manager.buttons["download"], Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: manager.told.text() == "The hub is away. Try later.")
        assert opened.library.pulls == []


def test_every_tier_is_prepared_after_a_download_while_chatting_goes_on(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    engines: list[LoadingAtOnce] = []

    def spare() -> LoadingAtOnce:
        engines.append(LoadingAtOnce())
        return engines[-1]

    with open_window(qapp, tmp_path, installed=()) as opened:
        opened.shell.desk.prepare_with(spare)
        QTest.mouseClick(page_of(opened).go_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.shell.window.chat_shown)
        opened.shell.controller.send("Hello?")
        qtbot.waitUntil(lambda: opened.idle(1))
        assert opened.finished[0].node.text == "An answer."
        preparer = opened.shell.desk.preparer
        assert preparer is not None
        qtbot.waitUntil(lambda: not preparer.running)
        assert len(engines) == 1
        assert {tier for _, tier in engines[0].preloaded} == set(Tier)
        assert engines[0].calls == ["close"]
        assert engines[0].turns == []


def test_preparing_shows_how_far_it_is_and_can_be_stopped(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    """The engine here loads and never ends: what stops it is the button, then the window."""

    with open_window(qapp, tmp_path) as opened:
        opened.shell.desk.prepare_with(LoadingForEver)
        opened.shell.desk._prepare(DEFAULT_MODEL_ID)
        preparer = opened.shell.desk.preparer
        assert preparer is not None
        bar = opened.shell.window.banners.findChild(PreparingBar)
        assert bar is not None
        qtbot.waitUntil(bar.isVisible)
        qtbot.waitUntil(lambda: bar.bar.value() == 250)
        assert "(1 of 3); you can chat meanwhile." in bar.words.text()
        QTest.mouseClick(bar.stop, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not preparer.running)
        assert not bar.isVisible()
        assert opened.shell.window.banners.banners() == []
        opened.shell.desk._prepare(DEFAULT_MODEL_ID)
        qtbot.waitUntil(lambda: preparer.running)


class LoadingAtOnce(ManualEngine):
    """Is ready in the tier that it is asked to load."""

    def preload(self, model: ModelRef, tier: Tier) -> None:
        super().preload(model, tier)
        for watcher in self.watchers:
            watcher(EngineStatus(EngineState.READY, model.model_id, tier))


class LoadingForEver(ManualEngine):
    """Tells a quarter and then nothing more."""

    def preload(self, model: ModelRef, tier: Tier) -> None:
        super().preload(model, tier)
        for watcher in self.watchers:
            watcher(EngineStatus(EngineState.LOADING, model.model_id, tier, 0.25))


def test_the_rate_is_taken_over_the_last_seconds() -> None:
    meter = RateMeter(window_s=5.0)
    meter.add(0.0, 0)
    assert meter.bytes_per_s is None
    for second in range(1, 11):
        meter.add(float(second), second * 1000)
    assert meter.bytes_per_s == pytest.approx(1000)
    assert meter.left_s(20_000) == pytest.approx(10)
    for second in range(11, 21):
        meter.add(float(second), 10_000 + (second - 10) * 100)
    assert meter.bytes_per_s == pytest.approx(100)
    meter.add(21.0, 5)
    assert meter.bytes_per_s is None
