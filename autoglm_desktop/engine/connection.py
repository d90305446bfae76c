"""A running engine process: its pipes, the thread that reads from it, and its end."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from autoglm_desktop.core.files import make_private_folder, private_opener

from . import environment, log
from .protocol import ChildEvent, Command, ProtocolError, decode_event, encode_command, read_lines

_LOG = logging.getLogger(__name__)
_GRACE_S = 2.0
"""How long a child may take to end after its input was closed, before it is killed."""


class Connection:
    """Owned by one thread. `on_event` and `on_gone` are called on the reading thread, `on_gone` last and once."""

    def __init__(
        self,
        command: Sequence[str],
        log_path: Path,
        on_event: Callable[[ChildEvent], None],
        on_gone: Callable[[int], None],
    ) -> None:
        """Start the process. Raises OSError when the system cannot."""
        self._log_path = log_path
        self._log_start_bytes = log_path.stat().st_size if log_path.exists() else 0
        with _open_log(log_path) as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=_environment(),
                **_apart_from_the_terminal(),
            )
        self._on_event = on_event
        self._on_gone = on_gone
        self._reader = threading.Thread(target=self._read, name="engine-reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, command: Command) -> None:
        """Raises ProtocolError for what cannot be written. A dead child takes nothing; `on_gone` tells of it."""
        line = encode_command(command)
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(line)
            stdin.flush()
        except OSError as error:  # broken pipe; also "closed" on Windows
            _LOG.info("the engine does not read: %s", error)

    def kill(self) -> None:
        """End the child at once, from any thread."""
        self._process.kill()

    def close(self) -> None:
        """Close the child's input, which ends it; kill it when that takes too long. Nothing of it is left after."""
        self._close_input()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            _LOG.warning("the engine did not end by itself; killed")
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def last_words(self) -> str:
        """The end of what this process logged."""
        return log.tail(self._log_path, self._log_start_bytes)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with cast(BinaryIO, self._process.stdout) as stdout:
            for line in read_lines(stdout):
                self._take_line(line)
        self._on_gone(self._wait_after_eof())

    def _take_line(self, line: bytes | ProtocolError) -> None:
        try:
            if isinstance(line, ProtocolError):
                raise line
            event = decode_event(line)
        except ProtocolError as error:
            _LOG.warning("the engine sent what is no event: %s", error)
            return
        self._on_event(event)

    def _wait_after_eof(self) -> int:
        """A child that closed its output is of no use, whether it still runs or not."""
        try:
            return self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _close_input(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.close()
        except OSError as error:  # what was buffered cannot be written any more
            _LOG.info("the engine was gone before its input was closed: %s", error)


def _open_log(path: Path) -> IO[bytes]:
    """For what the child says before it opens its log itself."""
    try:
        make_private_folder(path.parent)
        return open(path, "ab", opener=private_opener)
    except OSError as error:
        _LOG.warning("the engine's log cannot be written: %s", error)
        return Path(os.devnull).open("ab")


def _environment() -> dict[str, str]:
    """The child finds this very package, whatever the working folder is (``-P`` keeps that one out)."""
    root = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return (
        os.environ
        | environment.at_start()
        | {
            "PYTHONPATH": os.pathsep.join([root, inherited] if inherited else [root]),
            "PYTHONIOENCODING": "utf-8:backslashreplace",
        }
    )


def _apart_from_the_terminal() -> dict[str, Any]:
    """Ctrl-C in the terminal must reach the parent alone; no console window on Windows."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
