"""The whole window over a scripted engine: real clicks and keys, real assistant, real store."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.events import EngineChanged
from autoglm_desktop.core import i18n
from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Role
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID, Settings
from autoglm_desktop.engine.script import Hold, Reply
from autoglm_desktop.store.failures import disk_full
from autoglm_desktop.store.store import Store
from autoglm_desktop.ui.paths import DataPaths
from autoglm_desktop.ui.transcript.bubble import PromptEditor
from tests.helpers.transcripts import button
from tests.helpers.trees import node
from tests.helpers.windows import ENGLISH, Opened, open_window

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NO_ROOM = ErrorReport(ErrorCode.OUT_OF_MEMORY, msg("There is no room."), msg("Use a smaller tier."), "9 GB", "int4")


def say(opened: Opened, text: str) -> None:
    """Type a message and press Enter."""
    edit = opened.shell.window.composer.edit
    edit.setFocus()
    QTest.keyClicks(edit, text)
    QTest.keyClick(edit, Qt.Key.Key_Return)


def wait_idle(qtbot: QtBot, opened: Opened, answers: int = 1) -> None:
    """Wait until so many answers ended and the window knows it."""
    qtbot.waitUntil(lambda: opened.idle(answers), timeout=5000)


def editor_in(transcript: QWidget) -> QPlainTextEdit:
    """The field of the prompt that is being edited."""
    editor = transcript.findChild(PromptEditor)
    assert isinstance(editor, PromptEditor)
    return editor.edit


def test_a_message_is_answered_and_everything_around_it_follows(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path, [Reply("I am AutoGLM-Phone-9B.")]) as opened:
        window, state = opened.shell.window, opened.shell.controller
        assert window.transcript.node_ids() == []
        say(opened, "Who are you?")
        wait_idle(qtbot, opened)
        qtbot.waitUntil(lambda: state.state.usage is not None)
        assert len(window.transcript.node_ids()) == 2
        assert window.composer.text() == ""
        conversations = opened.assistant.conversations()
        assert [c.title for c in conversations] == ["Who are you?"]
        assert opened.assistant.path(conversations[0].id)[-1].text == "I am AutoGLM-Phone-9B."
        qtbot.waitUntil(lambda: window.sidebar.model.index_of(conversations[0].id).isValid())
        assert window.sidebar.list.currentIndex() == window.sidebar.model.index_of(conversations[0].id)
        assert window.top_bar.context.text.text().endswith("/ 32,768")
        assert "Answered" in window.dock.cards.log.text.toPlainText()


def test_send_is_stop_while_answering_and_esc_stops(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    hold = Hold()
    with open_window(qapp, tmp_path, [Reply("one two three four", hold=hold, hold_after=3)]) as opened:
        window = opened.shell.window
        say(opened, "count")
        qtbot.waitUntil(hold.reached.is_set)
        qtbot.waitUntil(lambda: window.composer.busy)
        assert window.composer.send.accessibleName() == "Stop"
        QTest.keyClick(window, Qt.Key.Key_Escape)
        wait_idle(qtbot, opened)
        assert window.composer.send.accessibleName() == "Send"
        answer = opened.assistant.path(opened.assistant.conversations()[0].id)[-1]
        assert answer.state is NodeState.INTERRUPTED
        assert answer.text.startswith("one two")


def test_an_edited_prompt_that_is_refused_stays_in_its_editor(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, [Reply("one"), Reply("two")]) as opened:
        transcript, desk = opened.shell.window.transcript, opened.shell.desk
        say(opened, "first")
        wait_idle(qtbot, opened)
        button(transcript, "Edit this prompt").click()
        editor = editor_in(transcript)
        editor.setPlainText("rewritten at length")
        opened.library.installed.clear()
        QTest.keyClick(editor, Qt.Key.Key_Return)
        assert desk.first_run is not None
        assert editor_in(transcript).toPlainText() == "rewritten at length"
        opened.library.installed.add(opened.assistant.settings.model_id)
        desk.first_run.ready.emit(opened.assistant.settings.model_id)
        QTest.keyClick(editor_in(transcript), Qt.Key.Key_Return)
        wait_idle(qtbot, opened, 2)
        path = opened.assistant.path(opened.assistant.conversations()[0].id)
        assert [node.text for node in path] == ["rewritten at length", "two"]
        qtbot.waitUntil(lambda: not transcript.findChildren(PromptEditor))


def test_the_focus_stays_in_the_conversation_when_its_rows_change(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    """Qt hands the focus of a row that goes to whatever comes next in the window."""
    with open_window(qapp, tmp_path, [Reply("one"), Reply("two"), Reply("three")]) as opened:
        window = opened.shell.window
        say(opened, "first")
        wait_idle(qtbot, opened)
        button(window.transcript, "Edit this prompt").click()
        editor_in(window.transcript).setPlainText("rewritten")
        QTest.keyClick(editor_in(window.transcript), Qt.Key.Key_Return)
        wait_idle(qtbot, opened, 2)
        assert QApplication.focusWidget() is window.composer.edit, "as after any question"
        for name, shown in (("Answer again", "three"), ("Previous version", "two")):
            row = window.transcript.row_widget(window.transcript.node_ids()[-1])
            assert row is not None
            pressed = button(row, name)
            pressed.setFocus(Qt.FocusReason.TabFocusReason)
            QTest.keyClick(pressed, Qt.Key.Key_Space)
            wait_idle(qtbot, opened, 3)
            node_ids = window.transcript.node_ids()
            assert opened.assistant.node(node_ids[-1]).text == shown
            focus = QApplication.focusWidget()
            assert focus is not None
            assert window.transcript.isAncestorOf(focus), focus.accessibleName()


def test_switching_away_from_a_running_answer_and_back_loses_nothing(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    hold = Hold()
    text = " ".join(f"w{n}" for n in range(200))
    with open_window(qapp, tmp_path, [Reply(text, hold=hold, hold_after=50)]) as opened:
        controller = opened.shell.controller
        say(opened, "go")
        qtbot.waitUntil(hold.reached.is_set)
        first = controller.state.conversation_id
        assert first is not None
        controller.new_chat()
        assert opened.shell.window.composer.send.accessibleName() == "Send"
        controller.open(first)
        assert opened.shell.window.composer.send.accessibleName() == "Stop"
        hold.release()
        wait_idle(qtbot, opened)
        answer = opened.assistant.path(first)[-1]
        assert answer.text == text
        assert opened.shell.window.transcript.node_ids()[-1] == answer.id


def test_an_answer_that_another_process_makes_does_not_lock_the_conversation(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path, [Reply("one"), Reply("two")]) as opened:
        window = opened.shell.window
        say(opened, "first")
        wait_idle(qtbot, opened)
        conversation_id = opened.assistant.conversations()[0].id
        with closing(Store(DataPaths(tmp_path).store)) as other:
            last = other.path_of(conversation_id)[-1]
            prompt = node(conversation_id, last, Role.USER, "from the terminal")
            answer = replace(node(conversation_id, prompt, Role.ASSISTANT, "half"), state=NodeState.STREAMING)
            other.add_nodes(conversation_id, [prompt, answer])
            opened.shell.controller.open(conversation_id)
            assert not window.composer.busy
            assert button(window.transcript, "Retry").isVisible()
            say(opened, "second")
            wait_idle(qtbot, opened, 2)
        path = opened.assistant.path(conversation_id)
        assert [each.text for each in path] == ["first", "one", "from the terminal", "half", "second", "two"]


def test_the_context_is_that_of_the_chosen_model(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    both = (DEFAULT_MODEL_ID, "smollm2-135m-instruct")
    with open_window(qapp, tmp_path, installed=both) as opened:
        meter = opened.shell.window.top_bar.context
        say(opened, "How long is this?")
        wait_idle(qtbot, opened)
        assert meter.words.endswith("/ 32,768")
        before = opened.assistant.settings
        opened.assistant.update_settings(before.model_copy(update={"model_id": both[1]}))
        qtbot.waitUntil(lambda: not meter.words)
        opened.assistant.update_settings(before)
        qtbot.waitUntil(lambda: meter.words.endswith("/ 32,768"))


def test_a_prompt_longer_than_the_context_fills_the_meter(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        meter = opened.shell.window.top_bar.context
        meter.show_usage(45_333, 32_768)
        assert meter.words == "Context 45,333 / 32,768"
        assert meter._bar.value() == meter._bar.maximum()


def test_the_tier_chooser_says_what_auto_chose_and_why(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        tiers = opened.shell.window.top_bar.tiers
        assert tiers.buttons[TierChoice.AUTO].text() == "Auto · FP16"
        assert "Battery 80.0 %" in tiers.buttons[TierChoice.AUTO].toolTip()
        QTest.mouseClick(tiers.buttons[TierChoice.INT4], Qt.MouseButton.LeftButton)
        assert opened.assistant.settings.tier is TierChoice.INT4
        assert opened.assistant.effective_tier().tier is Tier.INT4
        qtbot.waitUntil(lambda: tiers.buttons[TierChoice.AUTO].text() == "Auto")


def test_the_model_chip_follows_the_engine(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        chip = opened.shell.window.top_bar.model
        assert "not loaded" in chip.button.accessibleName()
        opened.assistant.preload()
        qtbot.waitUntil(lambda: "ready" in chip.button.accessibleName())
        menu = chip.menu()
        actions = {action.text(): action for action in menu.actions()}
        assert not actions["Load now"].isEnabled()
        actions["Unload (give the memory back)"].trigger()
        qtbot.waitUntil(lambda: opened.assistant.engine_status().state is EngineState.STOPPED)
        qtbot.waitUntil(lambda: "not loaded" in chip.button.accessibleName())


def test_a_preload_without_room_offers_the_smaller_tier(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        opened.shell.controller.bridge.post(EngineChanged(EngineStatus(EngineState.STOPPED, error=NO_ROOM)))
        banners = opened.shell.window.banners
        qtbot.waitUntil(lambda: len(banners.banners()) == 1)
        banner = banners.banners()[0]
        assert banner.accessibleName() == "There is no room. Use a smaller tier."
        assert "failed" in opened.shell.window.top_bar.model.button.accessibleName()
        QTest.mouseClick(banner.details_button, Qt.MouseButton.LeftButton)
        assert banner.details.isVisible()
        assert banner.details.toPlainText() == "9 GB"
        assert [button.text() for button in banner.actions_shown] == ["Use INT4", "Choose another model"]
        QTest.mouseClick(banner.actions_shown[0], Qt.MouseButton.LeftButton)
        assert opened.assistant.settings.tier is TierChoice.INT4
        assert not banners.isVisible()
        qtbot.waitUntil(lambda: opened.assistant.engine_status().state is EngineState.READY)


def test_an_answer_without_room_is_made_in_the_smaller_tier(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, [Reply(load_error=NO_ROOM), Reply("Fits now.")]) as opened:
        say(opened, "hello")
        wait_idle(qtbot, opened)
        button(opened.shell.window.transcript, "Use INT4").click()
        wait_idle(qtbot, opened, 2)
        answer = opened.assistant.path(opened.assistant.conversations()[0].id)[-1]
        assert answer.text == "Fits now."
        assert answer.tier is Tier.INT4


def test_the_buttons_of_an_older_failed_answer_are_about_that_one(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path, [Reply(load_error=NO_ROOM), Reply("Later."), Reply("Fits now.")]) as opened:
        say(opened, "first")
        wait_idle(qtbot, opened)
        failed = opened.finished[0].node
        say(opened, "second")
        wait_idle(qtbot, opened, 2)
        button(opened.shell.window.transcript, "Use INT4").click()
        wait_idle(qtbot, opened, 3)
        path = opened.assistant.path(failed.conversation_id)
        assert [node.text for node in path] == ["first", "Fits now."]
        assert failed.id in path[-1].siblings


@pytest.mark.parametrize("code", [ErrorCode.OUT_OF_MEMORY, ErrorCode.ENGINE_DIED])
def test_a_preload_that_nothing_fits_offers_another_model(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, code: ErrorCode
) -> None:
    with open_window(qapp, tmp_path) as opened:
        opened.shell.desk.show_error(ErrorReport(code, msg("There is no room."), msg("Use a smaller model.")))
        (banner,) = opened.shell.window.banners.banners()
        assert [button.text() for button in banner.actions_shown] == ["Choose another model"]
        QTest.mouseClick(banner.actions_shown[0], Qt.MouseButton.LeftButton)
        manager = opened.shell.desk.manager
        assert manager is not None
        assert manager.isVisible()


@pytest.mark.parametrize("choice", ["new", "drop_oldest"])
def test_a_full_context_has_two_ways_on(qtbot: QtBot, qapp: QApplication, tmp_path: Path, choice: str) -> None:
    full = ErrorReport(ErrorCode.CONTEXT_FULL, msg("40,000 tokens do not fit."), msg("Choose."))
    with open_window(qapp, tmp_path, [Reply("ok"), Reply(error=full), Reply("Went on.")]) as opened:
        say(opened, "first")
        wait_idle(qtbot, opened)
        say(opened, "second")
        wait_idle(qtbot, opened, 2)
        name = {"new": "New conversation", "drop_oldest": "Leave out the oldest messages"}[choice]
        button(opened.shell.window.transcript, name).click()
        if choice == "new":
            assert opened.shell.window.transcript.node_ids() == []
            return
        wait_idle(qtbot, opened, 3)
        path = opened.assistant.path(opened.assistant.conversations()[0].id)
        assert path[-1].text == "Went on."
        assert len(path[-1].siblings) == 2


def test_a_temporary_conversation_never_reaches_the_disk(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        window = opened.shell.window
        QTest.keyClick(window, Qt.Key.Key_N, CONTROL | SHIFT)
        say(opened, "a secret word")
        wait_idle(qtbot, opened)
        assert opened.assistant.conversations() == []
        qtbot.waitUntil(lambda: window.sidebar.model.rowCount() == 2)
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert files
        assert not any(b"secret word" in path.read_bytes() for path in files)


def test_language_switches_live_everywhere(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        window = opened.shell.window
        opened.assistant.update_settings(Settings(language="zh_CN", theme="dark"))
        qtbot.waitUntil(lambda: i18n.language() == "zh_CN")
        assert window.composer.edit.placeholderText() == i18n.tr("Write a message…")
        assert window.sidebar.settings.text().strip() == i18n.tr("Settings")
        assert opened.shell.look.theme.name == "dark"
        opened.assistant.update_settings(ENGLISH)
        qtbot.waitUntil(lambda: i18n.language() == "en")
        assert window.composer.edit.placeholderText() == "Write a message…"


def test_every_control_has_a_name_a_tooltip_and_a_way_by_keyboard(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path) as opened:
        window = opened.shell.window
        parts: list[QWidget] = [window.sidebar, window.top_bar, window.composer, window.dock]
        controls = [
            control
            for part in parts
            for kind in (QAbstractButton, QLineEdit, QPlainTextEdit)
            for control in part.findChildren(kind)
            if not control.objectName().startswith("qt_")
        ]
        assert len(controls) > 20
        for control in controls:
            if isinstance(control.parent(), QLineEdit):
                continue  # the lens inside the search field is an ornament
            assert control.accessibleName(), control
            assert control.toolTip(), control.accessibleName()
            if control.isEnabled():
                assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control.accessibleName()


def test_panels_hide_by_keys_and_the_line_takes_over(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        window = opened.shell.window
        assert window.dock.isHidden()  # the screen of the tests is small
        window.toggle_dock()
        QTest.keyClick(window, Qt.Key.Key_B, CONTROL)
        assert window.sidebar.isHidden()
        QTest.keyClick(window, Qt.Key.Key_E, CONTROL)
        assert window.dock.isHidden()
        assert window.statusBar().isVisible()
        opened.pass_time(1.0)
        assert window.status_line.text().startswith("FP16 · 80 %")
        QTest.keyClick(window, Qt.Key.Key_K, CONTROL)
        assert not window.sidebar.isHidden()
        QTest.keyClick(window, Qt.Key.Key_E, CONTROL)
        assert not window.dock.isHidden()
        assert not window.statusBar().isVisible()


def test_the_window_comes_back_where_it_was(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        opened.shell.window.resize(640, 500)
        opened.shell.window.toggle_sidebar()
        hidden = opened.shell.window.sidebar.isHidden()
    with open_window(qapp, tmp_path) as opened:
        assert opened.shell.window.width() == 640
        assert opened.shell.window.sidebar.isHidden() == hidden


def test_export_and_import_make_the_same_conversation(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path / "data", [Reply("**Bold** answer.")]) as opened:
        say(opened, "Say it")
        wait_idle(qtbot, opened)
        first = opened.assistant.conversations()[0]
        for kind, name in (("json", "c.json"), ("markdown", "c.md")):
            opened.shell.desk.export_to(first.id, kind, tmp_path / name)
            opened.shell.desk.import_from(tmp_path / name)
            made = opened.shell.controller.state.conversation_id
            assert made is not None
            assert made != first.id
            assert [n.text for n in opened.assistant.path(made)] == ["Say it", "**Bold** answer."]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_export_that_an_editor_saved_again_is_imported(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, encoding: str
) -> None:
    with open_window(qapp, tmp_path / "data") as opened:
        made = opened.assistant.new_conversation(title="mine 中")
        texts = {
            "c.JSON": opened.assistant.export_json(made.id),
            "c.md": opened.assistant.export_markdown(made.id),
        }
        for name, text in texts.items():
            (tmp_path / name).write_bytes(text.replace("\n", "\r\n").encode(encoding))
            opened.shell.desk.import_from(tmp_path / name)
        assert list(opened.shell.window.banners.banners()) == []
        assert [c.title for c in opened.assistant.conversations()] == ["mine 中"] * 3


def test_a_full_disk_keeps_what_was_written_in_the_box(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise disk_full(tmp_path, OSError(28, "No space left on device"))

    with open_window(qapp, tmp_path, [Reply("Answered.")]) as opened:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "add_nodes", full)
            say(opened, "precious words")
            assert opened.shell.window.composer.edit.toPlainText() == "precious words"
            (banner,) = opened.shell.window.banners.banners()
            assert "no space left" in banner.accessibleName()
        QTest.keyClick(opened.shell.window.composer.edit, Qt.Key.Key_Return)
        wait_idle(qtbot, opened)
        assert opened.shell.window.composer.edit.toPlainText() == ""


def test_a_file_that_cannot_be_read_is_said_and_changes_nothing(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(b"\xff\xfe\x00broken")
    with open_window(qapp, tmp_path / "data") as opened:
        opened.shell.desk.import_from(bad)
        banners = opened.shell.window.banners.banners()
        assert len(banners) == 1
        assert str(bad) in banners[0].accessibleName()
        assert opened.assistant.conversations() == []


@pytest.mark.parametrize("width", [520, 900, 1440])
def test_the_window_fits_its_width(qtbot: QtBot, qapp: QApplication, tmp_path: Path, width: int) -> None:
    """Nothing is cut off: what does not fit is put away."""
    with open_window(qapp, tmp_path) as opened:
        window = opened.shell.window
        window.resize(1440, 900)
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        window.resize(width, 700)
        qtbot.waitUntil(lambda: window.width() == width)
        for part in (window.composer, window.top_bar.model.button, window.composer.send):
            left = part.mapTo(window, part.rect().topLeft()).x()
            assert left >= 0
            assert left + part.width() <= width
