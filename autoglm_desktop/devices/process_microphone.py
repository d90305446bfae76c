"""The microphone of the application: records in a process of its own, which may hang or crash alone."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from .microphone import FIRST_S, LOST_S, Block, BlockSink, InputDevice, Recording, gone
from .recording_process import DEVICES, RECORD, decode_report

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "autoglm_desktop.devices.recording_process")
_START_S = 10.0
"""How long a process may take to come up, beside what a device takes."""
_END_S = 3.0
"""How long it may take to end a recording, or to find out by itself that its device is gone."""
_LIST_S = 15.0


class ProcessMicrophone:
    """Every call has a process, which is killed when it does not answer: no library can stop this one."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)

    def devices(self) -> tuple[InputDevice, ...]:
        with _running(self._command, {"want": DEVICES}) as child:
            try:
                told = child.next(_LIST_S)
            except queue.Empty:
                told = None
        if told is None or "devices" not in told:
            raise _failed(told, "the list of devices did not come")
        return tuple(InputDevice(name) for name in told["devices"])

    def record(self, device: str | None, sink: BlockSink, stopped: threading.Event) -> Recording:
        with _running(self._command, {"want": RECORD, "device": device}) as child:
            return _Take(child, sink, stopped).run()


class _Child:
    """A recording process, and the thread that reads what it tells."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._told: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="microphone-reader", daemon=True)
        self._reader.start()

    def next(self, timeout_s: float) -> dict[str, Any] | None:
        """What it tells next; None when it ended. Raises queue.Empty when nothing comes in time."""
        return self._told.get(timeout=timeout_s)

    def close_input(self) -> None:
        """Ask it to end."""
        assert self.process.stdin is not None, "made with a pipe"
        try:
            self.process.stdin.close()
        except BrokenPipeError:  # it is gone already
            log.debug("the recording process was gone")

    def end(self) -> None:
        """Kill it where it is still there, and wait for the reading thread."""
        self.close_input()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None, "made with a pipe"
        self.process.stdout.close()

    def _read(self) -> None:
        source = self.process.stdout
        assert source is not None, "made with a pipe"
        try:
            for message in _messages(source):
                self._told.put(message)
        except (ValueError, OSError) as error:  # it died in the middle of a line
            log.warning("the recording process told nonsense: %s", error)
        self._told.put(None)


class _Take:
    """One recording as it comes in."""

    def __init__(self, child: _Child, sink: BlockSink, stopped: threading.Event) -> None:
        self._child, self._sink, self._stopped = child, sink, stopped
        self._count = 0
        self._any_sound = False

    def run(self) -> Recording:
        asked_to_end = False
        deadline_s = time.monotonic() + _START_S + FIRST_S
        while True:
            if self._stopped.is_set() and not asked_to_end:
                asked_to_end = True
                deadline_s = min(deadline_s, time.monotonic() + _END_S)
                self._child.close_input()
            try:
                told = self._child.next(0.05)
            except queue.Empty:
                if time.monotonic() < deadline_s:
                    continue
                log.warning("the recording process hangs and is killed")
                return self._cut_off("it did not answer", asked_to_end)
            if told is None or "failed" in told:
                return self._broken(told, asked_to_end)
            if "done" in told:
                return self._done(told["done"])
            self._take(told)
            if not asked_to_end:
                deadline_s = time.monotonic() + LOST_S + _END_S

    def _take(self, told: dict[str, Any]) -> None:
        samples = np.frombuffer(told["data"], np.int16)
        self._count += len(samples)
        self._any_sound = self._any_sound or bool(samples.any())
        self._sink(Block(samples, told["level"]))

    def _done(self, told: list[Any]) -> Recording:
        count, dropped, overflows, silent, lost = told
        return Recording(count, dropped, overflows, silent, None if lost is None else decode_report(lost))

    def _broken(self, told: dict[str, Any] | None, asked_to_end: bool) -> Recording:
        if told is not None:
            raise _failed(told, "")
        status = self._child.process.wait()
        log.warning("the recording process ended with status %d", status)
        return self._cut_off(f"the recording process ended with status {status}", asked_to_end)

    def _cut_off(self, details: str, asked_to_end: bool) -> Recording:
        """What came is kept; that a device died while it was closed is no loss."""
        if not self._count:
            raise gone(details)
        silent = not self._any_sound
        return Recording(self._count, silent=silent, lost=None if asked_to_end else gone(details).report)


@contextmanager
def _running(command: Sequence[str], wanted: dict[str, Any]) -> Iterator[_Child]:
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **_apart()
        )
    except OSError as error:
        raise _failed(None, str(error)) from error
    child = _Child(process)
    try:
        assert process.stdin is not None, "made with a pipe"
        try:
            process.stdin.write(json.dumps(wanted).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            log.warning("the recording process ended before it was asked")
        yield child
    finally:
        child.end()


def _messages(source: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Lines of JSON, each with the bytes that belong to it. Raises ValueError for anything else."""
    while line := source.readline():
        message = json.loads(line)
        size = message.get("bytes")
        if size is not None:
            message["data"] = source.read(size)
            if len(message["data"]) < size:
                raise ValueError(f"{len(message['data'])} of {size} bytes")
        yield message


def _apart() -> dict[str, Any]:
    """Ctrl-C in the terminal is the application's to hear; no window opens on Windows."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _failed(told: dict[str, Any] | None, details: str) -> AppError:
    """What the process says went wrong, or that it broke."""
    if told is not None and "failed" in told:
        report = decode_report(told["failed"])
        return AppError(report.code, report.cause, report.next_step, details=report.details)
    return AppError(
        ErrorCode.DEVICE_FAILED,
        msg("The sound system of this computer does not answer."),
        msg("Restart the sound service or the computer, then try again."),
        details=details,
    )
