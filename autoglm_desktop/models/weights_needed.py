"""The weights that a decoder takes from its checkpoint, by name and shape, and whether a checkpoint has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from autoglm_desktop.core.decoder_config import ModelConfig
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

Shape = tuple[int, ...]


def needed(config: ModelConfig) -> Iterator[tuple[str, Shape]]:
    """Every weight without which the decoder cannot be built: its name in the Hugging Face layout, and its shape."""
    yield "model.embed_tokens.weight", (config.vocab, config.hidden)
    for index in range(config.n_layers):
        for part, shape in _layer(config).items():
            yield f"model.layers.{index}.{part}", shape
    yield "model.norm.weight", (config.hidden,)
    if not config.tie_embeddings:
        yield "lm_head.weight", (config.vocab, config.hidden)


def optional(config: ModelConfig) -> Iterator[tuple[str, Shape]]:
    """Biases that are added where a checkpoint has them."""
    for index in range(config.n_layers):
        for part, shape in _biases(config).items():
            yield f"model.layers.{index}.{part}", shape


def require_weights(config: ModelConfig, shapes: Mapping[str, Shape], shown: Callable[[str], str] = str) -> None:
    """Raise AppError WEIGHTS_CORRUPT for a weight that is missing or misshapen. `shown`: its name in the file."""
    missing = [name for name, _ in needed(config) if name not in shapes]
    if missing:
        raise incomplete(len(missing), shown(missing[0]))
    for name, shape in (*needed(config), *optional(config)):
        if shapes.get(name, shape) != shape:
            raise AppError(
                ErrorCode.WEIGHTS_CORRUPT,
                msg(
                    "The weights “{name}” have the shape {found}; by the model's configuration it is {expected}.",
                    name=shown(name),
                    found=_in_words(shapes[name]),
                    expected=_in_words(shape),
                ),
                msg("Get a version of the model whose configuration belongs to its weights."),
            )


def incomplete(count: int, name: str) -> AppError:
    """The error for `count` weights that are not there, `name` among them."""
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The model lacks {count} of its weights, “{name}” among them.", count=count, name=name),
        msg("Get a complete version of the model from its publisher."),
    )


def _layer(c: ModelConfig) -> dict[str, Shape]:
    parts: dict[str, Shape] = {
        "input_layernorm.weight": (c.hidden,),
        "self_attn.q_proj.weight": (c.q_size, c.hidden),
        "self_attn.k_proj.weight": (c.kv_size, c.hidden),
        "self_attn.v_proj.weight": (c.kv_size, c.hidden),
        "self_attn.o_proj.weight": (c.hidden, c.q_size),
        "post_attention_layernorm.weight": (c.hidden,),
        "mlp.gate_proj.weight": (c.intermediate, c.hidden),
        "mlp.up_proj.weight": (c.intermediate, c.hidden),
        "mlp.down_proj.weight": (c.hidden, c.intermediate),
    }
    if c.qk_norm:
        parts |= {"self_attn.q_norm.weight": (c.head_dim,), "self_attn.k_norm.weight": (c.head_dim,)}
    if c.qkv_bias:
        parts |= {name: shape for name, shape in _biases(c).items() if name in _QKV}
    return parts


_QKV = ("self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias")


def _biases(c: ModelConfig) -> dict[str, Shape]:
    return {
        "self_attn.q_proj.bias": (c.q_size,),
        "self_attn.k_proj.bias": (c.kv_size,),
        "self_attn.v_proj.bias": (c.kv_size,),
        "self_attn.o_proj.bias": (c.hidden,),
        "mlp.gate_proj.bias": (c.intermediate,),
        "mlp.up_proj.bias": (c.intermediate,),
        "mlp.down_proj.bias": (c.hidden,),
    }


def _in_words(shape: Shape) -> str:
    return " × ".join(str(size) for size in shape) or "-"
