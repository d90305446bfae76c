"""The weights of a decoder: the bf16 master in safetensors, and what a decoder needs of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.text_files import decode, parse_json

from .config import ModelConfig
from .kernels import DenseLinear, Linear, fuse
from .mapped import MappedFile

Progress = Callable[[float], None]
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


class Embedding:
    """Rows for tokens: a 16- or 32-bit table [vocab, hidden], or int8 levels with a float32 scale [vocab]."""

    def __init__(self, table: torch.Tensor, scale: torch.Tensor | None = None) -> None:
        self.table = table
        self._scale = scale
        self.nbytes = table.nbytes + (0 if scale is None else scale.nbytes)

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """tokens [n] int64 → [n, hidden] float32, freshly allocated."""
        rows = self.table[tokens].float()
        return rows if self._scale is None else rows.mul_(self._scale[tokens].unsqueeze(1))


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

    def with_linears(self, linears: Mapping[str, Linear]) -> Layer:
        """The same block with other products, by their names in `PARTS`."""
        return replace(
            self,
            qkv=linears["qkv"],
            output=linears["output"],
            gate_up=linears["gate_up"],
            down=linears["down"],
        )


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
        shared = isinstance(self.head, DenseLinear) and self.head.weight is self.embedding.table
        return sum(linear.nbytes for linear in self.linears()) + (0 if shared else self.embedding.nbytes)

    def linears(self) -> list[Linear]:
        """Every product, the head first."""
        return [self.head] + [part for x in self.layers for part in (x.qkv, x.output, x.gate_up, x.down)]


class Master:
    """The checkpoint, memory-mapped: tensors are read when they are used."""

    def __init__(self, folder: Path) -> None:
        """Open `model.safetensors`, or the shards of its index.

        Raises AppError: WEIGHTS_CORRUPT (truncated, damaged or absent shards), UNSAFE_CHECKPOINT (only pickled
        weights), MODEL_MISSING (no weights).
        """
        self.folder = folder
        self.files = checkpoint_files(folder)
        self._where: dict[str, MappedFile] = {}
        for path in self.files:
            try:
                opened = MappedFile(path)
            except (SafetensorError, OSError) as error:
                raise corrupt(path, str(error)) from error
            self._where.update(dict.fromkeys(opened.names(), opened))

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def get(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The tensor, mapped. Raises AppError WEIGHTS_CORRUPT when it is missing or of another shape."""
        if name not in self._where:
            raise corrupt(self.folder, f"{name} is missing")
        try:
            tensor = self._where[name].get(name)
        except SafetensorError as error:
            raise corrupt(self.folder, str(error)) from error
        if tuple(tensor.shape) != shape or not tensor.is_floating_point():
            raise corrupt(self.folder, f"{name} is {tensor.dtype} {tuple(tensor.shape)}, expected {shape}")
        return tensor


class DecoderTensors:
    """The master's tensors by their part in a decoder, whatever they are called in the file."""

    def __init__(
        self,
        master: Master,
        config: ModelConfig,
        *,
        dtype: torch.dtype = torch.bfloat16,
        device: torch.device | None = None,
    ) -> None:
        self.master, self.config = master, config
        self._dtype, self._device = dtype, device

    def _get(self, name: str, *shape: int) -> torch.Tensor:
        return self.master.get(name, shape).to(self._device, self._dtype)

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
        return self.master.get(f"{name}.weight", (size,)).to(self._device, torch.float32)

    def weight(self, name: str) -> torch.Tensor:
        """The matrix of the product `name`: ``qkv.3 output.3 gate_up.3 down.3 head``; fused ones are stacked."""
        if name == "head":
            return self.head()
        parts, inputs = self._parts(name)
        return fuse([self._get(f"{part}.weight", rows, inputs) for part, rows in parts.items()])

    def bias(self, name: str) -> torch.Tensor | None:
        """The bias of the product `name`, if it has one."""
        if name == "head":
            return None
        parts, _ = self._parts(name)
        if not all(f"{part}.bias" in self.master for part in parts):
            return None
        return torch.cat([self._get(f"{part}.bias", rows) for part, rows in parts.items()])

    def shape(self, name: str) -> tuple[int, int]:
        """Outputs and inputs of the product `name`."""
        if name == "head":
            return self.config.vocab, self.config.hidden
        parts, inputs = self._parts(name)
        return sum(parts.values()), inputs

    def _parts(self, name: str) -> tuple[dict[str, int], int]:
        """What the product `name` is stacked from: names in the file with their rows; and the inputs of all."""
        c = self.config
        kind, _, layer = name.partition(".")
        attention, mlp = f"model.layers.{layer}.self_attn", f"model.layers.{layer}.mlp"
        match kind:
            case "qkv":
                sizes = {"q_proj": c.q_size, "k_proj": c.kv_size, "v_proj": c.kv_size}
                return {f"{attention}.{part}": rows for part, rows in sizes.items()}, c.hidden
            case "output":
                return {f"{attention}.o_proj": c.hidden}, c.q_size
            case "gate_up":
                return {f"{mlp}.gate_proj": c.intermediate, f"{mlp}.up_proj": c.intermediate}, c.hidden
            case "down":
                return {f"{mlp}.down_proj": c.hidden}, c.intermediate
            case _:
                raise ValueError(name)


PARTS = ("qkv", "output", "gate_up", "down")
"""The products of a layer."""


def build_layer(tensors: DecoderTensors, index: int, linear: Callable[[str], Linear]) -> Layer:
    """A block whose norms come from the master and whose products come from `linear`, by name (``qkv.3``)."""
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
    return DenseLinear(tensors.weight(name), tensors.bias(name))


def master_weights(tensors: DecoderTensors, linear: Callable[[str], Linear], on_progress: Progress) -> Weights:
    """All weights straight from the master, the products made by `linear`; a tied head shares the embedding."""
    config, embedding = tensors.config, tensors.embedding()
    layers = []
    for index in range(config.n_layers):
        layers.append(build_layer(tensors, index, linear))
        on_progress((index + 1) / config.n_layers)
    head = DenseLinear(embedding) if config.tie_embeddings else linear("head")
    return Weights(Embedding(embedding), tuple(layers), tensors.norm("model.norm", config.hidden), head)


def checkpoint_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint, sorted. Raises AppError as `Master` does."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    if not index.is_file():
        raise _no_weights(folder)
    try:
        names = {str(name) for name in parse_json(decode(index.read_bytes()))["weight_map"].values()}
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
