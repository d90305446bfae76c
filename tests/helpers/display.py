"""An X server with a window manager of its own, and a running application in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil


def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    """Look at `condition` ten times a second until it holds; False when it does not in time."""
    pause = threading.Event()
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        pause.wait(0.1)
    return True


@contextmanager
def x_server() -> Iterator[str]:
    """Start Xvfb with a screen of 1440 × 900; yields the display's name. It ends with the block."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1440x900x24", "-nolisten", "tcp"],
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            yield f":{pipe.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def window_manager(display: str, *words: str, **environment: str) -> Iterator[None]:
    """The command `words` as the window manager of a display. It ends with the block."""
    manager = subprocess.Popen(
        words,
        env=os.environ | {"DISPLAY": display} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        manager.terminate()
        manager.wait(10)


@contextmanager
def virtual_display() -> Iterator[str]:
    """An X server with openbox in it; yields the display's name. Both end with the block."""
    with x_server() as display, window_manager(display, "openbox"):
        yield display


class Application:
    """A process of the application on a display."""

    def __init__(self, display: str, data_dir: Path, arguments: Sequence[str] = ()) -> None:
        environment = os.environ | {"DISPLAY": display, "AUTOGLM_DATA_DIR": str(data_dir)}
        environment.pop("QT_QPA_PLATFORM", None)
        self._display = display
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autoglm_desktop", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def windows(self, *options: str) -> list[str]:
        """Ids of the visible windows; with ``--sync`` as an option it waits for the first."""
        return self.xdotool("search", *options, "--onlyvisible", "--name", "AutoGLM Desktop$").split()

    def xdotool(self, *words: str, timeout_s: float = 60.0) -> str:
        """Run xdotool on the display; its output. An empty search is no error."""
        done = subprocess.run(
            ["xdotool", *words],
            env=os.environ | {"DISPLAY": self._display},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return done.stdout.strip()

    def children(self) -> list[psutil.Process]:
        """Every process that it started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait(self, timeout_s: float = 60.0) -> tuple[int, str]:
        """Status and output, once it ended."""
        output, _ = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, output

    def end(self) -> tuple[int, str]:
        """SIGTERM, then `wait`."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()


@contextmanager
def application(display: str, data_dir: Path, *arguments: str) -> Iterator[Application]:
    """A started application whose window is visible; killed at the end if it is still there."""
    app = Application(display, data_dir, arguments)
    killer = threading.Timer(120.0, app.process.kill)
    killer.start()
    try:
        assert app.windows("--sync"), "no window appeared"
        yield app
    finally:
        killer.cancel()
        killer.join()
        if app.process.poll() is None:
            app.process.kill()
            app.process.wait(10)
        if app.process.stdout is not None:
            app.process.stdout.close()
