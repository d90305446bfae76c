"""GGUF files written byte by byte, so that they can hold what no writer would put into one."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from tests.helpers import tiny_gguf
from tests.helpers.tiny_gguf import CONTEXT, FFN, HEADS, HIDDEN, KV_HEADS, LAYERS, MERGES, TEMPLATE, TOKENS, TYPES

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_FORMS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}


def u32(value: int) -> bytes:
    return scalar(U32, value)


def scalar(kind: int, value: float) -> bytes:
    """A field's type and value."""
    return struct.pack("<I", kind) + struct.pack(f"<{_FORMS[kind]}", value)


def text(value: str | bytes) -> bytes:
    return struct.pack("<I", STRING) + _string(value)


def array(kind: int, items: Iterable[int | float | str | bytes], count: int | None = None) -> bytes:
    """An array that may say another `count` than it holds. Items of arrays are their bytes behind the type."""
    encoded = [_item(kind, item) for item in items]
    length = len(encoded) if count is None else count
    return struct.pack("<IIQ", ARRAY, kind, length) + b"".join(encoded)


def _item(kind: int, item: float | str | bytes) -> bytes:
    if kind == STRING:
        assert isinstance(item, str | bytes)
        return _string(item)
    return item if isinstance(item, bytes) else struct.pack(f"<{_FORMS[kind]}", item)


def _string(value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(content)) + content


@dataclass(slots=True)
class RawTensor:
    """`shape` rows first; `offset` None: behind the one before."""

    shape: tuple[int, ...]
    kind: int
    data: bytes
    offset: int | None = None


@dataclass(slots=True)
class RawGguf:
    """Fields as `scalar`, `text` and `array` encode them; counts and version as the header says them."""

    fields: dict[str, bytes]
    tensors: dict[str, RawTensor] = field(default_factory=dict)
    n_fields: int | None = None
    n_tensors: int | None = None
    version: int = 3

    def to_bytes(self) -> bytes:
        n_tensors = len(self.tensors) if self.n_tensors is None else self.n_tensors
        n_fields = len(self.fields) if self.n_fields is None else self.n_fields
        header = b"GGUF" + struct.pack("<IQQ", self.version, n_tensors, n_fields)
        header += b"".join(_string(key) + value for key, value in self.fields.items())
        data = b""
        for name, tensor in self.tensors.items():
            dims = tensor.shape[::-1]
            offset = len(data) if tensor.offset is None else tensor.offset
            header += _string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, tensor.kind, offset)
            data += tensor.data + bytes(-len(tensor.data) % 32)
        return header + bytes(-len(header) % 32) + data

    def write(self, path: Path) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.to_bytes())
        return path


def raw_tiny_gguf(architecture: str = "qwen2") -> RawGguf:
    """The tiny model of `tiny_gguf`, to be spoiled."""
    a = architecture
    fields = {
        "general.architecture": text(a),
        f"{a}.block_count": u32(LAYERS),
        f"{a}.context_length": u32(CONTEXT),
        f"{a}.embedding_length": u32(HIDDEN),
        f"{a}.feed_forward_length": u32(FFN),
        f"{a}.attention.head_count": u32(HEADS),
        f"{a}.attention.head_count_kv": u32(KV_HEADS),
        f"{a}.attention.layer_norm_rms_epsilon": scalar(F32, 1e-6),
        f"{a}.rope.freq_base": scalar(F32, 10_000.0),
        "tokenizer.ggml.model": text("gpt2"),
        "tokenizer.ggml.pre": text("qwen2"),
        "tokenizer.ggml.tokens": array(STRING, TOKENS),
        "tokenizer.ggml.token_type": array(I32, TYPES),
        "tokenizer.ggml.merges": array(STRING, MERGES),
        "tokenizer.ggml.bos_token_id": u32(TOKENS.index("<|endoftext|>")),
        "tokenizer.ggml.eos_token_id": u32(TOKENS.index("<|im_end|>")),
        "tokenizer.chat_template": text(TEMPLATE),
    }
    tensors = {name: RawTensor(value.shape, 0, value.tobytes()) for name, value in tiny_gguf.tiny_tensors(a).items()}
    return RawGguf(fields, tensors)


def wide_tiny_gguf(kind: int, data: bytes) -> RawGguf:
    """The tiny model with a hidden size of 256, so that rows fill blocks of every type: one matrix of it is `kind`."""
    raw = raw_tiny_gguf()
    raw.fields |= {"qwen2.embedding_length": u32(256), "qwen2.attention.head_count_kv": u32(HEADS)}
    for name, tensor in raw.tensors.items():
        shape = tuple(256 if size in (HIDDEN, HIDDEN // 2) else size for size in tensor.shape)
        raw.tensors[name] = RawTensor(shape, 0, bytes(4 * prod(shape)))
    raw.tensors["blk.0.attn_q.weight"] = RawTensor((256, 256), kind, data)
    return raw
