"""The HTTP service as those see it who switch it on and off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .errors import ErrorReport
from .settings import Settings


class ServiceState(StrEnum):
    OFF = "off"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """`address` as clients write it (``http://127.0.0.1:8000``) once it runs; `error` why it ended by itself."""

    state: ServiceState
    address: str | None = None
    error: ErrorReport | None = None


ServiceSink = Callable[[ServiceStatus], None]


class ServiceSwitch(Protocol):
    """Starts and stops the service of one assistant. Every method may be called from any thread."""

    @property
    def status(self) -> ServiceStatus: ...

    def watch(self, sink: ServiceSink) -> Callable[[], None]:
        """Call `sink` with every change, from any thread; returns what ends the watch."""

    def start(self, settings: Settings | None = None, *, api_key: str | None = None) -> None:
        """Listen where the settings say, with this key or none. Running already: nothing happens.

        Without settings, those and the key of before hold. Raises AppError: BUSY when the port is in use, BAD_INPUT for
        an address that cannot be served.
        """

    def stop(self) -> None:
        """End every answer of the service. Blocks until it is gone (bounded). Idempotent."""
