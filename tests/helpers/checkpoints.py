"""Small random checkpoints in the Hugging Face layout, made by transformers."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

SIZES: dict[str, Any] = {
    "vocab_size": 272,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "eos_token_id": [3, 7],
    "tie_word_embeddings": False,
}


def write_checkpoint(folder: Path, architecture: str, *, seed: int = 1, **overrides: Any) -> Any:
    """Save a random model of `architecture` (``llama qwen2 qwen3``) to `folder`; returns it in float32."""
    from safetensors.torch import save_file

    model = make_model(architecture, seed=seed, **overrides)
    model.config.save_pretrained(folder)
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    save_file({name: x for name, x in model.state_dict().items() if name not in tied}, folder / "model.safetensors")
    return model


def make_model(architecture: str, *, seed: int = 1, **overrides: Any) -> Any:
    """A random transformers model whose weights are large enough for every part to matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the reference are not ours
        import torch
        import transformers

        logging.getLogger("transformers").setLevel(logging.ERROR)
        config = transformers.AutoConfig.for_model(architecture, **{**SIZES, **overrides})
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
        model.eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" in name:
                    parameter.uniform_(0.5, 1.5)
                else:
                    parameter.normal_(0, 0.15)
    return model
