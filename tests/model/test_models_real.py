"""Real pulls: the masters are what transformers makes of the same GGUF files, and llama.cpp agrees."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from autoglm_desktop.models import safetensors_file
from autoglm_desktop.models.export import write_gguf_q8_0
from autoglm_desktop.models.library import ModelLibrary
from tests.helpers.real_models import QWEN, SMOLLM, real_model

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]
both = pytest.mark.parametrize("model_id", [SMOLLM, QWEN])

TEXTS = [
    "hello world, I'LL say: don't we've",
    "你是谁？我叫小明，住在北京。今天天气很好！",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
    "def f(x):\n\treturn x * 2  # comment\n\n\n    if (a==b) {};\r\n",
    "🎉👨‍👩‍👧 naïve café Ünïcode Ελληνικά עברית العربية ไทย",
    "   leading, trailing   \t \n ",
    "",
]
DIGITS = ["x = 12345  67\n\n   3.1415 a1b2", "2026-11-22 08:00", "  42", "价格是 1999 元"]


def _run(module: str, path: Path, texts: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.helpers.{module}", str(path)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _gguf(shared_data_dir: Path, model_id: str) -> Path:
    found = ModelLibrary(shared_data_dir).gguf(model_id)
    assert found is not None
    return found


@both
def test_a_pulled_model_verifies(shared_data_dir: Path, model_id: str) -> None:
    real_model(shared_data_dir, model_id)
    ModelLibrary(shared_data_dir).verify(model_id)


@both
def test_the_master_is_bit_for_bit_what_transformers_reads(shared_data_dir: Path, model_id: str) -> None:
    folder = real_model(shared_data_dir, model_id)
    theirs = _run("gguf_reference", _gguf(shared_data_dir, model_id), TEXTS)
    assert _hashes(folder) == theirs["tensors"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS] == theirs["ids"]
    ours = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    same = {key for key in ours if key in theirs["config"] and key not in ("dtype", "architectures")}
    assert {key: ours[key] for key in same} == {key: theirs["config"][key] for key in same}
    assert {"rope_parameters", "rms_norm_eps", "num_key_value_heads", "eos_token_id"} <= same


@both
def test_llama_cpp_splits_text_alike_and_runs_the_export(shared_data_dir: Path, model_id: str, tmp_path: Path) -> None:
    """Digits are compared here: transformers' reading of a GGUF file does not split them as the publisher does."""
    folder = real_model(shared_data_dir, model_id)
    write_gguf_q8_0(folder, tmp_path / "q8.gguf")
    exported = _run("llama_cpp_reference", tmp_path / "q8.gguf", TEXTS + DIGITS)
    original = _run("llama_cpp_reference", _gguf(shared_data_dir, model_id), TEXTS + DIGITS)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ours = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS + DIGITS]
    assert ours == original["ids"] == exported["ids"]
    assert "Paris" in exported["answer"]


def _hashes(folder: Path) -> dict[str, str]:
    found = {}
    for name, tensor in safetensors_file.tensors(folder).items():
        assert tensor.dtype == "BF16"
        found[name] = hashlib.sha256(tensor.raw().tobytes()).hexdigest()
    return found
