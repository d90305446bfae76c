"""Asks before the first message leaves this machine, and again only after the agreement was taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from autoglm_desktop.assistant.routing import RoutingEngine
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.routing import Route
from autoglm_desktop.core.settings import Settings

if TYPE_CHECKING:
    from .controller import Controller
    from .windows.consent_dialog import ConsentDialog


class CloudGate(QObject):
    """Stands between the composer and the assistant. Whoever declines is not asked again before the next start."""

    def __init__(self, controller: Controller, router: RoutingEngine) -> None:
        super().__init__(controller)
        self._controller, self._router = controller, router
        self._declined: set[str] = set()
        self.dialog: ConsentDialog | None = None

    def asks(self, go: Callable[[], None], *, images: bool = False) -> bool:
        """Whether the person is asked first; `go` is called after the answer, whatever it is."""
        settings = self._controller.assistant.settings
        if settings.cloud_mode == "off":
            return False
        return self._ask(self._router.preview(_model(settings), images=images), agreed=go, declined=go)

    def refused(self, node: Node) -> None:
        """An answer did not fit here: where the cloud may take it after a yes, ask, and answer again then."""
        settings = self._controller.assistant.settings
        if node.error is None or settings.cloud_mode == "off":
            return
        route = self._router.preview(_model(settings), error=node.error)
        self._ask(route, agreed=lambda: self._controller.regenerate(node.id), declined=lambda: None)

    def _ask(self, route: Route, *, agreed: Callable[[], None], declined: Callable[[], None]) -> bool:
        endpoint = route.endpoint
        if not route.asks_consent or endpoint is None or endpoint.url in self._declined or self.dialog is not None:
            return False
        from .windows.consent_dialog import ConsentDialog

        self.dialog = ConsentDialog(self._controller.window.look, endpoint, route.wish, self._controller.window)
        self.dialog.accepted.connect(lambda: self._agreed(endpoint.url, agreed))
        self.dialog.rejected.connect(lambda: self._stays(endpoint.url, declined))
        self.dialog.open()
        return True

    def _agreed(self, url: str, go: Callable[[], None]) -> None:
        self.dialog = None
        controller = self._controller
        consents = controller.assistant.settings.cloud_consents
        controller.change_settings(cloud_consents=(*consents, url))
        self._router.configure(controller.assistant.settings)  # before the message, whoever else is still told
        go()

    def _stays(self, url: str, go: Callable[[], None]) -> None:
        self.dialog = None
        self._declined.add(url)
        go()


def _model(settings: Settings) -> ModelRef:
    return ModelRef(settings.model_id, "")
