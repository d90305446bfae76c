"""Objects of Qt that nobody holds any more go on the GUI thread, whoever allocates meanwhile."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, Qt
from pytestqt.qtbot import QtBot

from autoglm_desktop.ui.garbage import collect_due, collected_on_this_thread


class _Own(QObject):
    """It goes where the collection runs: Qt's binding takes no care of classes of our own."""

    held: dict[str, object]


@pytest.fixture(autouse=True)
def _as_python_starts() -> Iterator[None]:
    before = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if before else gc.disable)()


def lost_object(ended_on: list[int]) -> None:
    """Make an object that is garbage at once, in a cycle."""
    own = _Own()
    own.destroyed.connect(lambda: ended_on.append(threading.get_ident()), Qt.ConnectionType.DirectConnection)
    own.held = {"self": own}


def allocate_on_a_worker() -> None:
    """More than any threshold: the youngest generations are collected, where collecting is on."""

    def work() -> None:
        kept = [[number] for number in range(200_000)]
        kept.clear()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_worker_that_allocates_collects_nothing(qtbot: QtBot) -> None:
    ended_on: list[int] = []
    with collected_on_this_thread():
        lost_object(ended_on)
        allocate_on_a_worker()
        assert not ended_on
        lists = [[number] for number in range(10_000)]
        qtbot.waitUntil(lambda: bool(ended_on))
        lists.clear()
    assert ended_on == [threading.get_ident()]


def test_without_it_the_worker_would(qtbot: QtBot) -> None:
    ended_on: list[int] = []
    lost_object(ended_on)
    allocate_on_a_worker()
    assert len(ended_on) == 1
    assert ended_on != [threading.get_ident()]


@pytest.mark.parametrize("before", [True, False])
def test_afterwards_it_is_as_before(qtbot: QtBot, before: bool) -> None:
    (gc.enable if before else gc.disable)()
    ended_on: list[int] = []
    with collected_on_this_thread():
        assert not gc.isenabled()
        lost_object(ended_on)
    assert gc.isenabled() is before
    assert ended_on == [threading.get_ident()]


def test_only_what_has_grown_is_collected() -> None:
    gc.collect()
    gc.disable()
    collections = [generation["collections"] for generation in gc.get_stats()]
    collect_due()
    assert [generation["collections"] for generation in gc.get_stats()] == collections
    kept = [[number] for number in range(gc.get_threshold()[0] + 100)]
    collect_due()
    assert [generation["collections"] for generation in gc.get_stats()] == [collections[0] + 1, *collections[1:]]
    assert kept
