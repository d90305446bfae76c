"""The window with everything around it, as the composition root sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QVBoxLayout

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.routing import RoutingEngine
from autoglm_desktop.core.errors import AppError, ErrorReport
from autoglm_desktop.core.i18n import Text
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.service import ServiceSwitch
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.models.library import ModelLibrary

from .appearance import Appearance
from .cloud_gate import CloudGate
from .controller import Controller
from .desk import Desk
from .paths import DataPaths
from .voice.desk import VoiceDesk
from .widgets.banner import Banner, Notice
from .windows.main_window import MainWindow

if TYPE_CHECKING:
    from .single_instance import Listener


def make_application() -> QApplication:
    """The one application object of the process."""
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        application = QApplication(["autoglm-desktop"])
    application.setApplicationName("autoglm-desktop")
    application.setApplicationDisplayName("AutoGLM Desktop")
    application.setDesktopFileName("autoglm-desktop")
    return application


class Shell:
    """Builds the window over an assistant; `close` takes it down and joins what it started."""

    def __init__(
        self,
        application: QApplication,
        assistant: Assistant,
        library: ModelLibrary,
        paths: DataPaths,
        *,
        unload: Callable[[], None],
        router: RoutingEngine | None = None,
        service: ServiceSwitch | None = None,
        spare_engine: Callable[[], Engine] | None = None,
    ) -> None:
        """`unload` makes the engine give its memory back; `router` is the way to the cloud, `service` the HTTP service.

        What is None has no page in the settings. `spare_engine` makes one that prepares fetched models.
        """
        self.look = Appearance(application, assistant.settings)
        self.window = MainWindow(self.look, paths.window)
        self.controller = Controller(self.window, assistant)
        self.voice = VoiceDesk(self.controller, library)
        self.desk = Desk(self.controller, library, paths, unload, self.voice)
        if router is not None:
            self.controller.gate = CloudGate(self.controller, router)
        if spare_engine is not None:
            self.desk.prepare_with(spare_engine)
        self._service = service
        self._library = library
        self._paths = paths
        self._listener: Listener | None = None

    def show(self, notices: tuple[Text, ...] = ()) -> None:
        """Show the window; what can wait until it is painted does."""
        self.desk.show_notices(notices)
        if not self._has_model():
            self.desk.show_first_run()
        self.window.show()
        QTimer.singleShot(0, self.window, self._listen)
        QTimer.singleShot(0, self.voice, self.voice.start)

    def close(self) -> None:
        """End everything that the window started; the assistant is not ours to close."""
        if self._listener is not None:
            self._listener.close()
        self.voice.close()
        self.desk.close()
        self.controller.close()
        self.window.close()
        self.window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # now, on this thread

    def _listen(self) -> None:
        from .single_instance import Listener

        self._listener = Listener(self._paths.data_dir)
        self._listener.woken.connect(self.window.come_forward)
        if self._service is not None:
            self.desk.use_service(self._service)

    def _has_model(self) -> bool:
        try:
            self._library.ref(self.controller.assistant.settings.model_id)
        except AppError:
            return False
        return True


def show_failure(report: ErrorReport) -> None:
    """A dialog for a start that failed: cause, next step, details."""
    look = Appearance(make_application(), Settings())
    dialog = QDialog()
    dialog.setMinimumWidth(520)
    dialog.setWindowTitle("AutoGLM Desktop")
    banner = Banner(look, Notice.of(report))
    banner.log_button.hide()
    banner.closed.connect(dialog.accept)
    QVBoxLayout(dialog).addWidget(banner)
    dialog.exec()
