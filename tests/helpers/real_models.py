"""Real weights for `model` tests: fetched once into the folder that all of them share."""

from __future__ import annotations

from pathlib import Path

from autoglm_desktop.models.library import ModelLibrary

QWEN = "qwen2.5-coder-0.5b-instruct"
SMOLLM = "smollm2-135m-instruct"
WHISPER = "faster-whisper-base"


def real_model(shared_data_dir: Path, model_id: str) -> Path:
    """The folder of an installed model; fetches it when it is not there yet."""
    return Path(ModelLibrary(shared_data_dir).pull(model_id, lambda _: None, lambda: False).folder)
