"""``look``, ``transcribe`` and ``doctor`` on the real parts, as a person or a program runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_desktop.core.settings import Settings, load_settings
from autoglm_desktop.ui.paths import DataPaths
from tests.helpers.audio_files import SENTENCES, speak
from tests.helpers.command_line import assert_failed, run
from tests.helpers.real_models import WHISPER, real_model
from tests.helpers.screenshots import LINES, draw_screen

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]

CAPACITY_J = 19.4 * 3600.0
"""Of the phone that the settings begin with."""


@pytest.fixture
def data_dir(shared_data_dir: Path, tmp_path: Path) -> Path:
    """A folder of the test's own, with the shared models."""
    real_model(shared_data_dir, WHISPER)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "models").symlink_to(shared_data_dir / "models")
    return folder


def drained_j(data_dir: Path) -> float:
    """What the simulated phone has spent since the settings were fresh."""
    return (Settings().phone_battery - load_settings(DataPaths(data_dir).settings)[0].phone_battery) * CAPACITY_J


def test_look_prints_what_is_read(data_dir: Path, tmp_path: Path) -> None:
    draw_screen(LINES[:5], size=(900, 300)).save(tmp_path / "screen.png")
    done = run(data_dir, "look", tmp_path / "screen.png", "--json")
    assert done.status == 0, done.err
    found = done.json
    assert {"text_lines", "labels", "width", "height", "seconds"} <= set(found)
    assert (found["width"], found["height"], len(found["text_lines"])) == (900, 300, 5)
    assert found["text_lines"][1]["text"] == LINES[1]
    assert all(set(line) == {"text", "confidence", "box"} for line in found["text_lines"])
    assert found["seconds"] > 0
    assert found["energy"]["joules"] > 0
    assert found["energy"]["label"] in ("measured", "estimated", "simulated")
    assert found["energy"]["phone_joules"] > 0
    assert drained_j(data_dir) > 0.9 * found["energy"]["phone_joules"], "the phone that looked stays drained"


def test_transcribe_prints_what_is_heard(data_dir: Path, tmp_path: Path) -> None:
    path = speak(SENTENCES[3], tmp_path / "sentence.wav")
    done = run(data_dir, "transcribe", path, "--json")
    assert done.status == 0, done.err
    found = done.json
    assert {"text", "language", "duration_s", "seconds", "segments"} <= set(found)
    assert found["energy"]["joules"] > 0
    assert found["energy"]["phone_joules"] > 0
    assert drained_j(data_dir) > 0.9 * found["energy"]["phone_joules"], "the phone that listened stays drained"
    assert (found["language"], "river" in found["text"]) == ("en", True)
    assert all(set(segment) == {"start_s", "end_s", "text"} for segment in found["segments"])
    plain = run(data_dir, "transcribe", path, "--language", "en")
    assert "river" in plain.text


def test_what_cannot_be_heard_is_one_line(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "speech.wav").write_bytes(b"RIFF but nothing else" * 30)
    done = run(data_dir, "transcribe", tmp_path / "speech.wav", "--json")
    assert_failed(done, "speech.wav is not a recording")


def test_the_doctor_looks_at_images_and_speech(shared_data_dir: Path) -> None:
    real_model(shared_data_dir, WHISPER)
    checks = {check["name"]: check for check in run(shared_data_dir, "doctor", "--json").json["checks"]}
    assert checks["speech"]["ok"], checks["speech"]
    assert checks["senses"]["ok"], checks["senses"]
    assert "FFmpeg" in checks["senses"]["detail"]
