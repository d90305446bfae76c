"""Checkpoints that cannot be loaded, and why; configurations in both spellings."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime import memory_check
from autoglm_desktop.engine.runtime.config import read_config
from autoglm_desktop.engine.runtime.decoder import Decoder
from autoglm_desktop.engine.runtime.kv import KvCache
from tests.helpers.checkpoints import write_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path, "qwen2")
    return tmp_path


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def failure(folder: Path, tier: Tier = Tier.FP16) -> ErrorReport:
    with pytest.raises(AppError) as caught:
        Decoder.load(folder, tier, on_progress=lambda _: None)
    return caught.value.report


def test_an_unknown_architecture_names_what_is_supported(folder: Path) -> None:
    edit(folder, model_type="mamba")
    report = failure(folder)
    assert report.code is ErrorCode.UNSUPPORTED_ARCHITECTURE
    assert "mamba" in str(report.cause)
    assert "qwen3" in str(report.next_step)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_act": "gelu"},
        {"use_sliding_window": True, "sliding_window": 32},
        {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}},
    ],
)
def test_what_would_silently_be_computed_wrongly_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    edit(folder, **changes)
    assert failure(folder).code is ErrorCode.UNSUPPORTED_ARCHITECTURE


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b'{"model_type": "qwen2"}'])
def test_a_damaged_configuration_is_told(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    assert failure(folder).code is ErrorCode.WEIGHTS_CORRUPT


def test_an_empty_folder_has_no_model(tmp_path: Path) -> None:
    assert failure(tmp_path).code is ErrorCode.MODEL_MISSING


@pytest.mark.parametrize("kept", [0, 7, 2000, -1])
@pytest.mark.parametrize("tier", list(Tier))
def test_truncated_weights_are_told(folder: Path, kept: int, tier: Tier) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert failure(folder, tier).code is ErrorCode.WEIGHTS_CORRUPT


def test_a_missing_tensor_and_a_wrong_shape_are_told(folder: Path) -> None:
    path, name = folder / "model.safetensors", "model.layers.1.mlp.up_proj.weight"
    tensors = load_file(path)
    save_file(tensors | {name: torch.zeros(3, 64)}, path)
    assert name in failure(folder).details
    del tensors[name]
    save_file(tensors, path)
    assert name in failure(folder).details


def test_pickled_weights_are_refused_unread(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert failure(folder).code is ErrorCode.MODEL_MISSING
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert failure(folder).code is ErrorCode.UNSAFE_CHECKPOINT


def test_shards_are_read_and_a_missing_one_is_told(folder: Path) -> None:
    expected = Decoder.load_reference(folder)
    logits = expected.forward([1, 2, 3], KvCache.create(expected.config, torch.float32))
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, held in shards.items():
        save_file({name: tensors[name] for name in held}, folder / shard)
    weight_map = {name: shard for shard, held in shards.items() for name in held}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    sharded = Decoder.load_reference(folder)
    assert torch.equal(sharded.forward([1, 2, 3], KvCache.create(sharded.config, torch.float32)), logits)
    (folder / "b.safetensors").unlink()
    assert "b.safetensors" in failure(folder).details


def test_both_spellings_of_rope_and_end_tokens(folder: Path) -> None:
    new = read_config(folder)
    raw = json.loads((folder / "config.json").read_text())
    del raw["rope_parameters"]
    raw |= {"rope_theta": 12345.0, "rope_scaling": {"type": "linear", "factor": 2.0}, "eos_token_id": 9}
    (folder / "config.json").write_text(json.dumps(raw))
    (folder / "generation_config.json").unlink(missing_ok=True)
    old = read_config(folder)
    assert (old.rope.theta, old.rope.kind, old.rope.factor, old.eos_token_ids) == (12345.0, "linear", 2.0, (9,))
    assert (new.rope.kind, new.eos_token_ids) == ("default", (3, 7))
    (folder / "generation_config.json").write_text('{"eos_token_id": [1, 2]}')
    assert read_config(folder).eos_token_ids == (1, 2)


def set_free_memory(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=count))


def test_no_memory_for_a_tier_gives_figures_and_the_tier_that_fits(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder, num_hidden_layers=5000)
    config = read_config(folder)
    needs = {tier: memory_check.required_bytes(config, tier) for tier in Tier}
    assert needs[Tier.FP16] > needs[Tier.INT8] > needs[Tier.INT4]
    set_free_memory(monkeypatch, needs[Tier.INT8])
    report = failure(folder)
    assert (report.code, report.suggested_tier) == (ErrorCode.OUT_OF_MEMORY, "int8")
    assert f"{needs[Tier.INT8] / 1e9:.2f}" in str(report.cause)
    set_free_memory(monkeypatch, needs[Tier.INT4] - 1)
    assert failure(folder).suggested_tier is None


def test_a_switch_that_does_not_fit_leaves_the_decoder_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder.load(folder, Tier.FP16, on_progress=lambda _: None)
    cache = KvCache.create(decoder.config)
    expected = decoder.forward([1, 2, 3], cache)
    set_free_memory(monkeypatch, 1)
    with pytest.raises(AppError):
        decoder.switch(Tier.INT8, lambda _: None)
    assert decoder.tier is Tier.FP16
    cache.trim(0)
    assert torch.equal(decoder.forward([1, 2, 3], cache), expected)
