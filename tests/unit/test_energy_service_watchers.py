"""What the energy service tells those who watch: memory, log, series, beats."""

from __future__ import annotations

import threading

import pytest

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_history import History
from autoglm_desktop.assistant.energy_log import LOG_LINES
from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.events import EngineState, EngineStatus, Memory
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import Settings
from tests.helpers.energy_services import Card, Clock, pass_time, service_at, take_turn


def test_memory_tells_what_is_loaded_and_why_the_rest_is_not() -> None:
    service = service_at(Clock())
    language, kv, images, speech = service.view().memory
    assert [part.loaded for part in (language, kv, images, speech)] == [False] * 4
    assert language.can_load
    service.engine_changed(EngineStatus(EngineState.READY, "m", Tier.INT8, memory=Memory(500, 70, 900)))
    language, kv, images, speech = service.view().memory
    assert (language.bytes, language.loaded, kv.bytes, kv.loaded) == (500, True, 70, True)
    assert "INT8" in language.reason.english()
    assert all(part.reason.english() for part in (images, speech))


def test_the_log_is_bounded() -> None:
    service = service_at(Clock())
    for number in range(3 * LOG_LINES):
        service.set_battery(0.8 if number % 2 else 0.1)
    assert len(service.view().log) == LOG_LINES


def test_the_series_holds_the_last_ten_minutes_in_order() -> None:
    clock = Clock()
    service = service_at(clock)
    assert len(service.series().time_s) == 0
    pass_time(service, clock, 3)
    snapshot = service.view().snapshot
    history = History()
    for number in range(13_500):
        history.add(number * 0.09, snapshot, Tier.INT8)
    series = history.series()
    assert len(series.time_s) == len(history) == 6000
    assert series.time_s == pytest.approx([number * 0.09 for number in range(7500, 13_500)])
    for number in range(300):
        history.add(2000.0 + number, snapshot, Tier.INT4)
    assert history.series().time_s[0] >= 2299.0 - 600.0, "rows that are older than the span are not shown"
    parts = (
        series.idle_w, series.screen_w, series.radio_w, series.decode_w, series.prefill_w, series.vision_w,
        series.speech_w, series.loading_w,
    )  # fmt: skip
    assert sum(float(part[-1]) for part in parts) == pytest.approx(1.1, rel=1e-6)
    assert float(series.cell_w[-1]) == pytest.approx(1.1, rel=0.05)
    assert set(series.tier.tolist()) == {1.0}


def test_the_series_shows_the_decoding() -> None:
    clock = Clock()
    service = service_at(clock)
    take_turn(service, Tier.FP16)
    pass_time(service, clock, 3, 0.1)
    series = service.series()
    assert series.decode_w.max() == pytest.approx(4.5, rel=0.05)
    assert series.decode_w[-1] == 0.0
    assert set(series.tier.tolist()) == {0.0}


def test_the_thread_beats_for_watchers_and_ends() -> None:
    service = EnergyService(settings=Settings())
    seen: list[EnergyView] = []
    enough = threading.Event()

    def look(view: EnergyView) -> None:
        seen.append(view)
        assert threading.current_thread().name == "energy"
        if len(seen) >= 4:
            enough.set()

    def fail(_: EnergyView) -> None:
        raise RuntimeError("a watcher's fault")

    service.start()
    service.start()
    assert service.view().computer.battery.reason is not None
    end_faulty, end = service.watch(fail, fast=True), service.watch(look, fast=True)
    assert enough.wait(10.0)
    end()
    end_faulty()
    service.set_battery(0.3)
    service.close()
    service.close()
    assert seen[-1].snapshot.state.time_s > seen[0].snapshot.state.time_s
    assert not any(thread.name == "energy" for thread in threading.enumerate())


def test_slow_watchers_hear_once_a_second_and_fast_ones_at_every_beat() -> None:
    clock = Clock()
    service = service_at(clock)
    fast: list[EnergyView] = []
    slow: list[EnergyView] = []
    service.watch(slow.append, fast=False)
    assert service.beat() == 1.0
    end = service.watch(fast.append, fast=True)
    for _ in range(30):
        clock.now_s += 0.1
        assert service.beat() == 0.1
    assert len(fast) == 30
    assert len(slow) == 4
    end()
    clock.now_s += 0.1
    assert service.beat() == 1.0
    assert len(fast) == 30


def test_the_sensors_rest_while_nobody_looks() -> None:
    card = Card()
    clock = Clock()
    service = service_at(clock, gpu=card)
    pass_time(service, clock, 5)
    card.celsius = 99.0
    assert service.view().computer.gpu_temp.value == 99.0
    card.celsius = 40.0
    service.beat()
    assert service.view().computer.gpu_temp.value == 99.0, "a reading is a second old at most"
    clock.now_s += 1.0
    assert service.view().computer.gpu_temp.value == 40.0
