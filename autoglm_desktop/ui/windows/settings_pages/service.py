"""The page “Service”: the assistant over HTTP for other programs, its address, its key, its state."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QSpinBox

from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.core.service import ServiceState, ServiceStatus
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import label
from autoglm_desktop.ui.widgets.wheel import scrolls_past

from .key_row import KeyRow
from .page import SettingsPage, tell

_HERE, _EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - chosen by the user, and refused without a key


class ServicePage(SettingsPage):
    """Edits the settings that begin with ``service_``."""

    key_changed = Signal()

    def __init__(self, look: Appearance, settings: Settings, status: ServiceStatus) -> None:
        super().__init__(look)
        self._status = status
        self.enabled = self.check(msg("Other programs may use this assistant over HTTP"), "service_enabled")
        self.row(msg("Service"), self.enabled)
        places = ((_HERE, msg("This machine only")), (_EVERYWHERE, msg("Every machine that reaches this one")))
        self.host = self.choice(places, "service_host")
        self.row(msg("Reachable from"), self.host)
        self.port = QSpinBox()
        scrolls_past(self.port)
        self.port.setRange(1, 65_535)
        self.port.valueChanged.connect(lambda value: self.say("service_port", value))
        self.row(msg("Port"), self.port)
        self.address = label("body", wrap=True)
        self.address.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.copy = self.button(msg("Copy"), self._copy)
        self.row(msg("Address"), self.address, self.copy)
        self.problem = self.told("error")
        self.key = KeyRow(self, msg("API key of clients"), _account, self.key_changed.emit)
        self.phone_control = self.check(msg("Programs without a key may change it"), "service_phone_control")
        self.row(msg("Simulated phone"), self.phone_control)
        self.note(
            msg(
                "Programs that speak OpenAI's interface take this address as their base URL. On this machine a key is "
                "optional; beyond it one is required. Everybody may read the simulated phone; its battery chooses the "
                "precision of all answers."
            )
        )
        self.settle()
        self.show_settings(settings)

    def title(self) -> str:
        return tr("Service")

    def show_settings(self, settings: Settings) -> None:
        self._loading = True
        self.enabled.setChecked(settings.service_enabled)
        if self.host.findData(settings.service_host) < 0:
            self.host.addItem(settings.service_host, settings.service_host)
        self.host.setCurrentIndex(self.host.findData(settings.service_host))
        self.port.setValue(settings.service_port)
        self.phone_control.setChecked(settings.service_phone_control)
        self._loading = False

    def show_status(self, status: ServiceStatus) -> None:
        """What the service does now."""
        self._status = status
        url = self.url
        words = {
            ServiceState.OFF: tr("Off"),
            ServiceState.STARTING: tr("Starting…"),
            ServiceState.RUNNING: url or tr("Starting…"),
            ServiceState.STOPPING: tr("Stopping…"),
        }
        self.address.setText(words[status.state])
        self.address.setAccessibleName(words[status.state])
        self.copy.setEnabled(url is not None)
        tell(self.problem, status.error.line() if status.error is not None else "")

    @property
    def url(self) -> str | None:
        """The base URL for clients, None while it does not run."""
        running = self._status.state is ServiceState.RUNNING and self._status.address is not None
        return f"{self._status.address}/v1" if running else None

    def retranslate(self) -> None:
        super().retranslate()
        self.key.retranslate()
        self.show_status(self._status)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.key.look()

    def _copy(self) -> None:
        if self.url is not None:
            QGuiApplication.clipboard().setText(self.url)


def _account() -> str:
    from autoglm_desktop.cloud.keys import HTTP_SERVICE

    return HTTP_SERVICE
