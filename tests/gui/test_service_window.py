"""The HTTP service of the window: the real one, switched by its page of the settings."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.cloud import keys
from autoglm_desktop.core.service import ServiceState, ServiceSwitch
from autoglm_desktop.server.host import ServiceHost
from autoglm_desktop.ui.windows.settings_pages.service import ServicePage
from tests.helpers.keyrings import MemoryKeyring, keyring_of, no_keyring
from tests.helpers.windows import ENGLISH, Opened, open_window

UP_MS = 20_000


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    backend = MemoryKeyring()
    with keyring_of(backend):
        yield backend


@pytest.fixture
def port() -> int:
    """A port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        found: int = probe.getsockname()[1]
        return found


def host(assistant: Assistant) -> ServiceSwitch:
    return ServiceHost(assistant)


def page_of(qtbot: QtBot, opened: Opened) -> ServicePage:
    qtbot.waitUntil(lambda: opened.shell.desk.service is not None)
    opened.shell.desk.show_settings()
    dialog = opened.shell.desk.settings_dialog
    assert dialog is not None
    page = dialog.page(ServicePage)
    assert page is not None
    dialog.tabs.setCurrentWidget(page)
    return page


def test_the_switch_serves_and_stops(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, port: int, ring: MemoryKeyring
) -> None:
    settings = ENGLISH.model_copy(update={"service_port": port})
    with open_window(qapp, tmp_path, settings=settings, service=host) as opened:
        page = page_of(qtbot, opened)
        assert page.address.text() == "Off"
        assert not page.copy.isEnabled()
        page.enabled.click()
        qtbot.waitUntil(lambda: page.address.text() == f"http://127.0.0.1:{port}/v1", timeout=UP_MS)
        QTest.mouseClick(page.copy, Qt.MouseButton.LeftButton)
        url = QGuiApplication.clipboard().text()
        answered = httpx.get(f"{url}/models", timeout=10, trust_env=False)
        assert answered.status_code == 200
        page.enabled.click()
        qtbot.waitUntil(lambda: page.address.text() == "Off", timeout=UP_MS)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/models", timeout=10, trust_env=False)


def test_it_serves_from_the_start_where_it_was_left_on_and_asks_for_the_key(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, port: int, ring: MemoryKeyring
) -> None:
    ring.kept[keys.SERVICE, keys.HTTP_SERVICE] = "sk-clients"
    settings = ENGLISH.model_copy(update={"service_port": port, "service_enabled": True})
    with open_window(qapp, tmp_path, settings=settings, service=host) as opened:
        page = page_of(qtbot, opened)
        qtbot.waitUntil(lambda: page.url is not None, timeout=UP_MS)
        assert page.url is not None
        url = f"{page.url}/models"
        assert httpx.get(url, timeout=10, trust_env=False).status_code == 401
        headers = {"Authorization": "Bearer sk-clients"}
        assert httpx.get(url, headers=headers, timeout=10, trust_env=False).status_code == 200
        qtbot.waitUntil(lambda: page.key.state.text() == "A key is kept in the system's keyring.")


def test_a_port_in_use_is_said_on_the_page(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, ring: MemoryKeyring
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = ENGLISH.model_copy(update={"service_port": port})
        with open_window(qapp, tmp_path, settings=settings, service=host) as opened:
            page = page_of(qtbot, opened)
            page.enabled.click()
            qtbot.waitUntil(lambda: not page.problem.isHidden(), timeout=UP_MS)
            assert str(port) in page.problem.text()
            assert opened.shell.desk.service is not None
            assert opened.shell.desk.service.status.state is ServiceState.OFF


def test_beyond_this_machine_a_key_is_required_and_another_key_counts_at_once(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, port: int, ring: MemoryKeyring
) -> None:
    settings = ENGLISH.model_copy(
        update={"service_port": port, "service_enabled": True, "service_host": "0.0.0.0"}  # noqa: S104
    )
    with open_window(qapp, tmp_path, settings=settings, service=host) as opened:
        page = page_of(qtbot, opened)
        qtbot.waitUntil(lambda: not page.problem.isHidden(), timeout=UP_MS)
        page.key.edit.setText("sk-new")
        page.key.edit.textEdited.emit("sk-new")
        QTest.mouseClick(page.key.save, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.url is not None, timeout=UP_MS)
        headers = {"Authorization": "Bearer sk-new"}
        url = f"http://127.0.0.1:{port}/v1/models"
        assert httpx.get(url, headers=headers, timeout=10, trust_env=False).status_code == 200
        assert page.problem.isHidden()


def test_without_a_keyring_the_environment_holds_the_key(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(keys.SERVICE_VARIABLE, "sk-env")
    settings = ENGLISH.model_copy(update={"service_port": port, "service_enabled": True})
    with keyring_of(no_keyring()), open_window(qapp, tmp_path, settings=settings, service=host) as opened:
        page = page_of(qtbot, opened)
        qtbot.waitUntil(lambda: page.url is not None, timeout=UP_MS)
        assert _status(f"http://127.0.0.1:{port}/v1/models") == 401
        qtbot.waitUntil(lambda: keys.SERVICE_VARIABLE in page.key.state.text())
        assert "sk-env" not in page.key.state.text()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_a_forgotten_key_is_out_of_force_at_once(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, *, port: int, ring: MemoryKeyring, address: str
) -> None:
    """On this machine everybody may ask then; beyond it the service stops."""
    ring.kept[keys.SERVICE, keys.HTTP_SERVICE] = "sk-old"
    settings = ENGLISH.model_copy(update={"service_port": port, "service_enabled": True, "service_host": address})
    with open_window(qapp, tmp_path, settings=settings, service=host) as opened:
        page = page_of(qtbot, opened)
        qtbot.waitUntil(lambda: page.url is not None, timeout=UP_MS)
        url = f"http://127.0.0.1:{port}/v1/models"
        assert httpx.get(url, timeout=10, trust_env=False).status_code == 401
        QTest.mouseClick(page.key.forget, Qt.MouseButton.LeftButton)
        if address == "127.0.0.1":
            qtbot.waitUntil(lambda: _status(url) == 200, timeout=UP_MS)
        else:
            qtbot.waitUntil(lambda: not page.problem.isHidden(), timeout=UP_MS)
            assert "API key" in page.problem.text()
            assert _status(url) is None


def _status(url: str) -> int | None:
    """None when nobody listens there."""
    try:
        return httpx.get(url, timeout=10, trust_env=False).status_code
    except httpx.TransportError:
        return None


def test_the_page_lets_programs_without_a_key_move_the_phone(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, port: int, ring: MemoryKeyring
) -> None:
    settings = ENGLISH.model_copy(update={"service_port": port, "service_enabled": True})
    with open_window(qapp, tmp_path, settings=settings, service=host) as opened:
        page = page_of(qtbot, opened)
        qtbot.waitUntil(lambda: page.url is not None, timeout=UP_MS)

        def move() -> int:
            return httpx.put(f"{page.url}/energy/phone", json={"battery": 0.5}, timeout=10, trust_env=False).status_code

        assert page.phone_control.accessibleName() == "Simulated phone"
        assert not page.phone_control.isChecked()
        assert move() == 403
        page.phone_control.click()
        qtbot.waitUntil(lambda: opened.assistant.settings.service_phone_control, timeout=2000)
        assert move() == 200
