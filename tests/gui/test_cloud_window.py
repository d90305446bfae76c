"""The cloud in the window: the page of the settings, the question before anything leaves, who answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.routing import RoutingEngine
from autoglm_desktop.cloud import keys
from autoglm_desktop.cloud.engine import CloudEngine, Limits
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.routing import Endpoint
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.script import Reply, Script
from autoglm_desktop.ui.transcript.buttons import Words
from autoglm_desktop.ui.windows.consent_dialog import ConsentDialog
from autoglm_desktop.ui.windows.settings_pages.cloud import CloudPage
from tests.helpers.cloud_endpoint import CloudEndpoint, Play, cloud_endpoint
from tests.helpers.keyrings import MemoryKeyring, keyring_of, no_keyring
from tests.helpers.windows import ENGLISH, Opened, open_window

KEY = "sk-secret-42"


@pytest.fixture
def server() -> Iterator[CloudEndpoint]:
    with cloud_endpoint() as running:
        yield running


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    backend = MemoryKeyring()
    with keyring_of(backend):
        yield backend


def route(local: Engine, settings: Settings) -> RoutingEngine:
    def make(endpoint: Endpoint) -> Engine:
        return CloudEngine(endpoint, lambda _: b"", limits=Limits(silence_s=5.0))

    return RoutingEngine(local, settings, make)


def settings_for(server: CloudEndpoint, mode: str = "always", *, consent: bool = False) -> Settings:
    return ENGLISH.model_copy(
        update={
            "cloud_mode": mode,
            "cloud_url": server.url,
            "cloud_model": "big",
            "cloud_allow_http": True,
            "cloud_consents": (server.url,) if consent else (),
        }
    )


def send(opened: Opened, text: str) -> None:
    opened.shell.window.composer.edit.setPlainText(text)
    QTest.keyClick(opened.shell.window.composer.edit, Qt.Key.Key_Return)


def question(opened: Opened) -> ConsentDialog:
    gate = opened.shell.controller.gate
    assert gate is not None
    assert gate.dialog is not None
    return gate.dialog


def words_under_answers(opened: Opened) -> str:
    return " | ".join(words.text for words in opened.shell.window.transcript.findChildren(Words))


def page_of(opened: Opened) -> CloudPage:
    opened.shell.desk.show_settings()
    dialog = opened.shell.desk.settings_dialog
    assert dialog is not None
    page = dialog.page(CloudPage)
    assert page is not None
    dialog.tabs.setCurrentWidget(page)
    return page


def type_into(edit: QLineEdit, text: str) -> None:
    edit.setFocus()
    edit.selectAll()
    QTest.keyClicks(edit, text)


def pick(box: QComboBox, value: object) -> None:
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


def test_the_first_message_asks_and_a_yes_sends_it(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint, ring: MemoryKeyring
) -> None:
    with open_window(qapp, tmp_path, settings=settings_for(server), route=route) as opened:
        send(opened, "Who are you?")
        dialog = question(opened)
        assert dialog.isVisible()
        host = server.url.removeprefix("http://").removesuffix("/v1")
        assert host in dialog.headline.text()
        assert "You chose the cloud" in dialog.why.text()
        assert "system prompt" in dialog.what.text()
        assert "without encryption" in dialog.what.text()
        assert server.asked == []
        assert opened.shell.window.composer.edit.toPlainText() == "Who are you?", "kept until it is sent"
        QTest.mouseClick(dialog.agree_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.idle(1))
        assert opened.finished[0].node.text == "From far away."
        assert opened.assistant.settings.cloud_consents == (server.url,)
        qtbot.waitUntil(lambda: f"Answered in the cloud by big at {host}" in words_under_answers(opened))
        assert "INT8" not in words_under_answers(opened)
        send(opened, "And now?")
        qtbot.waitUntil(lambda: opened.idle(2))
        assert len(server.asked) == 2, "nobody is asked twice"


def test_a_no_stays_here_says_why_and_is_not_asked_again(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint, ring: MemoryKeyring
) -> None:
    with open_window(qapp, tmp_path, settings=settings_for(server), route=route) as opened:
        send(opened, "Who are you?")
        QTest.mouseClick(question(opened).stay_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.idle(1))
        assert opened.finished[0].node.text == "An answer."
        qtbot.waitUntil(lambda: "Answered here: You have not agreed" in words_under_answers(opened))
        send(opened, "And now?")
        qtbot.waitUntil(lambda: opened.idle(2))
        assert server.asked == []
        assert opened.assistant.settings.cloud_consents == ()


def test_escape_is_a_no(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint, ring: MemoryKeyring
) -> None:
    with open_window(qapp, tmp_path, settings=settings_for(server), route=route) as opened:
        send(opened, "Who are you?")
        QTest.keyClick(question(opened), Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: opened.idle(1))
        assert server.asked == []


def test_what_does_not_fit_here_is_offered_to_the_cloud(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint, ring: MemoryKeyring
) -> None:
    full = ErrorReport(
        ErrorCode.CONTEXT_FULL,
        msg("{prompt_tokens} of {context_tokens}", prompt_tokens=5000, context_tokens=4096),
        msg("Begin a new conversation."),
    )
    script: Script = (Reply("", error=full),)
    settings = settings_for(server, "when_needed")
    with open_window(qapp, tmp_path, script, settings=settings, route=route) as opened:
        send(opened, "A very long message.")
        qtbot.waitUntil(lambda: opened.idle(1))
        dialog = question(opened)
        assert "5000 tokens" in dialog.why.text()
        QTest.mouseClick(dialog.agree_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.idle(2))
        assert opened.finished[1].node.text == "From far away."


def test_an_endpoint_that_fails_is_said_under_the_answer_of_this_machine(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint, ring: MemoryKeyring
) -> None:
    server.key = "another"
    with open_window(qapp, tmp_path, settings=settings_for(server, consent=True), route=route) as opened:
        send(opened, "Who are you?")
        qtbot.waitUntil(lambda: opened.idle(1))
        assert opened.finished[0].node.text == "An answer."
        qtbot.waitUntil(lambda: "does not accept the API key" in words_under_answers(opened))


def test_the_page_sets_everything_up_and_the_key_goes_to_the_keyring_alone(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint, ring: MemoryKeyring
) -> None:
    server.key = KEY
    with open_window(qapp, tmp_path, route=route) as opened:
        page = page_of(opened)
        assert page.mode.currentData() == "off"
        assert not page.test.isEnabled()
        type_into(page.url, server.url)
        type_into(page.model, "big")
        qtbot.waitUntil(lambda: "without encryption" in page.problem.text())
        page.allow_http.click()
        assert page.problem.isHidden()
        QTest.mouseClick(page.test, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: "does not accept the API key" in page.tested.text())
        type_into(page.key.edit, KEY)
        QTest.mouseClick(page.key.save, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.key.state.text() == "A key is kept in the system's keyring.")
        assert page.key.edit.text() == ""
        assert ring.kept == {(keys.SERVICE, server.url): KEY}
        QTest.mouseClick(page.test, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.tested.text().startswith("It works: “From far away.”"))
        assert server.asked[-1].body["messages"] == [{"role": "user", "content": "Say hello."}]
        pick(page.mode, "when_needed")
        qtbot.waitUntil(lambda: opened.assistant.settings.cloud_mode == "when_needed", timeout=2000)
        settings = opened.assistant.settings
        assert (settings.cloud_url, settings.cloud_model) == (server.url, "big")
        assert KEY not in settings.model_dump_json()
        QTest.mouseClick(page.key.forget, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.key.state.text() == "No key is kept.")
        assert ring.kept == {}


def test_the_agreement_is_given_and_taken_back_on_the_page(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint, ring: MemoryKeyring
) -> None:
    with open_window(qapp, tmp_path, settings=settings_for(server), route=route) as opened:
        page = page_of(opened)
        assert "not agreed" in page.consent.text()
        QTest.mouseClick(page.consent_button, Qt.MouseButton.LeftButton)
        assert page.dialog is not None
        QTest.mouseClick(page.dialog.agree_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.assistant.settings.cloud_consents == (server.url,), timeout=2000)
        assert page.consent_button.text() == "Take it back"
        QTest.mouseClick(page.consent_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.assistant.settings.cloud_consents == (), timeout=2000)


def test_without_a_keyring_the_page_says_so(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint
) -> None:
    with keyring_of(no_keyring()), open_window(qapp, tmp_path, settings=settings_for(server), route=route) as opened:
        page = page_of(opened)
        type_into(page.key.edit, KEY)
        QTest.mouseClick(page.key.save, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: "no keyring" in page.key.state.text())
        assert KEY not in page.key.state.text()
        assert page.key.edit.text() == KEY, "what was typed is not lost"
        QTest.mouseClick(page.key.forget, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.key.state.text() == "No key is kept.")


def test_closing_the_settings_ends_a_test_that_hangs(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint, ring: MemoryKeyring
) -> None:
    server.play = Play(hold_after=0)
    with open_window(qapp, tmp_path, settings=settings_for(server), route=route) as opened:
        page = page_of(opened)
        QTest.mouseClick(page.test, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(server.held.is_set)
        dialog = opened.shell.desk.settings_dialog
        assert dialog is not None
        dialog.reject()
        assert server.gone.wait(10)


def test_the_page_speaks_chinese_when_the_window_does(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, server: CloudEndpoint, ring: MemoryKeyring
) -> None:
    with open_window(qapp, tmp_path, settings=settings_for(server), route=route) as opened:
        page = page_of(opened)
        dialog = opened.shell.desk.settings_dialog
        assert dialog is not None
        opened.shell.controller.change_settings(language="zh_CN")
        number = dialog.tabs.indexOf(page)
        qtbot.waitUntil(lambda: dialog.tabs.tabText(number) == page.title())
        assert page.mode.accessibleName()
