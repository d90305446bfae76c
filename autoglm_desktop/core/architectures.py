"""The decoder families that the engine runs, and in what they differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Architecture:
    """One family. `name` is its ``model_type`` in the Hugging Face layout and its ``general.architecture`` in GGUF.

    `interleaved`: llama.cpp stores the rows of queries and keys with the two numbers of a rotary pair side by side.
    """

    name: str
    class_name: str
    qk_norm: bool = False
    qkv_bias: bool = False
    interleaved: bool = False


ARCHITECTURES = {
    known.name: known
    for known in (
        Architecture("llama", "LlamaForCausalLM", interleaved=True),
        Architecture("qwen2", "Qwen2ForCausalLM", qkv_bias=True),
        Architecture("qwen3", "Qwen3ForCausalLM", qk_norm=True),
    )
}
