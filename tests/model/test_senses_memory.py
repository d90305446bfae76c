"""What images cost in memory in the real engine process, and that it is given back."""

from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue

import pytest

from autoglm_desktop.core.events import EngineState, EngineStatus, Memory
from autoglm_desktop.core.perception import LookRequest, Modality
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from tests.helpers.screenshots import draw_screen

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]
MB = 1_000_000


def test_an_unloaded_reader_gives_back_its_memory_each_time(tmp_path: Path) -> None:
    draw_screen().save(tmp_path / "screen.png")
    statuses: SimpleQueue[EngineStatus] = SimpleQueue()
    client = EngineClient(EngineOptions(2, 1 << 28, 0, tmp_path / "engine.log"))
    client.watch(statuses.put)

    def ready(*, loaded: bool) -> Memory:
        while True:
            status = statuses.get(timeout=150)
            is_loaded = any(part.loaded for part in status.modalities)
            if status.state is EngineState.READY and is_loaded is loaded and status.memory is not None:
                return status.memory

    try:
        client.load_modality(Modality.VISION)
        loaded = ready(loaded=True)
        (vision,) = client.status().modalities
        assert 40 * MB < vision.bytes_held < 600 * MB
        assert vision.load_s > 0
        client.perceive(LookRequest("a", str(tmp_path / "screen.png")), lambda _: None)
        ready(loaded=True)
        client.unload_modality(Modality.VISION)
        first = ready(loaded=False)
        client.perceive(LookRequest("b", str(tmp_path / "screen.png")), lambda _: None)
        ready(loaded=True)
        client.unload_modality(Modality.VISION)
        second = ready(loaded=False)
    finally:
        client.close()
    assert first.rss_bytes < loaded.rss_bytes - 30 * MB  # its libraries stay mapped
    assert abs(second.rss_bytes - first.rss_bytes) < 40 * MB
