"""Energy in the real window with the real model: the figures under the answers are what the engine did."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autoglm_desktop.ui.paths import DataPaths
from tests.helpers.display import virtual_display
from tests.helpers.real_models import SMOLLM, real_model

pytestmark = [pytest.mark.window, pytest.mark.model]

LIMIT_S = 240.0

if not (shutil.which("Xvfb") and shutil.which("openbox")):
    pytest.skip("needs Xvfb and openbox", allow_module_level=True)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, shared_data_dir: Path) -> list[dict[str, Any]]:
    """Full charge; 20 %; 70 °C; 70 °C and the same question."""
    real_model(shared_data_dir, SMOLLM)
    folder = tmp_path_factory.mktemp("energy")
    data_dir = folder / "data"
    data_dir.mkdir()
    (data_dir / "models").symlink_to(shared_data_dir / "models")
    settings = {"model_id": SMOLLM, "language": "en", "temperature": 0.0, "max_tokens": 120}
    DataPaths(data_dir).settings.write_text(json.dumps(settings), encoding="utf-8")
    report = folder / "report.json"
    with virtual_display() as display:
        environment = os.environ | {"DISPLAY": display}
        environment.pop("QT_QPA_PLATFORM", None)
        command = [sys.executable, "-m", "tests.helpers.energy_child", str(report), str(folder)]
        done = subprocess.run(
            [*command, "--data-dir", str(data_dir)], env=environment, check=False, timeout=LIMIT_S, capture_output=True
        )
    assert done.returncode == 0, done.stderr.decode()
    assert len(list(folder.glob("answer-*.png"))) == 4
    found: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))
    return found


def _agrees(answer: dict[str, Any]) -> None:
    """The tier and the tokens under the answer are those that the engine tells."""
    usage, footer = answer["usage"], answer["footer"]
    assert footer[0] == usage["tier"].upper() == answer["tier"].upper()
    assert footer[1].startswith(f"{usage['completion_tokens']} tokens · ")
    speed = float(footer[1].rsplit(" · ", 1)[1].removesuffix(" tok/s"))
    assert speed == pytest.approx((usage["completion_tokens"] - 1) / usage["decode_s"], rel=0.1)


def test_the_slider_at_twenty_percent_makes_the_next_answer_in_int4(answers: list[dict[str, Any]]) -> None:
    full, low = answers[0], answers[1]
    assert (full["tier"], low["tier"], low["chosen"]) == ("fp16", "int4", "int4")
    for answer in (full, low):
        _agrees(answer)
    weights = [answer["usage"]["memory"]["weights_bytes"] for answer in (full, low)]
    assert weights[1] < 0.5 * weights[0], "really computed in INT4"
    assert low["usage"]["cached_tokens"] > 0, "the conversation was kept over the switch"
    assert any(word.endswith("J (simulated)") for word in low["footer"])


def test_heat_caps_the_answer_and_the_same_question_comes_from_the_cache(answers: list[dict[str, Any]]) -> None:
    capped, again = answers[2], answers[3]
    assert capped["cap"] == 64
    _agrees(capped)
    assert capped["usage"]["completion_tokens"] <= 64 < answers[1]["usage"]["completion_tokens"]
    assert "capped at 64 tokens" in capped["footer"]
    assert not capped["from_cache"]
    assert again["from_cache"]
    assert "from cache" in again["footer"]
    assert "capped at 64 tokens" not in again["footer"], "nothing bounded it now"
    assert again["text"] == capped["text"]
