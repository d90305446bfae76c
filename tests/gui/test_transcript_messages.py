"""Rows of the conversation: what they say, what can be done with them, by mouse and by keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QGuiApplication, QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QTextBrowser, QWidget
from pytestqt.qtbot import QtBot

from autoglm_desktop.core import i18n
from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import FinishReason, Phase, TierSwitched
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui.style import DARK
from autoglm_desktop.ui.transcript.buttons import Button
from autoglm_desktop.ui.transcript.links import open_link
from autoglm_desktop.ui.widgets.transcript import TranscriptView
from tests.helpers.transcripts import Talk, button, finished, settle, shown_view, words


@pytest.fixture
def view(qtbot: QtBot) -> TranscriptView:
    return shown_view(qtbot)


def row(view: TranscriptView, key: str) -> QWidget:
    found = view.row_widget(key)
    assert found is not None
    return found


def tab_order(view: TranscriptView) -> list[str]:
    """The names of what Tab visits after the view itself."""
    names: list[str] = []
    widget: QWidget | None = view.nextInFocusChain()
    while widget is not None and widget is not view:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisibleTo(view):
            names.append(widget.accessibleName())
        widget = widget.nextInFocusChain()
    return names


def test_every_control_has_a_name_a_tooltip_and_a_place_in_the_tab_order(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("Hello"), talk.answer("Hi `x`", siblings=("n0", "n2"), reasoning="hm", thought_s=4)])
    buttons = [one for one in view.findChildren(Button) if not one.isHidden()]
    assert len(buttons) >= 7
    for one in buttons:
        assert one.accessibleName(), one
        assert one.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert row(view, "n1").accessibleName() == "You said: Hello"
    assert row(view, "n2").accessibleName() == "Answer: Hi `x`"


def test_tab_goes_through_the_rows_from_top_to_bottom(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("a"), talk.answer("b"), talk.user("c")])
    expected = [
        *("You said: a", "Copy this message", "Edit this prompt"),
        *("Answer: b", "Copy this message", "Answer again"),
        *("You said: c", "Copy this message", "Edit this prompt"),
    ]
    qtbot.waitUntil(lambda: tab_order(view) == expected)
    view.activateWindow()
    view.setFocus()
    visited = []
    for _ in range(9):
        QTest.keyClick(QApplication.focusWidget() or view, Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None
        visited.append(focused.accessibleName())
    assert visited == expected


def test_copy_gives_the_markdown_without_the_thoughts(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("**bold** $x$", reasoning="secret thoughts", thought_s=4)])
    copy = button(row(view, "n2"), "Copy this message")
    with qtbot.waitSignal(view.copied) as told:
        QTest.keyClick(copy, Qt.Key.Key_Return)
    assert told.args == ["n2"]
    assert QGuiApplication.clipboard().text() == "**bold** $x$"
    assert copy.accessibleName() == "Copied"


def test_thoughts_are_closed_until_opened(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("a", reasoning="because of *this*", thought_s=4.2)])
    assert "because of" not in words(row(view, "n2"))
    expander = button(row(view, "n2"), "Thought for 4 s")
    height = row(view, "n2").height()
    QTest.mouseClick(expander, Qt.MouseButton.LeftButton)
    assert "because of this" in words(row(view, "n2"))
    assert row(view, "n2").height() > height
    view.set_theme(DARK)  # the row is made anew and stays open
    assert "because of this" in words(row(view, "n2"))


def test_statistics_in_one_row(view: TranscriptView) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("a")])
    said = words(row(view, "n2"))
    for part in ("INT8", "128 tokens · 3.6 s · 39.7 tok/s", "first token 0.41 s", "cache reused 812 of 840 tokens"):
        assert part in said


def test_edit_sends_the_new_text_and_escape_gives_up(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("old"), talk.answer("a")])
    button(row(view, "n1"), "Edit this prompt").click()
    editor = row(view, "n1").findChild(QPlainTextEdit)
    assert isinstance(editor, QPlainTextEdit)
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    assert row(view, "n1").findChild(QPlainTextEdit) is None
    button(row(view, "n1"), "Edit this prompt").click()
    editor = row(view, "n1").findChild(QPlainTextEdit)
    assert isinstance(editor, QPlainTextEdit)
    editor.selectAll()
    QTest.keyClicks(editor, "new")
    QTest.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(editor, "line")
    with qtbot.waitSignal(view.edit_submitted) as told:
        QTest.keyClick(editor, Qt.Key.Key_Return)
    assert told.args == ["n1", "new\nline"]
    assert row(view, "n1").findChild(QPlainTextEdit) is editor  # it may yet be refused
    view.end_edit("n1")
    assert row(view, "n1").findChild(QPlainTextEdit) is None


def test_an_edited_prompt_obeys_the_enter_setting_and_input_methods(view: TranscriptView) -> None:
    talk, sent = Talk(), list[str]()
    view.edit_submitted.connect(lambda _, text: sent.append(text))
    view.set_path([talk.user("old"), talk.answer("a")])
    button(row(view, "n1"), "Edit this prompt").click()
    editor = row(view, "n1").findChild(QPlainTextEdit)
    assert isinstance(editor, QPlainTextEdit)
    QApplication.sendEvent(editor, QInputMethodEvent("ni", []))
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert not sent
    committed = QInputMethodEvent("", [])
    committed.setCommitString("你")
    QApplication.sendEvent(editor, committed)
    view.set_send_on_enter(False)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert not sent
    QTest.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert sent == ["old你"]
    view.set_send_on_enter(True)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert len(sent) == 2


def test_branches(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("a", siblings=("x", "n2", "y"))])
    assert "Version 2 of 3" in words(row(view, "n2"))
    for name, target in (("Previous version", "x"), ("Next version", "y")):
        with qtbot.waitSignal(view.branch_selected) as told:
            button(row(view, "n2"), name).click()
        assert told.args == [target]
    with qtbot.waitSignal(view.regenerate_requested) as told:
        button(row(view, "n2"), "Answer again").click()
    assert told.args == ["n2"]


def test_the_first_version_has_nothing_before_it(view: TranscriptView) -> None:
    talk = Talk()
    view.set_path([talk.user("q", siblings=("n1", "z"))])
    previous, following = button(row(view, "n1"), "Previous version"), button(row(view, "n1"), "Next version")
    assert (previous.isEnabled(), previous.toolTip()) == (False, "This is the first version.")
    assert (following.isEnabled(), following.toolTip()) == (True, "Next version")


@pytest.mark.parametrize(
    ("finish", "state", "reason", "offers"),
    [
        (FinishReason.LENGTH, NodeState.COMPLETE, "length limit", ["Continue"]),
        (FinishReason.CANCELLED, NodeState.INTERRUPTED, "You stopped", ["Continue", "Retry"]),
        (None, NodeState.INTERRUPTED, "interrupted", ["Retry"]),
    ],
)
def test_an_early_end_is_said_with_what_can_be_done(
    view: TranscriptView, finish: FinishReason | None, state: NodeState, reason: str, offers: list[str]
) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("part", finish=finish, state=state)])
    assert reason in words(row(view, "n2"))
    heard: list[str] = []
    view.retry_requested.connect(lambda key: heard.append(f"Retry {key}"))
    view.continue_requested.connect(lambda key: heard.append(f"Continue {key}"))
    for name in offers:
        button(row(view, "n2"), name).click()
    assert heard == [f"{name} n2" for name in offers]


def test_an_error_says_cause_next_step_and_details(view: TranscriptView, qtbot: QtBot) -> None:
    error = ErrorReport(ErrorCode.OUT_OF_MEMORY, msg("It needs more."), msg("Use less."), "the details", "int4")
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("", state=NodeState.INTERRUPTED, error=error, usage=None)])
    assert "It needs more.\nUse less." in words(row(view, "n2"))
    assert "the details" not in words(row(view, "n2"))
    height = row(view, "n2").height()
    button(row(view, "n2"), "Details").click()
    assert "the details" in words(row(view, "n2"))
    assert row(view, "n2").height() > height
    with qtbot.waitSignal(view.tier_suggested) as told:
        button(row(view, "n2"), "Use INT4").click()
    assert told.args == ["n2", "int4"]
    with qtbot.waitSignal(view.retry_requested) as told:
        button(row(view, "n2"), "Retry").click()
    assert told.args == ["n2"]


def test_a_full_context_offers_two_ways(view: TranscriptView) -> None:
    error = ErrorReport(ErrorCode.CONTEXT_FULL, msg("Full."), msg("Choose."))
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("", state=NodeState.INTERRUPTED, error=error, usage=None)])
    assert not any("oldest" in one.accessibleName() for one in row(view, "n2").findChildren(Button)), "there are none"
    talk = Talk()
    before = [talk.user("before"), talk.answer("yes")]
    view.set_path([*before, talk.user("q"), talk.answer("", state=NodeState.INTERRUPTED, error=error, usage=None)])
    heard: list[tuple[str, str]] = []
    view.context_choice.connect(lambda *told: heard.append(told))
    button(row(view, "n4"), "New conversation").click()
    button(row(view, "n4"), "Leave out the oldest messages").click()
    assert heard == [("n4", "new"), ("n4", "drop_oldest")]


@pytest.mark.parametrize("code", [ErrorCode.OUT_OF_MEMORY, ErrorCode.ENGINE_DIED])
def test_lack_of_memory_without_a_fitting_tier_offers_another_model_and_the_log(
    view: TranscriptView, qtbot: QtBot, code: ErrorCode
) -> None:
    error = ErrorReport(code, msg("It needs more."), msg("Use less."))
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("", state=NodeState.INTERRUPTED, error=error, usage=None)])
    with qtbot.waitSignal(view.models_requested):
        button(row(view, "n2"), "Choose another model").click()
    with qtbot.waitSignal(view.log_requested):
        button(row(view, "n2"), "Open log").click()


def test_visitors_of_a_kiosk_choose_no_tier_and_no_model(qtbot: QtBot) -> None:
    view = TranscriptView(kiosk=True)
    qtbot.addWidget(view)
    view.resize(800, 600)
    view.show()
    error = ErrorReport(ErrorCode.OUT_OF_MEMORY, msg("It needs more."), msg("Use less."), "", "int4")
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("", state=NodeState.INTERRUPTED, error=error, usage=None)])
    names = {one.accessibleName() for one in row(view, "n2").findChildren(Button) if not one.isHidden()}
    assert "Retry" in names
    assert not names & {"Use INT4", "Choose another model", "Open log"}


def test_phases_are_told_apart(view: TranscriptView, qtbot: QtBot) -> None:
    talk = Talk()
    view.set_path([talk.user("q")])
    view.add_node(talk.streaming())
    said = []
    for phase, fraction in (
        (Phase.QUEUED, None),
        (Phase.STARTING, None),
        (Phase.LOADING, 0.43),
        (Phase.PREFILL, 0.6),
        (Phase.THINKING, None),
        (Phase.GENERATING, None),
    ):
        view.set_phase("n2", phase, fraction)
        settle(qtbot, view)
        said.append(words(row(view, "n2")))
    view.set_stopping("n2")
    settle(qtbot, view)
    said.append(words(row(view, "n2")))
    expected = ("Waiting for its turn", "Starting", "Loading the model 43 %", "Reading the prompt 60 %", "Thinking")
    for part, text in zip((*expected, "Generating", "Stopping…"), said, strict=True):
        assert part in text


def test_a_tier_switch_is_a_line_with_its_reason(view: TranscriptView) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("a"), talk.user("r")])
    view.add_tier_notice("n2", TierSwitched("t", Tier.INT8, Tier.INT4, 0.3, 840))
    line = "INT8 → INT4, conversation and cache kept (0.30 s)"
    assert line in words(view)
    answer = talk.streaming()
    view.add_node(answer)
    assert line in words(view)
    view.finish_node(finished(answer, "done"))
    assert view.node_ids() == ["n1", "n2", "n3", "n4"]


def test_an_empty_conversation_greets_and_proposes(view: TranscriptView, qtbot: QtBot) -> None:
    view.set_path([])
    with qtbot.waitSignal(view.suggestion_chosen) as told:
        button(view, "Who are you?").click()
    assert told.args == ["Who are you?"]
    view.set_path([Talk().user("q")])
    assert not [one for one in view.findChildren(Button) if one.text() == "Who are you?" and one.isVisible()]


def test_a_new_language_is_spoken_at_once(view: TranscriptView) -> None:
    talk = Talk()
    view.set_path([talk.user("q"), talk.answer("a")])
    try:
        i18n.install("zh_CN", {"Answer again": "重新回答", "You said: {text}": "你说：{text}"})
        view.retranslate()
        button(row(view, "n2"), "重新回答")
        assert row(view, "n1").accessibleName() == "你说：q"
    finally:
        i18n.install("en", {})


def test_a_long_prompt_is_folded(view: TranscriptView) -> None:
    view.set_path([Talk().user("\n".join(f"line {number}" for number in range(60)))])
    pane = row(view, "n1").findChild(QTextBrowser)
    assert isinstance(pane, QTextBrowser)
    assert pane.toPlainText().endswith("line 15…")
    button(row(view, "n1"), "Show all").click()
    assert pane.toPlainText().endswith("line 59")


def test_only_web_and_mail_links_are_handed_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def take(url: QUrl) -> bool:
        opened.append(url.toString())
        return True

    monkeypatch.setattr("autoglm_desktop.ui.transcript.links.QDesktopServices.openUrl", take)
    for address in ("https://a.b/", "file:///etc/passwd", "mailto:a@b.c", "javascript:alert(1)"):
        open_link(QUrl(address))
    assert opened == ["https://a.b/", "mailto:a@b.c"]
