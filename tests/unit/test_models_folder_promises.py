"""What is found out about a folder before it is added: everything that would fail later."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from autoglm_desktop.core.errors import ErrorCode
from autoglm_desktop.models.chat_format import CHATML
from autoglm_desktop.models.convert import convert
from autoglm_desktop.models.progress import silent
from tests.helpers.adding import add, refusal
from tests.helpers.tiny_gguf import TOKENS, write_tiny_gguf

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    write_tiny_gguf(tmp_path / "source.gguf")
    convert(tmp_path / "source.gguf", folder, silent())
    _store(folder, load_as_f16(folder))
    return folder


def load_as_f16(folder: Path) -> dict[str, Any]:
    from autoglm_desktop.models.safetensors_file import tensors

    return {name: tensor.values().astype(np.float16) for name, tensor in tensors(folder).items()}


def _store(folder: Path, tensors: dict[str, Any], name: str = WEIGHTS) -> None:
    save_file(tensors, folder / name)


def edit(folder: Path, name: str, **changes: Any) -> None:
    held = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(held | changes))


def test_every_missing_weight_is_named(folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    for name in [name for name in tensors if ".0." not in name]:
        _store(folder, {other: value for other, value in tensors.items() if other != name})
        report = refusal(folder, tmp_path / "data")
        assert (report.code, f"“{name}”" in report.line()) == (ErrorCode.WEIGHTS_CORRUPT, True)
        assert "Fetch it again" not in report.line()


def test_a_misshapen_weight_and_one_of_an_unreadable_type_are_named(folder: Path, tmp_path: Path) -> None:
    tensors, name = load_file(folder / WEIGHTS), "model.layers.1.mlp.gate_proj.weight"
    _store(folder, tensors | {name: np.zeros((3, 64), np.float16)})
    assert f"“{name}” have the shape 3 × 64" in refusal(folder, tmp_path / "data").line()
    _store(folder, tensors | {name: np.zeros(tensors[name].shape, np.int8)})
    report = refusal(folder, tmp_path / "data")
    assert (report.code, "of type I8" in report.line()) == (ErrorCode.UNSUPPORTED_ARCHITECTURE, True)


def test_surplus_weights_do_no_harm(folder: Path, tmp_path: Path) -> None:
    _store(folder, load_file(folder / WEIGHTS) | {"visual.x": np.zeros(3, np.int8)})
    add(folder, tmp_path / "data")


def _shards(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    weight_map: dict[str, str] = {}
    for index, shard in enumerate(names):
        held = {name: tensors[name] for name in sorted(tensors)[index :: len(names)]}
        _store(folder, held, shard)
        weight_map |= dict.fromkeys(held, shard)
    return weight_map


COUNTED = tuple(f"model-{number:05d}-of-00003.safetensors" for number in (1, 2, 3))


@pytest.mark.parametrize("names", [COUNTED, ("a.safetensors", "b.safetensors"), ("MODEL.SAFETENSORS",)])
@pytest.mark.parametrize("indexed", [True, False])
def test_weights_in_shards_are_added_with_an_index_or_without(
    folder: Path, tmp_path: Path, names: tuple[str, ...], indexed: bool
) -> None:
    weight_map = _shards(folder, names)
    if indexed:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
        _store(folder, {"other": np.zeros(1)}, "consolidated.safetensors")
    add(folder, tmp_path / "data")
    assert not (tmp_path / "data" / "models" / "added" / "consolidated.safetensors").exists()


@pytest.mark.parametrize("indexed", [True, False])
def test_a_missing_shard_is_named(folder: Path, tmp_path: Path, indexed: bool) -> None:
    weight_map = _shards(folder, COUNTED)
    if indexed:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / COUNTED[1]).unlink()
    line = refusal(folder, tmp_path / "data").line()
    assert COUNTED[1] in line if indexed else "is part 1 of 3; part 2 is missing" in line


@pytest.mark.parametrize(
    "index", ["", "[]", "{}", '{"weight_map": 5}', '{"weight_map": {"a": "../x.safetensors"}}', '{"a":' * 100_000]
)
def test_an_index_that_is_none_is_refused(folder: Path, tmp_path: Path, index: str) -> None:
    (folder / "model.safetensors.index.json").write_text(index)
    assert refusal(folder, tmp_path / "data").code is ErrorCode.BAD_INPUT


def test_the_template_is_taken_from_each_of_its_places(folder: Path, tmp_path: Path) -> None:
    own = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    places: list[tuple[str, dict[str, Any]]] = [
        ("tokenizer_config.json", {"chat_template": own}),
        ("tokenizer_config.json", {"chat_template": [{"name": "default", "template": own}]}),
        ("chat_template.json", {"chat_template": own}),
    ]
    for number, (name, changes) in enumerate(places):
        before = (folder / name).read_text() if (folder / name).exists() else None
        (folder / name).write_text(json.dumps((json.loads(before) if before else {}) | changes))
        assert add(folder, tmp_path / f"data{number}").chat_template == "own"
        (folder / name).unlink() if before is None else (folder / name).write_text(before)


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_without_a_template_chatml_is_used(folder: Path, tmp_path: Path, text: str | None) -> None:
    (folder / "chat_template.jinja").unlink()
    if text is not None:
        (folder / "chat_template.jinja").write_text(text)
    assert add(folder, tmp_path / "data").chat_template == "chatml"
    assert (tmp_path / "data" / "models" / "added" / "chat_template.jinja").read_text() == CHATML


def test_without_a_template_and_marks_it_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace("im_start", "in_start"))
    report = refusal(folder, tmp_path / "data")
    assert (report.code, "ChatML" in report.line()) == (ErrorCode.TEMPLATE_BROKEN, True)


_ENDLESS = b"{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
_DEEP = b"{% if 1 %}" * 200 + b"{% endif %}" * 200


@pytest.mark.parametrize(
    "content",
    [
        b"{% for %}",
        b"{{ x | nosuch }}",
        b"\xff\xff",
        b"{{ raise_exception('no') }}",
        b"{{ nosuch.a.b }}",
        _ENDLESS,
        _DEEP,
    ],
)
def test_a_broken_template_is_refused(folder: Path, tmp_path: Path, content: bytes) -> None:
    (folder / "chat_template.jinja").write_bytes(content)
    assert refusal(folder, tmp_path / "data").code is ErrorCode.TEMPLATE_BROKEN


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_position_embeddings", "abc"), ("max_position_embeddings", 0), ("max_position_embeddings", 10**400),
        ("num_hidden_layers", 2**31), ("num_hidden_layers", -1), ("num_hidden_layers", True), ("head_dim", 7),
        ("num_attention_heads", 0), ("num_attention_heads", [4]), ("num_key_value_heads", 3), ("hidden_size", 1.5),
        ("vocab_size", len(TOKENS) - 1), ("vocab_size", len(TOKENS) + 1), ("rms_norm_eps", float("nan")),
        ("rope_theta", float("inf")), ("eos_token_id", "x"), ("eos_token_id", [None]), ("rope_parameters", "x"),
        ("rope_parameters", {"rope_type": "longrope"}), ("tie_word_embeddings", "no"), ("hidden_act", "gelu"),
        ("quantization_config", {"quant_method": "gptq"}), ("layer_types", ["sliding_attention"]),
    ],
)  # fmt: skip
def test_an_impossible_figure_is_refused(folder: Path, tmp_path: Path, key: str, value: object) -> None:
    if key == "rope_theta":
        edit(folder, "config.json", rope_parameters={})
    edit(folder, "config.json", **{key: value})
    report = refusal(folder, tmp_path / "data")
    assert report.code in (ErrorCode.WEIGHTS_CORRUPT, ErrorCode.UNSUPPORTED_ARCHITECTURE)
    assert "Fetch it again" not in report.line()


def test_text_that_cannot_be_shown_is_refused(folder: Path, tmp_path: Path) -> None:
    edit(folder, "config.json", model_type="\ud800")
    report = refusal(folder, tmp_path / "data")
    assert (report.code, report.line().encode() != b"") == (ErrorCode.BAD_INPUT, True)


HEADERS: dict[str, bytes] = {
    "a length beyond the file": struct.pack("<Q", 2**63),
    "a length of zero": struct.pack("<Q", 0),
    "deeply nested": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "no tensors": struct.pack("<Q", 2) + b"{}",
    "not an entry": struct.pack("<Q", 7) + b'{"a":5}',
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_hostile_safetensors_are_refused(folder: Path, tmp_path: Path, content: bytes) -> None:
    (folder / WEIGHTS).write_bytes(content)
    assert refusal(folder, tmp_path / "data").code is ErrorCode.WEIGHTS_CORRUPT


def test_overlapping_tensors_are_refused(folder: Path, tmp_path: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    same = header["model.layers.0.mlp.up_proj.weight"]["data_offsets"]
    header["model.layers.0.mlp.gate_proj.weight"]["data_offsets"] = same
    made = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(made)) + made + content[8 + length :])
    assert "complete safetensors" in refusal(folder, tmp_path / "data").line()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


SPECIAL: dict[str, Callable[[Path], object]] = {
    "pipe": _pipe,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "nowhere": lambda path: path.symlink_to("/nonexistent/file"),
    "itself": lambda path: path.symlink_to(path),
    "folder": Path.mkdir,
}


@pytest.mark.parametrize("make", SPECIAL.values(), ids=SPECIAL)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", WEIGHTS, "tokenizer_config.json", "x.gguf"])
def test_what_is_no_file_is_refused_and_never_waited_for(
    folder: Path, tmp_path: Path, make: Callable[[Path], object], name: str
) -> None:
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    given = folder / name if name == "x.gguf" else folder
    if name == "tokenizer_config.json":  # a model needs none
        add(given, tmp_path / "data")
    else:
        assert refusal(given, tmp_path / "data").code is ErrorCode.BAD_INPUT


def test_links_to_files_are_followed_as_the_hub_keeps_its_snapshots(folder: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for path in folder.iterdir():
        (snapshot / path.name).symlink_to(path)
    add(snapshot, tmp_path / "data")


def test_a_large_tree_is_answered_from_its_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "home" / "deep" / "model.bin").write_bytes(b"x")
    looked_at, real = [], os.scandir

    def watched(path: Path) -> object:
        looked_at.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", watched)
    monkeypatch.setattr(Path, "rglob", lambda *_: pytest.fail("a deep scan"))
    from autoglm_desktop.core.errors import AppError
    from autoglm_desktop.models.library import ModelLibrary

    for path in (tmp_path / "home", Path("/")):
        with pytest.raises(AppError) as caught:
            ModelLibrary(tmp_path / "data").add(path)
        assert "does not hold a model" in caught.value.report.line()
    assert set(looked_at) <= {tmp_path / "home", Path("/")}


def test_an_adapter_alone_is_named(tmp_path: Path) -> None:
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "adapter_config.json").write_text("{}")
    _store(tmp_path / "lora", {"x": np.zeros(1)}, "adapter_model.safetensors")
    assert "LoRA" in refusal(tmp_path / "lora", tmp_path / "data").line()
