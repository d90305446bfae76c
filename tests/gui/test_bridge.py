"""Events reach the GUI thread in order, in few drains, without holding it."""

from __future__ import annotations

import threading
import time

from PySide6.QtCore import QThread, QTimer
from pytestqt.qtbot import QtBot

from autoglm_desktop.ui.bridge import Bridge

EVENTS = 20_000


def test_twenty_thousand_events_arrive_in_order_in_a_handful_of_drains(qtbot: QtBot) -> None:
    seen: list[object] = []
    drains: list[int] = []
    bridge = Bridge(seen.append)
    bridge.drained.connect(drains.append)
    for number in range(EVENTS):
        bridge.post(number)
    qtbot.waitUntil(lambda: len(seen) == EVENTS, timeout=5000)
    assert seen == list(range(EVENTS))
    assert len(drains) < 40
    assert sum(drains) == EVENTS


def test_posts_from_many_threads_keep_the_order_of_each(qtbot: QtBot) -> None:
    seen: list[tuple[int, int]] = []
    where: set[bool] = set()

    def take(event: object) -> None:
        assert isinstance(event, tuple)
        seen.append(event)
        where.add(QThread.currentThread() is bridge.thread())

    bridge = Bridge(take)

    def post_all(number: int) -> None:
        for i in range(2000):
            bridge.post((number, i))

    threads = [threading.Thread(target=post_all, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    qtbot.waitUntil(lambda: len(seen) == 8000, timeout=5000)
    assert where == {True}
    for number in range(4):
        assert [i for n, i in seen if n == number] == list(range(2000))


def test_a_slow_handler_leaves_room_for_timers(qtbot: QtBot) -> None:
    """The budget ends a drain; a timer runs before the next one."""
    order: list[str] = []

    def slow(_: object) -> None:
        end = time.monotonic() + 0.004
        while time.monotonic() < end:
            pass
        order.append("event")

    bridge = Bridge(slow, budget_s=0.008)
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: order.append("timer"))
    timer.start()
    for number in range(20):
        bridge.post(number)
    qtbot.waitUntil(lambda: order.count("event") == 20, timeout=5000)
    timer.stop()
    runs = "".join("e" if word == "event" else "." for word in order).split(".")
    assert max(map(len, runs)) <= 4


def test_an_error_in_the_handler_does_not_stop_the_rest(qtbot: QtBot) -> None:
    seen: list[object] = []

    def take(event: object) -> None:
        if event == 1:
            raise ValueError("one is refused")
        seen.append(event)

    bridge = Bridge(take)
    with qtbot.captureExceptions() as caught:
        for number in range(4):
            bridge.post(number)
        qtbot.waitUntil(lambda: len(seen) == 3, timeout=2000)
    assert [str(error[1]) for error in caught] == ["one is refused"]
    assert seen == [0, 2, 3]


def test_a_closed_bridge_delivers_nothing(qtbot: QtBot) -> None:
    seen: list[object] = []
    bridge = Bridge(seen.append)
    bridge.post("queued")
    bridge.close()
    bridge.post("late")
    with qtbot.waitSignal(bridge.drained, timeout=2000):
        pass
    assert seen == []
