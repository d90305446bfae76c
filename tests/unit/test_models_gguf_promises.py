"""What is found out about a GGUF file before it is added: everything that would fail later."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from math import prod
from pathlib import Path

import gguf
import numpy as np
import pytest

from autoglm_desktop.core.errors import ErrorCode
from autoglm_desktop.models.chat_format import CHATML
from autoglm_desktop.models.gguf_file import can_unpack
from tests.helpers import raw_gguf
from tests.helpers.adding import add, refusal
from tests.helpers.raw_gguf import RawGguf, RawTensor, array, raw_tiny_gguf, scalar, text, u32, wide_tiny_gguf
from tests.helpers.tiny_gguf import CONTEXT, HEADS, HIDDEN, LAYERS, TOKENS

TEMPLATE = "tokenizer.chat_template"
Spoil = Callable[[RawGguf], object]


def refused(tmp_path: Path, spoil: Spoil, architecture: str = "qwen2") -> tuple[ErrorCode, str]:
    raw = raw_tiny_gguf(architecture)
    spoil(raw)
    report = refusal(raw.write(tmp_path / "m.gguf"), tmp_path / "data")
    return report.code, report.line()


def added_config(tmp_path: Path, fields: dict[str, bytes], architecture: str = "qwen2") -> dict[str, object]:
    raw = raw_tiny_gguf(architecture)
    raw.fields |= {f"{architecture}.{key}": value for key, value in fields.items()}
    add(raw.write(tmp_path / "m.gguf"), tmp_path / "data")
    config: dict[str, object] = json.loads((tmp_path / "data" / "models" / "added" / "config.json").read_text())
    return config


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("name", ["m.gguf", "UPPER.GGUF", "Mixed.Gguf"])
def test_a_whole_file_is_added_and_loads(tmp_path: Path, architecture: str, name: str) -> None:
    info = add(raw_tiny_gguf(architecture).write(tmp_path / name), tmp_path / "data")
    assert (info.architecture, info.context_tokens, info.chat_template) == (architecture, CONTEXT, "own")
    assert (tmp_path / "data" / "models" / "added" / "model.safetensors").is_file()


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
def test_every_missing_weight_is_named(tmp_path: Path, architecture: str) -> None:
    whole = raw_tiny_gguf(architecture)
    for name in whole.tensors:
        raw = raw_tiny_gguf(architecture)
        del raw.tensors[name]
        report = refusal(raw.write(tmp_path / "m.gguf"), tmp_path / "data")
        assert report.code is ErrorCode.WEIGHTS_CORRUPT
        assert f"“{name}" in report.line()
        assert "Fetch it again" not in report.line()


@pytest.mark.parametrize("name", ["blk.1.ffn_gate.weight", "blk.0.attn_norm.weight", "output_norm.weight"])
def test_a_misshapen_weight_is_named_with_both_shapes(tmp_path: Path, name: str) -> None:
    def spoil(raw: RawGguf) -> None:
        raw.tensors[name].shape = (32, prod(raw.tensors[name].shape) // 32)

    code, line = refused(tmp_path, spoil)
    assert code is ErrorCode.WEIGHTS_CORRUPT
    assert name in line
    assert "32 × " in line


def test_surplus_weights_do_no_harm(tmp_path: Path) -> None:
    raw = raw_tiny_gguf()
    for name in (f"blk.{LAYERS}.ffn_up.weight", "v.patch_embd.weight", "blk.0.attn_rot_embd.weight"):
        raw.tensors[name] = RawTensor((8,), gguf.GGMLQuantizationType.I8, bytes(8))
    add(raw.write(tmp_path / "m.gguf"), tmp_path / "data")


@pytest.mark.parametrize("name", ["blk.0.ffn_gate_exps.weight", "output.bias", "blk.1.attn_q_norm.weight"])
def test_weights_that_would_be_left_out_of_the_computation_are_refused(tmp_path: Path, name: str) -> None:
    code, line = refused(tmp_path, lambda raw: raw.tensors.update({name: RawTensor((16,), 0, bytes(64))}))
    assert code is ErrorCode.UNSUPPORTED_ARCHITECTURE
    assert name in line


@pytest.mark.parametrize("kind", [4, 9, 15, 24, 25, 26, 27, 28, 31, 41, 139, 140, 2**32 - 1])
def test_types_that_cannot_be_read_are_named(tmp_path: Path, kind: int) -> None:
    report = refusal(wide_tiny_gguf(kind, bytes(1 << 20)).write(tmp_path / "m.gguf"), tmp_path / "data")
    assert report.code is ErrorCode.UNSUPPORTED_ARCHITECTURE
    assert f"of type {gguf_name(kind)} (“blk.0.attn_q.weight”)" in report.line()


def test_a_type_that_cannot_be_read_is_named_where_its_size_does_not_fit(tmp_path: Path) -> None:
    code, line = refused(tmp_path, lambda raw: setattr(raw.tensors["blk.0.ffn_up.weight"], "kind", 28))
    assert (code, "of type F64" in line) == (ErrorCode.UNSUPPORTED_ARCHITECTURE, True)


def gguf_name(kind: int) -> str:
    known = {int(member): member.name for member in gguf.GGMLQuantizationType}
    return known.get(kind, str(kind))


READABLE = [kind for kind in gguf.GGMLQuantizationType if can_unpack(int(kind))]


@pytest.mark.parametrize("kind", READABLE, ids=lambda kind: str(kind.name))
def test_every_type_that_can_be_unpacked_is_added(tmp_path: Path, kind: gguf.GGMLQuantizationType) -> None:
    elements, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    raw = wide_tiny_gguf(int(kind), bytes(256 * 256 // elements * n_bytes))
    add(raw.write(tmp_path / "m.gguf"), tmp_path / "data")


def test_a_split_model_is_read_from_any_of_its_parts_and_from_their_folder(tmp_path: Path) -> None:
    parts = _split(tmp_path / "parts", 3)
    for number, path in enumerate([*parts, tmp_path / "parts"]):
        data_dir = tmp_path / f"data{number}"
        add(path, data_dir)
        folder = data_dir / "models" / "added"
        assert {part.name for part in parts} <= {file.name for file in folder.iterdir()}
        assert json.loads((folder / "autoglm.json").read_text())["gguf"] == parts[0].name


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_missing_part_is_told_by_its_number(tmp_path: Path, gone: int) -> None:
    parts = _split(tmp_path / "parts", 3)
    parts[gone].unlink()
    given = 0 if gone else 1
    report = refusal(parts[given], tmp_path / "data")
    assert report.code is ErrorCode.BAD_INPUT
    assert f"is part {given + 1} of 3; part {gone + 1} is missing beside it" in report.line()
    assert refusal(tmp_path / "parts", tmp_path / "data").code is ErrorCode.BAD_INPUT


def test_parts_under_other_names_and_in_another_order_are_told(tmp_path: Path) -> None:
    parts = _split(tmp_path / "parts", 2)
    alone = parts[1].rename(tmp_path / "alone.gguf")
    assert "part 2 of 2" in refusal(alone, tmp_path / "data").line()
    alone.rename(parts[1])
    parts[0].rename(tmp_path / "x")
    parts[1].rename(parts[0])
    (tmp_path / "x").rename(parts[1])
    assert "By its content" in refusal(parts[0], tmp_path / "data").line()


def _split(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    whole = raw_tiny_gguf()
    names = list(whole.tensors)
    paths = []
    for index in range(count):
        fields = whole.fields if index == 0 else {}
        split = {"split.no": scalar(raw_gguf.U16, index), "split.count": scalar(raw_gguf.U16, count)}
        part = RawGguf(fields | split, {name: whole.tensors[name] for name in names[index::count]})
        paths.append(part.write(folder / f"Tiny-Q8-{index + 1:05d}-of-{count:05d}.gguf"))
    return paths


def test_a_folder_with_one_gguf_is_that_model(tmp_path: Path) -> None:
    folder = tmp_path / "Some Model"
    folder.mkdir()
    raw_tiny_gguf().write(folder / "weights-q8.GGUF")
    raw_tiny_gguf().write(folder / "mmproj-weights.gguf")
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("hello")
    add(folder, tmp_path / "data")
    raw_tiny_gguf().write(folder / "another.gguf")
    line = refusal(folder, tmp_path / "other").line()
    assert "another" in line
    assert "weights-q8" in line


def test_without_a_template_chatml_is_used_where_its_marks_are_known_and_that_is_told(tmp_path: Path) -> None:
    raw = raw_tiny_gguf()
    del raw.fields[TEMPLATE]
    info = add(raw.write(tmp_path / "m.gguf"), tmp_path / "data")
    assert info.chat_template == "chatml"
    assert (tmp_path / "data" / "models" / "added" / "chat_template.jinja").read_text() == CHATML


def test_without_a_template_and_without_the_marks_it_is_refused(tmp_path: Path) -> None:
    def spoil(raw: RawGguf) -> None:
        del raw.fields[TEMPLATE]
        other = [token.replace("im_", "on_") for token in TOKENS]
        raw.fields["tokenizer.ggml.tokens"] = array(raw_gguf.STRING, other)

    code, line = refused(tmp_path, spoil)
    assert code is ErrorCode.TEMPLATE_BROKEN
    assert "ChatML" in line


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}", "{{ messages | nosuchfilter }}", "{% nosuchtag %}", "{{ (", b"\xff\xfe",
        "{% for a in b %}" * 30 + "{% endfor %}" * 30, "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{% break %}",
    ],
)  # fmt: skip
def test_a_template_that_does_not_compile_is_refused(tmp_path: Path, source: str | bytes) -> None:
    code, line = refused(tmp_path, lambda raw: raw.fields.update({TEMPLATE: text(source)}))
    assert code is ErrorCode.TEMPLATE_BROKEN
    assert "jinja" not in line.lower()


@pytest.mark.parametrize(
    "source", ["{{ 9 ** 9 ** 9 ** 9 }}", "{{ 'a' | center(10 ** 12) }}", "{% set x = 'a' * 9 ** 14 %}"]
)
def test_checking_a_template_computes_nothing_of_it(tmp_path: Path, source: str) -> None:
    raw = raw_tiny_gguf()
    raw.fields[TEMPLATE] = text("{% if false %}" + source + "{% endif %}x")
    path = raw.write(tmp_path / "m.gguf")
    from autoglm_desktop.models.gguf_model import read_gguf

    assert read_gguf(path).own_template


FIELDS = {
    "block_count": [u32(0), u32(2**31), u32(LAYERS + 1), text("2"), scalar(raw_gguf.F32, 2.0), array(4, [2, 3])],
    "context_length": [u32(0), u32(2**32 - 1), scalar(raw_gguf.I32, -1), text("abc"), array(4, [])],
    "embedding_length": [u32(0), u32(HIDDEN - 1), u32(2**30), scalar(raw_gguf.BOOL, 1)],
    "feed_forward_length": [u32(0), u32(1), array(4, [96, 97])],
    "attention.head_count": [u32(0), u32(3), u32(2**31), scalar(raw_gguf.I64, -4)],
    "attention.head_count_kv": [u32(3), u32(8), array(4, [2, 1])],
    "attention.key_length": [u32(1), u32(15), u32(2**31)],
    "attention.value_length": [u32(8)],
    "attention.layer_norm_rms_epsilon": [scalar(raw_gguf.F32, x) for x in (float("nan"), float("inf"), -1.0, 2.0)],
    "rope.freq_base": [scalar(raw_gguf.F32, x) for x in (float("nan"), float("inf"), 0.5, -1.0)] + [text("x")],
    "rope.dimension_count": [u32(0), u32(3), u32(HIDDEN), scalar(raw_gguf.F32, 8.0)],
    "expert_count": [u32(8)],
    "attention.causal": [scalar(raw_gguf.BOOL, 0)],
    "final_logit_softcapping": [scalar(raw_gguf.F32, 30.0)],
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in FIELDS.items() for value in values])
def test_an_impossible_figure_is_refused_by_its_name(tmp_path: Path, key: str, value: bytes) -> None:
    code, line = refused(tmp_path, lambda raw: raw.fields.update({f"qwen2.{key}": value}))
    assert code in (ErrorCode.WEIGHTS_CORRUPT, ErrorCode.UNSUPPORTED_ARCHITECTURE)
    assert "Fetch it again" not in line
    in_shape = "has the shape" in line or "have the shape" in line or "lacks" in line
    assert key in line or key == "attention.value_length" or in_shape


@pytest.mark.parametrize(
    "key", ["block_count", "context_length", "embedding_length", "attention.layer_norm_rms_epsilon"]
)
def test_a_missing_figure_is_named(tmp_path: Path, key: str) -> None:
    code, line = refused(tmp_path, lambda raw: raw.fields.pop(f"qwen2.{key}"))
    assert (code, key in line) == (ErrorCode.WEIGHTS_CORRUPT, True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("merges", array(raw_gguf.STRING, ["q nosuchtoken"])),
        ("merges", array(raw_gguf.STRING, ["hello"])),
        ("merges", array(raw_gguf.STRING, ["h e l"])),
        ("merges", array(raw_gguf.STRING, [b"h \xff"])),
        ("merges", array(raw_gguf.ARRAY, [array(raw_gguf.STRING, ["h e"])[4:]])),
        ("merges", None),
        ("tokens", array(raw_gguf.STRING, [*TOKENS, "one too many"])),
        ("tokens", array(raw_gguf.STRING, [])),
        ("tokens", array(raw_gguf.U32, range(len(TOKENS)))),
        ("tokens", text("abc")),
        ("tokens", None),
        ("token_type", array(raw_gguf.I32, [1])),
        ("token_type", array(raw_gguf.STRING, ["a"] * len(TOKENS))),
    ],
)
def test_a_tokenizer_that_cannot_be_is_refused(tmp_path: Path, key: str, value: bytes | None) -> None:
    def spoil(raw: RawGguf) -> None:
        raw.fields.pop(f"tokenizer.ggml.{key}")
        if value is not None:
            raw.fields[f"tokenizer.ggml.{key}"] = value

    code, line = refused(tmp_path, spoil)
    assert code is ErrorCode.WEIGHTS_CORRUPT
    assert f"tokenizer.ggml.{key}" in line or "tokenizer.ggml.token_type" in line


def test_types_of_tokens_may_be_missing_and_special_ids_may_be_none(tmp_path: Path) -> None:
    raw = raw_tiny_gguf()
    del raw.fields["tokenizer.ggml.token_type"]
    raw.fields["tokenizer.ggml.eos_token_id"] = u32(2**32 - 1)
    raw.fields["tokenizer.ggml.padding_token_id"] = text("abc")
    add(raw.write(tmp_path / "m.gguf"), tmp_path / "data")


def test_scaled_positions_are_taken_over(tmp_path: Path) -> None:
    kind, factor = "rope.scaling.type", {"rope.scaling.factor": scalar(raw_gguf.F32, 4.0)}
    linear = added_config(tmp_path / "a", factor | {kind: text("linear")})
    assert linear["rope_parameters"] == {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
    assert added_config(tmp_path / "b", factor)["rope_parameters"] == linear["rope_parameters"]
    plain = added_config(tmp_path / "c", factor | {kind: text("none")})
    assert plain["rope_parameters"] == {"rope_type": "default", "rope_theta": 10_000.0}
    original = {"rope.scaling.original_context_length": u32(32), "rope.scaling.attn_factor": scalar(raw_gguf.F32, 0.5)}
    yarn = added_config(tmp_path / "d", factor | original | {kind: text("yarn")})["rope_parameters"]
    assert isinstance(yarn, dict)
    assert (yarn["rope_type"], yarn["factor"], yarn["original_max_position_embeddings"]) == ("yarn", 4.0, 32)
    assert yarn["attention_factor"] == pytest.approx(0.5 * (0.1 * np.log(4.0) + 1.0))


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
def test_heads_that_turn_in_part_do_so(tmp_path: Path, architecture: str) -> None:
    config = added_config(tmp_path, {"rope.dimension_count": u32(6)}, architecture)
    assert config["partial_rotary_factor"] == 6 / (HIDDEN // HEADS)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"rope.scaling.type": text("yarn")}, "yarn"),
        ({"rope.scaling.type": text("longrope")}, "longrope"),
        ({"rope.scaling.type": text("dynamic")}, "dynamic"),
        ({"rope.scaling.type": u32(7)}, "7"),
        ({"rope.scaling.type": text("linear"), "rope.scaling.factor": scalar(raw_gguf.F32, 0.5)}, "scaling.factor"),
        ({"rope.scaling.type": text("linear"), "rope.scaling.factor": text("abc")}, "scaling.factor"),
        (
            {
                "rope.scaling.type": text("yarn"),
                "rope.scaling.factor": scalar(raw_gguf.F32, 4.0),
                "rope.scaling.yarn_log_multiplier": scalar(raw_gguf.F32, 0.1),
            },
            "yarn_log_multiplier",
        ),
    ],
)
def test_scaled_positions_that_are_not_known_are_named(tmp_path: Path, fields: dict[str, bytes], told: str) -> None:
    code, line = refused(
        tmp_path, lambda raw: raw.fields.update({f"qwen2.{key}": value for key, value in fields.items()})
    )
    assert code in (ErrorCode.UNSUPPORTED_ARCHITECTURE, ErrorCode.WEIGHTS_CORRUPT)
    assert told in line


def test_long_factors_and_parts_of_interleaved_heads_are_refused(tmp_path: Path) -> None:
    code, line = refused(
        tmp_path, lambda raw: raw.tensors.update({"rope_factors_long.weight": RawTensor((8,), 0, bytes(32))})
    )
    assert (code, "longrope" in line) == (ErrorCode.UNSUPPORTED_ARCHITECTURE, True)
    code, line = refused(tmp_path, lambda raw: raw.fields.update({"llama.rope.dimension_count": u32(8)}), "llama")
    assert (code, "rope.dimension_count" in line) == (ErrorCode.UNSUPPORTED_ARCHITECTURE, True)


def _all_at_the_start(raw: RawGguf) -> None:
    for tensor in raw.tensors.values():
        tensor.offset = 0


HOSTILE: dict[str, Spoil] = {
    "2³¹ blocks": lambda raw: raw.fields.update({"qwen2.block_count": u32(2**31)}),
    "2⁶³ fields": lambda raw: setattr(raw, "n_fields", 2**63),
    "2⁶³ tensors": lambda raw: setattr(raw, "n_tensors", 2**63),
    "2⁶⁰ strings": lambda raw: raw.fields.update({"x": array(raw_gguf.STRING, [], 2**60)}),
    "2⁶⁰ numbers": lambda raw: raw.fields.update({"x": array(raw_gguf.F64, [], 2**60)}),
    "arrays in arrays": lambda raw: raw.fields.update({"x": struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 10_000}),
    "2⁴⁰ rows": lambda raw: setattr(raw.tensors["token_embd.weight"], "shape", (2**40, HIDDEN)),
    "2⁶³ × 2⁶³": lambda raw: setattr(raw.tensors["token_embd.weight"], "shape", (2**63, 2**63)),
    "no rows": lambda raw: setattr(raw.tensors["token_embd.weight"], "shape", (0, HIDDEN)),
    "one place for all": _all_at_the_start,
    "far away": lambda raw: setattr(raw.tensors["token_embd.weight"], "offset", 2**63),
    "crooked": lambda raw: raw.fields.update({"general.alignment": u32(3)}),
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE)
def test_hostile_counts_take_no_memory(tmp_path: Path, spoil: Spoil) -> None:
    """In a process that may have little: 64 MiB more than what it holds before it looks."""
    raw = raw_tiny_gguf()
    spoil(raw)
    path = raw.write(tmp_path / "m.gguf")
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path), str(tmp_path / "data")], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "weights_corrupt", done.stderr


_LIMITED = """
import resource, sys
from pathlib import Path
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.models import gguf_model, install
from autoglm_desktop.models.library import ModelLibrary
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + (64 << 20),) * 2)
try:
    ModelLibrary(Path(sys.argv[2])).add(Path(sys.argv[1]))
