"""The weights of a decoder: the bf16 master in safetensors, and what a decoder needs of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from .config import ModelConfig
from .kernels import DenseLinear, Linear, fuse

Progress = Callable[[float], None]
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


class Embedding:
    """Rows for tokens, from a bf16 or float32 table [vocab, hidden]."""

    def __init__(self, table: torch.Tensor) -> None:
        self.table = table
        self.nbytes = table.nbytes

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """tokens [n] int64 → [n, hidden] float32, freshly allocated."""
        return self.table[tokens].float()


@dataclass(frozen=True, slots=True)
class Layer:
    """One block. Norm weights are float32 [hidden] ([head_dim] for `q_norm` and `k_norm`)."""

    attention_norm: torch.Tensor
    qkv: Linear
    q_norm: torch.Tensor | None
    k_norm: torch.Tensor | None
    output: Linear
    mlp_norm: torch.Tensor
    gate_up: Linear
    down: Linear


@dataclass(frozen=True, slots=True)
class Weights:
    """Everything a decoder multiplies with."""

    embedding: Embedding
    layers: tuple[Layer, ...]
    norm: torch.Tensor
    head: Linear

    @property
    def nbytes(self) -> int:
        """Bytes of all weights as stored in the tier; a head that is the embedding table counts once."""
        linears = [self.head] + [part for x in self.layers for part in (x.qkv, x.output, x.gate_up, x.down)]
        shared = isinstance(self.head, DenseLinear) and self.head.weight is self.embedding.table
        return sum(part.nbytes for part in linears) + (0 if shared else self.embedding.nbytes)


class Master:
    """The checkpoint, memory-mapped: tensors are read when they are used."""

    def __init__(self, folder: Path) -> None:
        """Open `model.safetensors`, or the shards of its index.

        Raises AppError: WEIGHTS_CORRUPT (truncated, damaged or absent shards), UNSAFE_CHECKPOINT (only pickled
        weights), MODEL_MISSING (no weights).
        """
        self.folder = folder
        self.files = checkpoint_files(folder)
        self._where: dict[str, safe_open] = {}
        for path in self.files:
            try:
                opened = safe_open(path, framework="pt")
                self._where.update(dict.fromkeys(opened.keys(), opened))  # type: ignore[no-untyped-call]
            except (SafetensorError, OSError) as error:
                raise corrupt(path, str(error)) from error

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def get(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The tensor, mapped. Raises AppError WEIGHTS_CORRUPT when it is missing or of another shape."""
        if name not in self._where:
            raise corrupt(self.folder, f"{name} is missing")
        tensor: torch.Tensor = self._where[name].get_tensor(name)  # type: ignore[no-untyped-call]
        if tuple(tensor.shape) != shape or not tensor.is_floating_point():
            raise corrupt(self.folder, f"{name} is {tensor.dtype} {tuple(tensor.shape)}, expected {shape}")
        return tensor


