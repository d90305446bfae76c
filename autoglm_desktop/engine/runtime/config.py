"""What a checkpoint's `config.json` says about its decoder, checked and in one shape for every architecture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.text_files import decode, parse_json

SUPPORTED = ("llama", "qwen2", "qwen3")


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """Rotary position embedding. `kind` is one of ``default linear llama3 yarn``; the other fields are its parameters.

    `rotary_dim` is how many of a head's dimensions turn (all of them, unless an architecture has partial rotary).
    """

    theta: float
    rotary_dim: int
    kind: str = "default"
    factor: float = 1.0
    original_context_tokens: int = 0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None
    truncate: bool = True


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A decoder, described. Sizes count elements; `context_tokens` is the longest sequence it was made for."""

    architecture: str
    n_layers: int
    hidden: int
    intermediate: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    vocab: int
    context_tokens: int
    rms_eps: float
    rope: RopeConfig
    tie_embeddings: bool
    qk_norm: bool
    eos_token_ids: tuple[int, ...]

    @property
    def q_size(self) -> int:
        return self.n_heads * self.head_dim

    @property
    def kv_size(self) -> int:
        return self.n_kv_heads * self.head_dim

    @property
    def layer_parameters(self) -> int:
        """Weights in the linear layers of one block (norms and biases are not counted: they are tiny)."""
        return self.hidden * (2 * self.q_size + 2 * self.kv_size + 3 * self.intermediate)

    @property
    def head_parameters(self) -> int:
        """Weights in the output head; the embedding table is as large."""
        return self.vocab * self.hidden

    @staticmethod
    def read(folder: Path) -> ModelConfig:
        """Read `config.json` (and the end tokens of `generation_config.json`) of a Hugging Face folder.

        Raises AppError: MODEL_MISSING without a config, WEIGHTS_CORRUPT when it cannot be understood,
        UNSUPPORTED_ARCHITECTURE for a decoder that is not implemented.
        """
        raw = _read_json(folder / "config.json")
        if raw is None:
            raise AppError(
                ErrorCode.MODEL_MISSING,
                msg("There is no model in {path}: config.json is missing.", path=str(folder)),
                msg("Download the model again, or choose another one."),
            )
        architecture = str(raw.get("model_type"))
        if architecture not in SUPPORTED:
            raise unsupported(architecture)
        generation = _read_json(folder / "generation_config.json") or {}
        try:
            return _parse(architecture, raw, generation)
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise corrupt_config(folder / "config.json", repr(error)) from error


def unsupported(architecture: str) -> AppError:
    """The error for a model that this engine cannot run; names those that it can."""
    return AppError(
        ErrorCode.UNSUPPORTED_ARCHITECTURE,
        msg("Models of the kind {kind} cannot be run.", kind=architecture),
        msg("Choose a model of one of these kinds: {kinds}.", kinds=", ".join(SUPPORTED)),
    )


def corrupt_config(path: Path, details: str) -> AppError:
    """The error for a configuration file that is damaged or contradicts itself."""
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The model's configuration cannot be read: {path}.", path=str(path)),
        msg("Download the model again."),
        details=details,
    )


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        loaded = parse_json(decode(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise corrupt_config(path, str(error)) from error
    if not isinstance(loaded, dict):
        raise corrupt_config(path, "not a JSON object")
    return loaded


def _parse(architecture: str, raw: dict[str, Any], generation: dict[str, Any]) -> ModelConfig:
    if raw.get("hidden_act", "silu") != "silu":
        raise unsupported(f"{architecture} ({raw['hidden_act']})")
    if raw.get("use_sliding_window") and raw.get("sliding_window"):
        raise unsupported(f"{architecture} (sliding window)")
    if raw.get("mlp_bias"):
        raise unsupported(f"{architecture} (mlp_bias)")
    n_heads = int(raw["num_attention_heads"])
    head_dim = int(raw.get("head_dim") or raw["hidden_size"] // n_heads)
    config = ModelConfig(
        architecture=architecture,
        n_layers=int(raw["num_hidden_layers"]),
        hidden=int(raw["hidden_size"]),
        intermediate=int(raw["intermediate_size"]),
        n_heads=n_heads,
        n_kv_heads=int(raw.get("num_key_value_heads") or n_heads),
        head_dim=head_dim,
        vocab=int(raw["vocab_size"]),
        context_tokens=int(raw["max_position_embeddings"]),
        rms_eps=float(raw["rms_norm_eps"]),
        rope=_parse_rope(architecture, raw, head_dim),
        tie_embeddings=bool(raw.get("tie_word_embeddings", False)),
        qk_norm=architecture == "qwen3",
        eos_token_ids=_ids(generation.get("eos_token_id", raw.get("eos_token_id"))),
    )
    if config.n_heads % config.n_kv_heads or min(config.n_layers, config.hidden, config.vocab, head_dim) < 1:
        raise ValueError("sizes contradict each other")
    return config


def _parse_rope(architecture: str, raw: dict[str, Any], head_dim: int) -> RopeConfig:
    """Both spellings: `rope_parameters` (transformers 5), and `rope_theta` with `rope_scaling` (before)."""
    rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    kind = str(rope.get("rope_type") or rope.get("type") or "default")
    if kind not in ("default", "linear", "llama3", "yarn"):
        raise unsupported(f"{architecture} (rope {kind})")
    attention_factor = rope.get("attention_factor")
    return RopeConfig(
        theta=float(rope.get("rope_theta") or raw.get("rope_theta") or 10_000.0),
        rotary_dim=int(head_dim * float(rope.get("partial_rotary_factor") or raw.get("partial_rotary_factor") or 1)),
        kind=kind,
        factor=float(rope.get("factor") or 1.0),
        original_context_tokens=int(rope.get("original_max_position_embeddings") or raw["max_position_embeddings"]),
        low_freq_factor=float(rope.get("low_freq_factor") or 1.0),
        high_freq_factor=float(rope.get("high_freq_factor") or 4.0),
        beta_fast=float(rope.get("beta_fast") or 32.0),
        beta_slow=float(rope.get("beta_slow") or 1.0),
        attention_factor=None if attention_factor is None else float(attention_factor),
        truncate=bool(rope.get("truncate", True)),
    )


def _ids(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(int(item) for item in value) if isinstance(value, list) else (int(str(value)),)