except AppError as error:
    print(error.report.code)
"""


@pytest.mark.parametrize(
    ("version", "code"),
    [(1, ErrorCode.UNSUPPORTED_ARCHITECTURE), (4, ErrorCode.UNSUPPORTED_ARCHITECTURE), (0, ErrorCode.WEIGHTS_CORRUPT),
     (3 << 24, ErrorCode.UNSUPPORTED_ARCHITECTURE), (2**31, ErrorCode.WEIGHTS_CORRUPT)],
)  # fmt: skip
def test_versions_of_the_format(tmp_path: Path, version: int, code: ErrorCode) -> None:
    assert refused(tmp_path, lambda raw: setattr(raw, "version", version))[0] is code


def test_weights_that_are_no_numbers_are_found_while_they_are_converted(tmp_path: Path) -> None:
    raw = raw_tiny_gguf()
    raw.tensors["blk.0.ffn_up.weight"].data = b"\xff" * len(raw.tensors["blk.0.ffn_up.weight"].data)
    raw.write(tmp_path / "m.gguf")
    from autoglm_desktop.core.errors import AppError
    from autoglm_desktop.models.library import ModelLibrary

    with pytest.raises(AppError) as caught:
        ModelLibrary(tmp_path / "data").add(tmp_path / "m.gguf")
    assert caught.value.report.code is ErrorCode.WEIGHTS_CORRUPT
    assert not list((tmp_path / "data").rglob("*.safetensors"))