class DecoderTensors:
    """The master's tensors by their part in a decoder, whatever they are called in the file."""

    def __init__(self, master: Master, config: ModelConfig, dtype: torch.dtype = torch.bfloat16) -> None:
        self.master, self.config, self.dtype = master, config, dtype

    def _get(self, name: str, *shape: int) -> torch.Tensor:
        return self.master.get(name, shape).to(self.dtype)

    def embedding(self) -> torch.Tensor:
        """[vocab, hidden]."""
        return self._get("model.embed_tokens.weight", self.config.vocab, self.config.hidden)

    def head(self) -> torch.Tensor:
        """[vocab, hidden]; the embedding table where they are tied."""
        if self.config.tie_embeddings:
            return self.embedding()
        return self._get("lm_head.weight", self.config.vocab, self.config.hidden)

    def norm(self, name: str, size: int) -> torch.Tensor:
        """A norm's weight in float32, by its name in the file without ``.weight``."""
        return self.master.get(f"{name}.weight", (size,)).float()

    def qkv(self, layer: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Stacked query, key and value weights, and their stacked bias if there is one."""
        c, root = self.config, f"model.layers.{layer}.self_attn"
        sizes = {"q_proj": c.q_size, "k_proj": c.kv_size, "v_proj": c.kv_size}
        weight = fuse([self._get(f"{root}.{name}.weight", size, c.hidden) for name, size in sizes.items()])
        if f"{root}.q_proj.bias" not in self.master:
            return weight, None
        return weight, torch.cat([self._get(f"{root}.{name}.bias", size) for name, size in sizes.items()])

    def output(self, layer: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The attention's output projection and its bias if there is one."""
        root = f"model.layers.{layer}.self_attn.o_proj"
        bias = self._get(f"{root}.bias", self.config.hidden) if f"{root}.bias" in self.master else None
        return self._get(f"{root}.weight", self.config.hidden, self.config.q_size), bias

    def gate_up(self, layer: int) -> torch.Tensor:
        """Gate and up projections, stacked: [2 · intermediate, hidden]."""
        root, c = f"model.layers.{layer}.mlp", self.config
        return fuse([self._get(f"{root}.{name}_proj.weight", c.intermediate, c.hidden) for name in ("gate", "up")])

    def down(self, layer: int) -> torch.Tensor:
        """The down projection: [hidden, intermediate]."""
        name = f"model.layers.{layer}.mlp.down_proj.weight"
        return self._get(name, self.config.hidden, self.config.intermediate)


MakeLinear = Callable[[str, torch.Tensor, torch.Tensor | None], Linear]
"""(name, weight, bias) → the product; names are ``qkv.3``, ``output.3``, ``gate_up.3``, ``down.3`` and ``head``."""


def build_layer(tensors: DecoderTensors, index: int, linear: Callable[[str], Linear]) -> Layer:
    """A block whose norms come from the master and whose products come from `linear`, by name."""
    c, root = tensors.config, f"model.layers.{index}"
    return Layer(
        attention_norm=tensors.norm(f"{root}.input_layernorm", c.hidden),
        qkv=linear(f"qkv.{index}"),
        q_norm=tensors.norm(f"{root}.self_attn.q_norm", c.head_dim) if c.qk_norm else None,
        k_norm=tensors.norm(f"{root}.self_attn.k_norm", c.head_dim) if c.qk_norm else None,
        output=linear(f"output.{index}"),
        mlp_norm=tensors.norm(f"{root}.post_attention_layernorm", c.hidden),
        gate_up=linear(f"gate_up.{index}"),
        down=linear(f"down.{index}"),
    )


def dense_linear(tensors: DecoderTensors, name: str) -> DenseLinear:
    """The product `name` with the master's own weights."""
    kind, _, index = name.partition(".")
    match kind:
        case "qkv":
            return DenseLinear(*tensors.qkv(int(index)))
        case "output":
            return DenseLinear(*tensors.output(int(index)))
        case "gate_up":
            return DenseLinear(tensors.gate_up(int(index)))
        case "down":
            return DenseLinear(tensors.down(int(index)))
        case _:
            return DenseLinear(tensors.head())


def dense_weights(folder: Path, config: ModelConfig, dtype: torch.dtype, on_progress: Progress) -> Weights:
    """All weights straight from the master, in `dtype` (mapped without a copy where the file has that type)."""
    tensors = DecoderTensors(Master(folder), config, dtype)
    embedding = tensors.embedding()
    layers = []
    for index in range(config.n_layers):
        layers.append(build_layer(tensors, index, lambda name: dense_linear(tensors, name)))
        on_progress((index + 1) / config.n_layers)
    head = DenseLinear(embedding) if config.tie_embeddings else dense_linear(tensors, "head")
    return Weights(Embedding(embedding), tuple(layers), tensors.norm("model.norm", config.hidden), head)


def checkpoint_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint, sorted. Raises AppError as `Master` does."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    if not index.is_file():
        raise _no_weights(folder)
    try:
        names = {str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise corrupt(index, repr(error)) from error
    files = [folder / name for name in sorted(names)]
    missing = [path.name for path in files if path.parent != folder or not path.is_file()]
    if missing:
        raise corrupt(folder, f"missing shards: {', '.join(missing)}")
    return files


def corrupt(path: Path, details: str) -> AppError:
    """The error for weights that are truncated, damaged or not what the configuration says."""
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The model's weights are damaged: {path}.", path=str(path)),
        msg("Download the model again."),
        details=details,
    )


def _no_weights(folder: Path) -> AppError:
    if any(True for pattern in _PICKLED for _ in folder.glob(pattern)):
        return AppError(
            ErrorCode.UNSAFE_CHECKPOINT,
            msg("The weights in {path} are pickled: loading them could run any program.", path=str(folder)),
            msg("Use a model with .safetensors files."),
        )
    return AppError(
        ErrorCode.MODEL_MISSING,
        msg("There are no weights in {path}.", path=str(folder)),
        msg("Download the model again, or choose another one."),
    )
