"""The HTTP service of the window: follows the settings, off the GUI thread, one change after the other."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.service import ServiceState, ServiceStatus, ServiceSwitch
from autoglm_desktop.core.settings import Settings

from .bridge import Bridge
from .jobs import Job


class ServiceControl(QObject):
    """Lives on the GUI thread. `changed` carries the `ServiceStatus`."""

    changed = Signal(object)

    def __init__(self, switch: ServiceSwitch, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._switch = switch
        self.status = switch.status
        self._applied: tuple[object, ...] | None = None
        self._wanted: Settings | None = None
        self._job: Job | None = None
        self._bridge = Bridge(self._take, parent=self)
        self._unwatch = switch.watch(self._bridge.post)

    def apply(self, settings: Settings) -> None:
        """Switch on, off, or over to another address, where the settings say so now and did not before."""
        asked = (settings.service_enabled, settings.service_host, settings.service_port)
        if asked == self._applied or (self._applied is None and not settings.service_enabled):
            return
        self._applied = asked
        self._wanted = settings
        self._go_on()

    def restart(self, settings: Settings) -> None:
        """Begin again, where it is on: the API key is another one."""
        if settings.service_enabled:
            self._applied = None
            self.apply(settings)

    def close(self) -> None:
        """Hear nothing more, and wait for what is on its way. The switch is not ours to close."""
        self._unwatch()
        if self._job is not None:
            self._job.close()
            self._job = None
        self._bridge.close()

    def _go_on(self) -> None:
        if self._job is not None or self._wanted is None:
            return
        settings, self._wanted = self._wanted, None
        self._job = Job(lambda *_: _switch(self._switch, settings), name="service-switch", parent=self)
        self._job.succeeded.connect(lambda _: self._over(None))
        self._job.failed.connect(self._over)
        self._job.start()

    def _over(self, report: ErrorReport | None) -> None:
        if self._job is not None:
            self._job.close()
            self._job.deleteLater()
            self._job = None
        if report is not None:
            self._take(replace(self._switch.status, error=report))
        self._go_on()

    def _take(self, status: object) -> None:
        assert isinstance(status, ServiceStatus)
        self.status = status
        self.changed.emit(status)


def _switch(switch: ServiceSwitch, settings: Settings) -> None:
    """Stop what runs, then serve as the settings say. Blocks. Raises AppError."""
    if switch.status.state is not ServiceState.OFF:
        switch.stop()
    if not settings.service_enabled:
        return
    from autoglm_desktop.cloud.keys import HTTP_SERVICE, get_key

    switch.start(settings, api_key=get_key(HTTP_SERVICE))
