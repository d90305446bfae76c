"""Growing answers: coalesced, followed, never losing or doubling a character."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTextBrowser
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.events import Phase
from autoglm_desktop.core.messages import TextPart
from autoglm_desktop.ui.transcript.code_block import CodeBlock
from autoglm_desktop.ui.transcript.message import AnswerRow
from autoglm_desktop.ui.transcript.table import TableView
from autoglm_desktop.ui.widgets.transcript import TranscriptView
from tests.helpers.transcripts import Talk, finished, settle, shown_view, words


@pytest.fixture
def view(qtbot: QtBot) -> TranscriptView:
    return shown_view(qtbot)


def answer_row(view: TranscriptView, key: str) -> AnswerRow:
    found = view.row_widget(key)
    assert isinstance(found, AnswerRow)
    return found


def text_of(view: TranscriptView, key: str) -> str:
    return "\n".join(pane.toPlainText() for pane in answer_row(view, key).body.findChildren(QTextBrowser))


def test_many_deltas_are_shown_in_few_steps(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.streaming("x ")])
    pane = answer_row(view, "n2").body.findChild(QTextBrowser)
    assert isinstance(pane, QTextBrowser)
    changes: list[int] = []
    pane.document().contentsChange.connect(lambda *change: changes.append(change[0]))
    for number in range(500):
        view.append_delta("n2", f"w{number} ")
    settle(qtbot, view)
    assert text_of(view, "n2").endswith("w498 w499")
    assert 1 <= len(changes) <= 3


def test_what_is_already_shown_is_not_shown_twice(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.streaming("Hello wor")])
    view.append_delta("n2", "wor", start=6)
    view.append_delta("n2", "world", start=6)
    view.append_delta("n2", "!", start=11)
    settle(qtbot, view)
    assert text_of(view, "n2") == "Hello world!"


def test_an_open_fence_is_code_and_a_begun_table_a_table(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.streaming()])
    view.append_delta("n2", "Look:\n\n```py\nx = 1")
    settle(qtbot, view)
    blocks = answer_row(view, "n2").body.findChildren(CodeBlock)
    assert [block.code.text for block in blocks] == ["x = 1"]
    view.append_delta("n2", "\ny = 2\n```\n\n| a | b |")
    settle(qtbot, view)
    assert answer_row(view, "n2").body.findChildren(CodeBlock) == blocks
    assert blocks[0].code.text == "x = 1\ny = 2"
    assert len(answer_row(view, "n2").body.findChildren(TableView)) == 1


def test_the_view_follows_until_the_user_scrolls_up(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.streaming()])
    bar = view.verticalScrollBar()
    view.append_delta("n2", "line\n\n" * 60)
    settle(qtbot, view)
    assert bar.value() == bar.maximum() > 0
    bar.setValue(bar.value() - 300)
    place = bar.value()
    assert not view.following
    view.append_delta("n2", "line\n\n" * 60)
    settle(qtbot, view)
    assert bar.value() == place
    assert bar.maximum() > place + 600
    QTest.keyClick(view, Qt.Key.Key_End)
    view.append_delta("n2", "line\n\n" * 20)
    settle(qtbot, view)
    assert bar.value() == bar.maximum()


def test_the_end_result_is_that_of_the_whole_text(view: TranscriptView, qtbot: QtBot) -> None:
    text = "# Head\n\nSome **bold**\n\n1. one\n2. two\n\n```py\nx\n```\n\n| a |\n|---|\n| 1 |\n\nDone $x^2$."
    talk = Talk()
    prompt, answer = talk.user("q"), talk.streaming()
    view.set_path([prompt, answer])
    view.set_phase("n2", Phase.GENERATING)
    for character in text:
        view.append_delta("n2", character)
    view.finish_node(finished(answer, text))
    settle(qtbot, view)
    grown, height = text_of(view, "n2"), answer_row(view, "n2").height()
    view.set_theme(view.theme)  # makes the row anew
    settle(qtbot, view)
    assert (text_of(view, "n2"), answer_row(view, "n2").height()) == (grown, height)
    assert "128 tokens" in words(answer_row(view, "n2"))


def test_thinking_is_live_then_closed(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    prompt, answer = talk.user("q"), talk.streaming()
    view.set_path([prompt, answer])
    view.append_delta("n2", "", "Let me see")
    settle(qtbot, view)
    assert "Thinking…" in words(answer_row(view, "n2"))
    view.append_delta("n2", "Here")
    view.finish_node(finished(answer, "Here", reasoning="Let me see"))
    assert "Let me see" not in words(answer_row(view, "n2"))
    assert text_of(view, "n2") == "Here"


def test_the_rate_is_that_of_the_tokens_told(
    view: TranscriptView, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("autoglm_desktop.ui.transcript.view.time.monotonic", lambda: now[0])
    talk = Talk()
    view.set_path([talk.user("q"), talk.streaming()])
    view.set_phase("n2", Phase.GENERATING)
    for _ in range(11):
        view.append_delta("n2", "ab ", tokens=2)
        now[0] += 0.1
    settle(qtbot, view)
    assert "Generating · 21.0 tok/s" in words(answer_row(view, "n2"))


def test_unknown_nodes_are_ignored(view: TranscriptView) -> None:
    talk = Talk()
    view.set_path([talk.user("q")])
    view.append_delta("nobody", "x")
    view.set_phase("nobody", Phase.GENERATING)
    view.finish_node(talk.answer("a"))
    assert view.node_ids() == ["n1"]


def test_a_sibling_replaces_what_stood_below_its_parent(view: TranscriptView) -> None:
    talk = Talk()
    first, old, more = talk.user("q"), talk.answer("a"), talk.user("r")
    view.set_path([first, old, more])
    view.add_node(replace(old, id="other", parts=(TextPart("again"),)))
    assert view.node_ids() == ["n1", "other"]
    assert text_of(view, "other") == "again"
