"""Shared guards: no dangling threads or child processes, garbage collected between tests, one data folder."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import psutil
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_LOGGING_RULES", "qt.multimedia.*=false;qt.qpa.fonts.warning=false")

signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # a job in the background ignores it, and so would its children


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """From here on garbage is collected between tests alone: see `autoglm_desktop.ui.garbage` for why."""
    gc.collect()
    gc.freeze()
    gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Collect after each test, on the thread that ran it."""
    from autoglm_desktop.ui.garbage import collect_due

    result = yield
    collect_due()
    return result


@pytest.fixture(autouse=True)
def nothing_dangles() -> Iterator[None]:
    """Fail a test that leaves a thread or a child process behind, and name it."""
    threads_before = set(threading.enumerate())
    children_before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [t for t in threading.enumerate() if t not in threads_before]
    for thread in left:
        thread.join(timeout=2.0)
    left = [t for t in left if t.is_alive()]
    children = [c for c in psutil.Process().children(recursive=True) if c.pid not in children_before]
    _, alive = psutil.wait_procs(children, timeout=2.0)
    assert not left, f"threads left running: {[t.name for t in left]}"
    assert not alive, f"processes left running: {alive}"


@pytest.fixture(scope="session")
def shared_data_dir() -> Path:
    """The data folder with real weights that ``model`` tests share: never written to by anything else."""
    from autoglm_desktop.assets import default_data_dir

    return default_data_dir()
