"""``chat --audio``: a spoken question, from the recording to the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_desktop.core.settings import SPEECH_MODEL_ID
from tests.helpers.audio_files import speak
from tests.helpers.command_line import assert_failed, run
from tests.helpers.real_models import QWEN, real_model

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]
ASK = ("--tier", "int8", "--temperature", "0", "--max-tokens", "24")


@pytest.fixture
def data_dir(tmp_path: Path, shared_data_dir: Path) -> Path:
    for model_id in (QWEN, SPEECH_MODEL_ID):
        real_model(shared_data_dir, model_id)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "models").symlink_to(shared_data_dir / "models")
    return folder


def test_what_is_said_joins_the_question(data_dir: Path, tmp_path: Path) -> None:
    said = speak("My sister plays the piano and sings in a choir.", tmp_path / "q.wav")
    done = run(data_dir, "chat", "--audio", said, *ASK, "--json", "Which instrument does she play?")
    assert done.status == 0, done.err
    assert "piano" in done.json["transcript"]["text"]
    assert done.json["transcript"]["language"] == "en"
    assert 1.0 < done.json["transcript"]["duration_s"] < 6.0
    assert "piano" in done.json["text"]
    assert "images" not in done.json


def test_a_recording_that_is_none_is_refused_in_one_line(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"RIFF" + bytes(range(100)))
    (tmp_path / "empty.wav").touch()
    assert_failed(run(data_dir, "chat", "--audio", tmp_path / "noise.wav", *ASK), "noise.wav")
    assert_failed(run(data_dir, "chat", "--audio", tmp_path / "empty.wav", *ASK), "empty")
