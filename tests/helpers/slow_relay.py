"""A relay on the loopback that lets bytes through a few at a time: a slow network between two processes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PIECE_BYTES = 96
PAUSE_S = 0.002
_LIMIT_S = 120.0


@dataclass(slots=True)
class Relay:
    port: int
    pieces: int = 0
    """How many pieces came back from the far side."""
    _pause: threading.Event = field(default_factory=threading.Event)

    def back(self, source: socket.socket, target: socket.socket) -> None:
        """From the far side, piece by piece, each with a pause."""
        with suppress(OSError):
            while data := source.recv(PIECE_BYTES):
                self.pieces += 1
                self._pause.wait(PAUSE_S)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def slow_relay(url: str) -> Iterator[tuple[Relay, str]]:
    """A relay to the host of `url`, and the url through it."""
    parts = urlsplit(url)
    far = (parts.hostname or "", parts.port or 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(listener.getsockname()[1])
        accepting = threading.Thread(target=_accept, args=(relay, listener, far))
        accepting.start()
        try:
            yield relay, f"http://127.0.0.1:{relay.port}{parts.path}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(_LIMIT_S)


def _accept(relay: Relay, listener: socket.socket, far: tuple[str, int]) -> None:
    threads: list[threading.Thread] = []
    with suppress(OSError):
        while True:
            near, _ = listener.accept()
            threads.append(threading.Thread(target=_connect, args=(relay, near, far)))
            threads[-1].start()
    for thread in threads:
        thread.join(_LIMIT_S)


def _connect(relay: Relay, near: socket.socket, far: tuple[str, int]) -> None:
    with near, socket.create_connection(far, timeout=_LIMIT_S) as there:
        near.settimeout(_LIMIT_S)
        back = threading.Thread(target=relay.back, args=(there, near))
        back.start()
        with suppress(OSError):
            while data := near.recv(65_536):
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)
        back.join(_LIMIT_S)
