"""The engine process: ``python -m autoglm_desktop.engine.process``, started by the client, spoken to over its pipes.

A reading thread takes commands, so that a turn can be stopped while the model computes; the main thread works. The end
of the input means that the parent closed it or died: the process ends at once, whatever it is doing.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from autoglm_desktop.core.logs import FORMAT, log_quietly

from . import environment
from .cores import physical_cores
from .log import BoundedLog
from .mailbox import Mailbox
from .protocol import ChildEvent, Ping, Pong, ProtocolError, Refused, decode_command, encode_event, read_lines

if TYPE_CHECKING:
    from .runtime.contracts import Runtime
    from .runtime.modalities import Loaders

_LOG = logging.getLogger(__name__)


def main(
    arguments: Sequence[str] | None = None,
    load_runtime: Callable[[], Runtime] | None = None,
    load_senses: Callable[[], Loaders] | None = None,
) -> None:
    """Work until the input ends; never returns.

    `load_runtime` imports what loads models, `load_senses` what loads modalities (tests bring their own).
    """
    options = _parse(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes our input if it means us
    commands, events = _own_the_pipes()
    log = BoundedLog(options.log)
    log.take_standard_streams()
    log_quietly()
    logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr)
    environment.prepare(options.threads)

    mailbox, writer = Mailbox(), EventWriter(events)
    threading.Thread(target=_read, args=(commands, mailbox, writer), name="commands", daemon=True).start()
    gc.disable()  # the libraries allocate for ever: collecting meanwhile makes their import a tenth slower
    runtime = (load_runtime or _torch_runtime(options.threads))()

    from .runtime.host import EngineHost
    from .runtime.modalities import Modalities, real_loaders

    gc.freeze()
    gc.enable()
    loaders = load_senses() if load_senses else real_loaders(options.threads)
    host = EngineHost(
        runtime,
        mailbox,
        writer.write,
        kv_cache_max_bytes=options.kv_cache_max_bytes,
        modalities=Modalities(loaders, options.modality_idle_s),
    )
    while True:
        taken = mailbox.take(host.next_idle_s())
        if taken is None:
            host.idle()
        else:
            host.execute(taken)
        log.rotate()


class EventWriter:
    """Writes events as lines, from either thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, event: ChildEvent) -> None:
        """Ends the process when nobody reads any more."""
        line = encode_event(event)
        with self._lock:
            try:
                self._stream.write(line)
                self._stream.flush()
            except OSError:
                leave()


def leave() -> None:
    """End without the interpreter's clean-up, which would wait for the other thread and take a third of a second."""
    logging.shutdown()
    os._exit(0)


def _read(stream: BinaryIO, mailbox: Mailbox, writer: EventWriter) -> None:
    """The reading thread."""
    try:
        for line in read_lines(stream):
            _take_line(line, mailbox, writer)
    finally:
        leave()


def _take_line(line: bytes | ProtocolError, mailbox: Mailbox, writer: EventWriter) -> None:
    try:
        if isinstance(line, ProtocolError):
            raise line
        command = decode_command(line)
    except ProtocolError as error:
        _LOG.warning("refused a line: %s", error)
        writer.write(Refused(str(error)))
        return
    if isinstance(command, Ping):
        writer.write(Pong(command.token))
    else:
        mailbox.put(command)


def _own_the_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Private copies of the two pipes; what else reads or prints in this process must not touch the protocol."""
    commands = os.fdopen(os.dup(0), "rb")
    events = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return commands, events


def _torch_runtime(threads: int) -> Callable[[], Runtime]:
    def load() -> Runtime:
        from .runtime.loading import torch_runtime

        return torch_runtime(threads)

    return load


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="autoglm_desktop.engine.process")
    parser.add_argument("--threads", type=int, required=True, help="for the model; 0: one per physical core")
    parser.add_argument("--kv-cache-max-bytes", type=int, required=True)
    parser.add_argument("--modality-idle-s", type=float, default=0.0, help="0 keeps modalities loaded")
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.threads = options.threads or physical_cores()
    return options


if __name__ == "__main__":
    main()
