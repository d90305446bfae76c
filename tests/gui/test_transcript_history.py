"""Long conversations: few widgets, a place that stays, heights that fit."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QTextBrowser, QWidget
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.ui.widgets.transcript import TranscriptView
from tests.helpers.transcripts import Talk, settle, shown_view

_MAX_LIVE = 40


@pytest.fixture
def view(qtbot: QtBot) -> TranscriptView:
    return shown_view(qtbot)


def long_talk(messages: int) -> list[Node]:
    talk = Talk()
    out = []
    for number in range(messages):
        text = f"Message {number}. " + "Some words 一些文字 that fill lines. " * (number % 23)
        out.append(talk.answer(text + "\n\n- one\n- two") if number % 2 else talk.user(text))
    return out


def test_five_thousand_messages_are_a_handful_of_widgets(view: TranscriptView, qtbot: QtBot) -> None:
    nodes = long_talk(5000)
    view.set_path(nodes)
    few = len(view.findChildren(QWidget))
    assert view.live_rows <= 12
    assert view.row_widget(nodes[-1].id) is not None
    bar = view.verticalScrollBar()
    for step in range(60):
        bar.setValue(bar.maximum() * step // 60)
    assert view.live_rows <= _MAX_LIVE
    qtbot.waitUntil(lambda: view.live_rows <= _MAX_LIVE and len(view.findChildren(QWidget)) < few + 1500)


@pytest.mark.parametrize("number", [0, 1, 1234, 2500, 4998, 4999])
def test_any_message_can_be_gone_to(view: TranscriptView, number: int) -> None:
    nodes = long_talk(5000)
    view.set_path(nodes)
    view.scroll_to_node(nodes[number].id)
    row = view.row_widget(nodes[number].id)
    assert row is not None
    assert row.hasFocus() or not view.isActiveWindow()
    assert -1 <= view.row_top(nodes[number].id) < view.viewport().height()
    if number < 4990:
        assert view.row_top(nodes[number].id) <= 40


def test_the_place_stays_while_rows_around_are_made(view: TranscriptView, qtbot: QtBot) -> None:
    nodes = long_talk(400)
    view.set_path(nodes)
    view.scroll_to_node(nodes[200].id)
    before = view.row_top(nodes[200].id)
    assert view.row_widget(nodes[197].id) is None
    qtbot.waitUntil(lambda: view.row_widget(nodes[197].id) is not None)
    assert view.row_top(nodes[200].id) == before


def test_scrolling_up_by_little_moves_by_that_much(view: TranscriptView, qtbot: QtBot) -> None:
    nodes = long_talk(400)
    view.set_path(nodes)
    bar = view.verticalScrollBar()
    view.scroll_to_node(nodes[200].id)
    for _ in range(40):
        key = next(node.id for node in nodes if view.row_widget(node.id) and view.row_top(node.id) >= 0)
        before = view.row_top(key)
        bar.setValue(bar.value() - 60)
        assert view.row_top(key) == before + 60


@pytest.mark.parametrize("width", [320, 520, 1100])
def test_every_line_is_seen_at_every_width(view: TranscriptView, qtbot: QtBot, width: int) -> None:
    talk = Talk()
    text = (
        "# Head\n\nA paragraph 一段中文 with `code` that needs more than one line in a narrow column.\n\n"
        "1. an item that is long enough to be wrapped as well in a narrow column\n   - inner\n\n> quote\n\n"
        "```py\nx = 1\n中文 = 2\n```\n\n| a | b |\n|---|---|\n| some longer text in a cell | 2 |\n\n$$\\frac{a}{b}$$\n"
    )
    view.resize(width, 600)
    view.set_path([talk.user("How? " * 40), talk.answer(text)])
    settle(qtbot, view)
    qtbot.waitUntil(lambda: view.live_rows == 2)
    for pane in view.findChildren(QTextBrowser):
        assert pane.verticalScrollBar().maximum() == 0, pane.toPlainText()
        assert pane.viewport().height() >= pane.document().size().height() - 1, pane.toPlainText()
        assert pane.height() <= pane.document().size().height() + 14, pane.toPlainText()
    column = max(row.width() for key in view.node_ids() if (row := view.row_widget(key)))
    assert column <= 720 + 14


def test_rows_that_did_not_change_keep_their_widgets(view: TranscriptView) -> None:
    nodes = long_talk(6)
    view.set_path(nodes)
    kept = view.row_widget(nodes[1].id)
    view.set_path([*nodes[:4], Talk().user("another branch")][:4])
    assert view.row_widget(nodes[1].id) is kept
    assert view.node_ids() == [node.id for node in nodes[:4]]


def test_a_narrower_window_keeps_the_row_at_the_top(view: TranscriptView, qtbot: QtBot) -> None:
    nodes = long_talk(300)
    view.set_path(nodes)
    view.scroll_to_node(nodes[150].id)
    view.resize(420, 640)
    qtbot.waitUntil(lambda: view.viewport().width() < 430)
    assert abs(view.row_top(nodes[150].id) - 12) <= 2
