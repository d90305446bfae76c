"""GGUF to the Hugging Face layout and back, on tiny files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tokenizers import Tokenizer

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.models import safetensors_file
from autoglm_desktop.models.bf16 import from_bf16, to_bf16
from autoglm_desktop.models.convert import convert, master_bytes
from autoglm_desktop.models.export import write_gguf_q8_0
from autoglm_desktop.models.gguf_file import GgufFile
from autoglm_desktop.models.progress import Monitor, PullProgress, PullStage, silent
from tests.helpers.raw_gguf import raw_tiny_gguf, u32
from tests.helpers.tiny_gguf import HEADS, HIDDEN, KV_HEADS, LAYERS, TEMPLATE, TOKENS, write_tiny_gguf

ARCHITECTURES = ["llama", "qwen2", "qwen3"]


def _converted(tmp_path: Path, architecture: str = "qwen2", **options: Any) -> Path:
    write_tiny_gguf(tmp_path / "m.gguf", architecture, **options)
    folder = tmp_path / "hf"
    folder.mkdir()
    convert(tmp_path / "m.gguf", folder, silent())
    return folder


def _config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_tensor_arrives_rounded_to_bf16(tmp_path: Path, architecture: str) -> None:
    given = write_tiny_gguf(tmp_path / "copy.gguf", architecture)
    found = safetensors_file.tensors(_converted(tmp_path, architecture))
    assert len(found) == len(given)
    assert {tensor.dtype for tensor in found.values()} == {"BF16"}
    for ours, theirs in (
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight"),
        ("model.norm.weight", "output_norm.weight"),
    ):
        assert np.array_equal(found[ours].values(), from_bf16(to_bf16(given[theirs])))


def test_llama_rows_are_put_back_into_halves(tmp_path: Path) -> None:
    given = write_tiny_gguf(tmp_path / "copy.gguf", "llama")["blk.0.attn_k.weight"]
    found = safetensors_file.tensors(_converted(tmp_path, "llama"))["model.layers.0.self_attn.k_proj.weight"].values()
    halves = given.reshape(KV_HEADS, HIDDEN // HEADS // 2, 2, HIDDEN).transpose(0, 2, 1, 3).reshape(given.shape)
    assert np.array_equal(found, from_bf16(to_bf16(halves)))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_configuration_says_what_the_file_says(tmp_path: Path, architecture: str) -> None:
    folder = _converted(tmp_path, architecture)
    config = _config(folder)
    assert config["model_type"] == architecture
    assert (config["num_hidden_layers"], config["hidden_size"], config["head_dim"]) == (LAYERS, HIDDEN, HIDDEN // HEADS)
    assert config["tie_word_embeddings"] is True
    assert config["vocab_size"] == len(TOKENS)
    assert config["rope_parameters"] == {"rope_type": "default", "rope_theta": 10_000.0}
    ends = _config(folder, "generation_config.json")["eos_token_id"]
    assert ends == [TOKENS.index("<|im_end|>"), TOKENS.index("<|endoftext|>")]
    assert (folder / "chat_template.jinja").read_text(encoding="utf-8") == TEMPLATE


def test_the_tokenizer_matches_special_and_added_tokens_whole(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(_converted(tmp_path) / "tokenizer.json"))
    encoded = tokenizer.encode("<|im_start|>hello<tool>hex")
    assert encoded.tokens == ["<|im_start|>", "hello", "<tool>", "he", "x"]
    assert tokenizer.decode(encoded.ids, skip_special_tokens=True) == "hello<tool>hex"


def test_progress_counts_the_bytes_of_the_master(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "m.gguf")
    told: list[PullProgress] = []
    convert(tmp_path / "m.gguf", tmp_path, Monitor(told.append, lambda: False))
    assert {progress.stage for progress in told} == {PullStage.CONVERTING}
    assert told[-1].done_bytes == told[-1].total_bytes == master_bytes(tmp_path / "m.gguf")


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ({"architecture": "gemma"}, ErrorCode.UNSUPPORTED_ARCHITECTURE, "gemma"),
        ({"pre": "tekken"}, ErrorCode.UNSUPPORTED_ARCHITECTURE, "tekken"),
        ({"tokenizer_model": "llama"}, ErrorCode.UNSUPPORTED_ARCHITECTURE, "byte-level BPE"),
        ({"scaling": "yarn"}, ErrorCode.UNSUPPORTED_ARCHITECTURE, "yarn"),
        ({"drop": "blk.1.attn_v"}, ErrorCode.WEIGHTS_CORRUPT, "v_proj"),
        ({"drop": "blk.1"}, ErrorCode.WEIGHTS_CORRUPT, "layers.1"),
        (
            {"extra": {"blk.0.ffn_gate_exps.weight": np.zeros((4, 8), np.float32)}},
            ErrorCode.UNSUPPORTED_ARCHITECTURE,
            "ffn_gate_exps",
        ),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
def test_what_cannot_be_converted_is_named(tmp_path: Path, options: dict[str, Any], code: ErrorCode, told: str) -> None:
    with pytest.raises(AppError) as caught:
        _converted(tmp_path, **options)
    assert caught.value.report.code is code
    assert told in caught.value.report.line()


@pytest.mark.parametrize("keep", [0, 3, 100, 5000, -1])
def test_a_file_cut_short_is_corrupt(tmp_path: Path, keep: int) -> None:
    write_tiny_gguf(tmp_path / "m.gguf")
    content = (tmp_path / "m.gguf").read_bytes()
    (tmp_path / "m.gguf").write_bytes(content[:keep])
    with pytest.raises(AppError) as caught:
        convert(tmp_path / "m.gguf", tmp_path, silent())
    assert caught.value.report.code is ErrorCode.WEIGHTS_CORRUPT


def test_llama3_factors_become_its_constants(tmp_path: Path) -> None:
    half = HIDDEN // HEADS // 2
    wavelengths = 2 * np.pi * 10_000.0 ** (np.arange(half) / half)
    smooth = (8192 / wavelengths - 1.0) / 3.0
    factors = np.where(wavelengths < 2048, 1.0, np.where(wavelengths > 8192, 8.0, 1 / ((1 - smooth) / 8.0 + smooth)))
    folder = _converted(tmp_path, "llama", extra={"rope_freqs.weight": factors.astype(np.float32)})
    rope = _config(folder)["rope_parameters"]
    assert (rope["rope_type"], rope["original_max_position_embeddings"]) == ("llama3", 8192)
    assert rope["factor"] == pytest.approx(8.0)


def test_other_factors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AppError) as caught:
        _converted(tmp_path, "llama", extra={"rope_freqs.weight": np.linspace(1, 9, 8, dtype=np.float32)})
    assert caught.value.report.code is ErrorCode.UNSUPPORTED_ARCHITECTURE


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_export_holds_the_same_model_in_8_bits(tmp_path: Path, architecture: str) -> None:
    folder = _converted(tmp_path, architecture)
    write_gguf_q8_0(folder, tmp_path / "out.gguf")
    before, after = GgufFile(tmp_path / "m.gguf"), GgufFile(tmp_path / "out.gguf")
    assert set(after.tensors) == set(before.tensors)
    assert after.tensors["blk.0.attn_q.weight"].tensor_type == gguf.GGMLQuantizationType.Q8_0
    for name in before.tensors:
        first = np.concatenate([chunk.ravel() for chunk in before.values(name)])
        second = np.concatenate([chunk.ravel() for chunk in after.values(name)])
        assert np.abs(first - second).max() <= np.abs(first).max() * (1 / 254 + 1 / 256 + 1 / 1024), name
    for key in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.merges", "tokenizer.ggml.pre"):
        assert after.get(key) == before.get(key), key
    assert after.of_architecture("attention.head_count_kv") == KV_HEADS


def test_the_export_turns_as_much_of_a_head(tmp_path: Path) -> None:
    raw = raw_tiny_gguf()
    raw.fields["qwen2.rope.dimension_count"] = u32(6)
    folder = tmp_path / "hf"
    folder.mkdir()
    convert(raw.write(tmp_path / "m.gguf"), folder, silent())
    write_gguf_q8_0(folder, tmp_path / "out.gguf")
    assert GgufFile(tmp_path / "out.gguf").of_architecture("rope.dimension_count") == 6


def test_the_export_leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    folder = _converted(tmp_path)
    made = _config(folder, "tokenizer.json")
    made["pre_tokenizer"] = {"type": "Whitespace"}
    (folder / "tokenizer.json").write_text(json.dumps(made))
    with pytest.raises(AppError) as caught:
        write_gguf_q8_0(folder, tmp_path / "out.gguf")
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    assert not list(tmp_path.glob("out*"))
