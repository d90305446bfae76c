"""The start-up lines of `serve`, as the guide has them, at the moments when they become true."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from autoglm_desktop.core.settings import Settings, save_settings
from tests.helpers.command_line import command, environment
from tests.helpers.real_models import SMOLLM, WHISPER
from tests.helpers.services import chat

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

LIMIT_S = 120.0
LINES = (
    r"\[INFO\] Loading .+ model\.\.\.",
    r"\[INFO\] Initializing vision encoder",
    r"\[INFO\] Initializing speech frontend",
    r"\[INFO\] Initializing .+ backbone with KV cache optimization\.\.\.",
    r"\[INFO\] Server running on (http://127\.0\.0\.1:\d+)$",
    r"\[SUCCESS\] .+ service is ready!$",
)


@pytest.fixture
def data_dir(tmp_path: Path, model_folder: Callable[[str], Path]) -> Path:
    folder = tmp_path / "data"
    (folder / "models").mkdir(parents=True)
    for model_id in (SMOLLM, WHISPER):
        (folder / "models" / model_id).symlink_to(model_folder(model_id))
    save_settings(folder / "settings.json", Settings(model_id=SMOLLM))
    return folder


@contextmanager
def started(data_dir: Path) -> Iterator[list[str]]:
    """What `serve` said up to the line that it is ready; it goes on until the end of the block."""
    arguments = ("serve", "--port", "0", "--load", "vision", "--load", "speech", "--phone-control")
    process = subprocess.Popen(command(*arguments), env=environment(data_dir), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        lines: list[str] = []
        while not lines or "[SUCCESS]" not in lines[-1]:
            lines.append(process.stderr.readline().rstrip())
            assert lines[-1], lines
        rest = threading.Thread(target=process.stderr.read)
        rest.start()
        yield lines
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
        rest.join(LIMIT_S)
    finally:
        process.kill()
        process.wait(LIMIT_S)
        process.stderr.close()


def test_the_lines_come_in_the_guides_order_and_ready_means_ready(data_dir: Path) -> None:
    with started(data_dir) as lines:
        found = [line for line in lines if line.startswith(("[INFO]", "[SUCCESS]"))]
        assert len(found) == len(LINES), found
        matches = [re.match(pattern, line) for pattern, line in zip(LINES, found, strict=True)]
        assert all(matches), found
        assert matches[4] is not None
        with httpx.Client(base_url=matches[4][1], timeout=LIMIT_S, trust_env=False) as client:
            health = client.get("/health")
            answer = client.post("/v1/chat/completions", json=chat(max_tokens=4))
            moved = client.put("/v1/energy/phone", json={"battery": 0.5})
    assert (health.status_code, answer.status_code, moved.status_code) == (200, 200, 200)
    assert health.json()["engine"] == "ready", "the first request finds the model loaded"
