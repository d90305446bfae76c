"""The service as a switch: a thread with uvicorn in it, for the window and for ``serve``.

`start` binds the address at once, so that a port in use is told where the switch is; everything heavy (FastAPI,
uvicorn) is imported on the thread.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from autoglm_desktop.cloud.keys import sendable
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.service import ServiceSink, ServiceState, ServiceStatus
from autoglm_desktop.core.settings import Settings

if TYPE_CHECKING:
    import uvicorn

    from autoglm_desktop.assistant.assistant import Assistant

log = logging.getLogger(__name__)

START_WITHIN_S = 30.0
_JOIN_S = 15.0
_GRACE_S = 2
_BACKLOG = 256


__all__ = ["ServiceHost", "ServiceState", "ServiceStatus"]


class ServiceHost:
    """Starts and stops the service of one assistant. Every method may be called from any thread."""

    def __init__(self, assistant: Assistant, settings: Settings | None = None, *, api_key: str | None = None) -> None:
        """`settings` None: those of the assistant at the moment of `start`. Without `start` nothing runs."""
        self._assistant, self._settings, self._api_key = assistant, settings, api_key
        self._lock = threading.Lock()
        self._status = ServiceStatus(ServiceState.OFF)
        self._sinks: tuple[ServiceSink, ...] = ()
        self._settled = threading.Event()
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self._stopping = False

    @property
    def status(self) -> ServiceStatus:
        return self._status

    @property
    def address(self) -> str | None:
        """Where it listens, None while it does not."""
        return self._status.address

    def watch(self, sink: ServiceSink) -> Callable[[], None]:
        """Call `sink` with every change, from any thread; returns what ends the watch."""
        with self._lock:
            self._sinks = (*self._sinks, sink)

        def end() -> None:
            with self._lock:
                self._sinks = tuple(other for other in self._sinks if other is not sink)

        return end

    def start(self, settings: Settings | None = None, *, api_key: str | None = None) -> None:
        """Listen; returns when the address is taken, serves a moment later. Running already: nothing happens.

        With `settings`, they and `api_key` replace those of before; None is no key then. Raises AppError: BUSY when the
        port is in use, BAD_INPUT for an address that is not this computer's, for one beyond it without an API key, and
        for a key that no client could send.
        """
        with self._lock:
            if self._thread is not None:
                return
            if settings is not None:
                self._settings, self._api_key = settings, api_key
            chosen = self._settings or self._assistant.settings
            api_key = usable_key(chosen.service_host, self._api_key)
            listener = bind(chosen.service_host, chosen.service_port)
            self._stopping = False
            self._settled.clear()
            self._status = ServiceStatus(ServiceState.STARTING)
            self._thread = threading.Thread(
                target=self._run, args=(chosen, api_key, listener), name="service", daemon=True
            )
            self._thread.start()
        self._tell()

    def wait_running(self, timeout_s: float = START_WITHIN_S) -> ServiceStatus:
        """Wait until it serves or has failed; returns the status then."""
        self._settled.wait(timeout_s)
        return self._status

    def stop(self) -> None:
        """End every answer of the service and its thread. Blocks until it is gone (bounded). Idempotent."""
        with self._lock:
            thread, self._stopping = self._thread, True
            if thread is None:
                return
            self._status = ServiceStatus(ServiceState.STOPPING, self._status.address)
        self._tell()
        self._assistant.completions.cancel_all()
        if self._server is not None:
            self._server.should_exit = True
        if thread is not threading.current_thread():
            thread.join(_JOIN_S)

    # -- on the thread of the service

    def _run(self, settings: Settings, api_key: str | None, listener: socket.socket) -> None:
        address, error = address_of(listener), None
        try:
            with listener:
                asyncio.run(self._serve(settings, api_key, listener, address))
        except Exception as failure:
            log.exception("the service ended")
            error = ErrorReport(
                ErrorCode.ENGINE_FAILED,
                msg("The service ended unexpectedly."),
                msg("Switch it on again; the log has the reason."),
                f"{type(failure).__name__}: {failure}",
            )
        with self._lock:
            self._thread = self._server = None
            self._status = ServiceStatus(ServiceState.OFF, error=error)
        self._settled.set()
        self._tell()

    async def _serve(self, settings: Settings, api_key: str | None, listener: socket.socket, address: str) -> None:
        import uvicorn

        from .app import make_app
        from .connection import MAX_HEADER_BYTES, Connection

        config = uvicorn.Config(
            make_app(self._assistant, settings, api_key=api_key),
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_GRACE_S,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        server = uvicorn.Server(config)
        with self._lock:
            self._server = server
            server.should_exit = self._stopping
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        with self._lock:
            if not self._stopping:
                self._status = ServiceStatus(ServiceState.RUNNING, address)
        self._settled.set()
        self._tell()
        log.info("the service listens at %s", address)
        await serving
        await _end_connections(server)

    def _tell(self) -> None:
        for sink in self._sinks:
            sink(self._status)


async def _end_connections(server: uvicorn.Server) -> None:
    """Cut what did not end by itself: clients that do not read."""
    from .connection import Connection

    for connection in list(server.server_state.connections):
        if isinstance(connection, Connection):
            connection.abort()
    await asyncio.sleep(0)


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def usable_key(host: str, api_key: str | None) -> str | None:
    """The key as clients send it.

    Raises AppError BAD_INPUT for one that nobody can send, and when others could reach the address without any.
    """
    if api_key is not None:
        return sendable(api_key)
    if not is_loopback(host):
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("At {host} others can reach the service, so it needs an API key.", host=host),
            msg("Set an API key, or listen at 127.0.0.1."),
        )
    return None


def bind(host: str, port: int) -> socket.socket:
    """A socket that is bound and not yet listening. Raises AppError BUSY or BAD_INPUT."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)  # asyncio sets TCP_NODELAY where the protocol says TCP
    except (OSError, UnicodeError) as error:
        raise _no_such_address(host, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise _port_in_use(host, port) from error
        raise _no_such_address(host, error) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """As clients write it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _port_in_use(host: str, port: int) -> AppError:
    return AppError(
        ErrorCode.BUSY,
        msg("Port {port} of {host} is in use by another program.", port=port, host=host),
        msg("Choose another port, or end the other program."),
    )


def _no_such_address(host: str, error: Exception) -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("The service cannot listen at {host}.", host=host),
        msg("Use 127.0.0.1 for this computer alone, or an address that this computer has."),
        details=str(error),
    )
