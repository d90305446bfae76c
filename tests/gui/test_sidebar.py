"""The sidebar: groups by date, search, renaming, deletion with undo, menu and keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.conversation import Conversation, Node, SearchHit
from autoglm_desktop.core.messages import Role as MessageRole
from autoglm_desktop.core.messages import TextPart
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.store import markdown
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.models.conversations import ConversationsModel, Group, Role, found, group_of, grouped
from autoglm_desktop.ui.widgets.sidebar import Sidebar
from autoglm_desktop.ui.windows.kiosk_dialog import KioskDialog
from tests.helpers.windows import open_window

NOON = datetime(2026, 11, 22, 12, 0)


def conversation(name: str, ago: timedelta = timedelta(0)) -> Conversation:
    at_s = (NOON - ago).timestamp()
    return Conversation(name, f"Title {name}", at_s, at_s)


@pytest.mark.parametrize(
    ("ago", "group"),
    [
        (timedelta(0), Group.TODAY),
        (timedelta(hours=11, minutes=59), Group.TODAY),
        (timedelta(hours=12, minutes=1), Group.YESTERDAY),
        (timedelta(hours=35), Group.YESTERDAY),
        (timedelta(hours=37), Group.EARLIER),
        (timedelta(days=400), Group.EARLIER),
        (timedelta(hours=-5), Group.TODAY),
    ],
)
def test_groups_are_calendar_days(ago: timedelta, group: Group) -> None:
    assert group_of((NOON - ago).timestamp(), NOON) is group


def test_headings_stand_before_their_group_only() -> None:
    rows = grouped([conversation("a"), conversation("b"), conversation("c", timedelta(days=3))], NOON)
    shown = [row.conversation.id if row.conversation else row.group for row in rows]
    assert shown == [Group.TODAY, "a", "b", Group.EARLIER, "c"]


def test_a_search_shows_each_conversation_once_with_its_first_excerpt() -> None:
    one = conversation("a")
    rows = found(
        [SearchHit(one, "n1", "first"), SearchHit(one, "n2", "second"), SearchHit(conversation("b"), None, "")]
    )
    assert [(row.conversation and row.conversation.id, row.excerpt) for row in rows] == [("a", "first"), ("b", "")]


def test_lines_that_stay_are_not_rebuilt(qtbot: QtBot) -> None:
    """An open title editor survives a change of another title."""
    model = ConversationsModel()
    model.set_rows(grouped([conversation("a"), conversation("b")], NOON))
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged):
        model.set_rows(grouped([conversation("a"), conversation("b")], NOON))
    with qtbot.waitSignal(model.modelReset):
        model.set_rows(grouped([conversation("b")], NOON))


def test_an_excerpt_is_painted(qtbot: QtBot, qapp: QApplication) -> None:
    sidebar = Sidebar(Appearance(qapp, Settings(language="en", theme="light")))
    qtbot.addWidget(sidebar)
    sidebar.resize(236, 600)
    sidebar.show_hits([SearchHit(conversation("a"), "n", "the \x02word\x03 that matched")])
    sidebar.show()
    qtbot.waitExposed(sidebar)
    plain = sidebar.list.grab().toImage()
    sidebar.show_hits([SearchHit(conversation("a"), "n", "the word that matched")])
    assert sidebar.list.grab().toImage() != plain


def test_clicks_and_enter_open(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    def prepare(assistant: Assistant) -> None:
        for name in ("first", "second"):
            assistant.new_conversation(title=name)

    with open_window(qapp, tmp_path, prepare=prepare) as opened:
        listed, controller = opened.shell.window.sidebar.list, opened.shell.controller
        model = opened.shell.window.sidebar.model
        assert [model.index(n).data() for n in range(model.rowCount())] == ["Today", "second", "first"]
        area = listed.visualRect(model.index(2))
        QTest.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=area.center())
        first = model.index(2).data(Role.ROW).conversation
        assert controller.state.conversation_id == first.id
        listed.setFocus()
        QTest.keyClick(listed, Qt.Key.Key_Up)
        QTest.keyClick(listed, Qt.Key.Key_Return)
        assert controller.state.conversation_id == model.index(1).data(Role.ROW).conversation.id


def test_f2_renames_in_place(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, prepare=lambda a: _make(a, "old")) as opened:
        sidebar = opened.shell.window.sidebar
        sidebar.list.setFocus()
        sidebar.list.setCurrentIndex(sidebar.model.index(1))
        QTest.keyClick(sidebar.list, Qt.Key.Key_F2)
        editor = sidebar.list.findChild(QLineEdit)
        assert editor is not None
        editor.selectAll()
        QTest.keyClicks(editor, "new name")
        QTest.keyClick(editor, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: opened.assistant.conversations()[0].title == "new name")
        qtbot.waitUntil(lambda: sidebar.model.index(1).data() == "new name")


@pytest.mark.parametrize("by_key", [True, False])
def test_a_deletion_can_be_undone(qtbot: QtBot, qapp: QApplication, tmp_path: Path, by_key: bool) -> None:
    with open_window(qapp, tmp_path, prepare=lambda a: _make(a, "precious")) as opened:
        sidebar = opened.shell.window.sidebar
        sidebar.list.setFocus()
        sidebar.list.setCurrentIndex(sidebar.model.index(1))
        QTest.keyClick(sidebar.list, Qt.Key.Key_Delete)
        assert opened.assistant.conversations() == []
        assert sidebar.undo_bar.isVisible()
        qtbot.waitUntil(lambda: sidebar.model.rowCount() == 0)
        if by_key:
            QTest.keyClick(sidebar.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        else:
            QTest.mouseClick(sidebar.undo_bar.button, Qt.MouseButton.LeftButton)
        assert [c.title for c in opened.assistant.conversations()] == ["precious"]
        assert not sidebar.undo_bar.isVisible()


def test_search_finds_words_and_esc_leaves(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    def prepare(assistant: Assistant) -> None:
        for name in ("apple pie", "banana"):
            assistant.new_conversation(title=name)

    with open_window(qapp, tmp_path, prepare=prepare) as opened:
        window = opened.shell.window
        QTest.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        assert window.sidebar.search.hasFocus()
        QTest.keyClicks(window.sidebar.search, "apple")
        qtbot.waitUntil(lambda: window.sidebar.model.rowCount() == 1, timeout=2000)
        assert window.sidebar.model.index(0).data() == "apple pie"
        QTest.keyClick(window, Qt.Key.Key_Escape)
        assert window.composer.edit.hasFocus()
        qtbot.waitUntil(lambda: window.sidebar.model.rowCount() == 3, timeout=2000)


def test_a_hit_opens_at_the_message_that_was_found(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    def prepare(assistant: Assistant) -> None:
        words = ["pineapple" if number == 10 else f"message {number}" for number in range(80)]
        roles = [MessageRole.USER, MessageRole.ASSISTANT] * 40
        path = [
            Node(str(n), "c", str(n - 1) if n else None, role, (TextPart(words[n]),), 0.0)
            for n, role in enumerate(roles)
        ]
        assistant.import_markdown(markdown.dump(conversation("c"), path))

    with open_window(qapp, tmp_path, prepare=prepare) as opened:
        window = opened.shell.window
        QTest.keyClicks(window.sidebar.search, "pineapple")
        qtbot.waitUntil(lambda: window.sidebar.model.rowCount() == 1, timeout=2000)
        QTest.keyClick(window.sidebar.search, Qt.Key.Key_Down)
        QTest.keyClick(window.sidebar.list, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: len(window.transcript.node_ids()) == 80)
        found_id = window.transcript.node_ids()[10]
        qtbot.waitUntil(lambda: window.transcript.row_widget(found_id) is not None)
        assert not window.transcript.following


def test_the_menu_offers_everything(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, prepare=lambda a: _make(a, "one")) as opened:
        sidebar = opened.shell.window.sidebar
        menu = sidebar.list.menu_for(opened.assistant.conversations()[0])
        words = [action.text() for action in menu.actions() if action.text()]
        assert words == ["Open", "Rename", "Export as Markdown…", "Export as JSON…", "Delete"]
        exported: list[tuple[str, str]] = []
        sidebar.list.export_requested.disconnect()
        sidebar.list.export_requested.connect(lambda identity, kind: exported.append((identity, kind)))
        menu.actions()[3].trigger()
        assert exported[0][1] == "json"
        menu.close()


def test_pages_are_opened_from_the_sidebar(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        sidebar, desk = opened.shell.window.sidebar, opened.shell.desk
        QTest.mouseClick(sidebar.guide, Qt.MouseButton.LeftButton)
        assert opened.shell.window.pages.currentWidget() is desk.claims
        QTest.mouseClick(sidebar.scenarios, Qt.MouseButton.LeftButton)
        assert opened.shell.window.pages.currentWidget() is desk.scenarios
        with qtbot.waitSignal(sidebar.kiosk_requested):
            QTest.keyClick(sidebar.kiosk, Qt.Key.Key_Space)
        dialog = opened.shell.window.findChild(KioskDialog)
        assert dialog is not None
        dialog.reject()


def _make(assistant: Assistant, title: str) -> None:
    assistant.new_conversation(title=title)
