"""How many GB a token reads, when only the size of the weights is known.

Decoding reads the weights in use once per token and the KV cache of the context. Against the size of the file that is
less where the input embedding is its own table (a token looks up one row of it), and more by the cache. Published
models differ: DeepSeek-R1-Distill-Qwen-1.5B reads 0.90 times its 1.00 GB, Llama-3.2-3B 1.06 times its 1.81 GB, and that
is most of what their measured energies per token differ by beyond their sizes. A cost per token beside the reading
cannot be seen in the runs: the smaller model costs less per GB read, not more.

For a size alone, what is typical of it is told (`TYPICAL`). It meets the measured models and is within 20 % of every
published shape below but SmolLM2-1.7B, which has a KV head for every head and reads a quarter more than its size.

**What `weights_gb` means**: the file's weights in 1e9 bytes. 4-bit formats store 4.5 bits a weight (groups of 64 with a
16-bit scale and offset: 4 + 32/64), so weights_gb = parameters in 1e9 × 0.5625: 3.21 B → 1.81 GB, 1.78 B → 1.00 GB,
8.03 B → 4.52 GB. 8-bit: 8.5 bits (× 1.0625); 16-bit: × 2.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

BITS_4 = 4.5
BITS_8 = 8.5
CAMPAIGN_CONTEXT_TOKENS = 1000
"""About half of the 2048 tokens at which the calibration runs stopped: the mean length while decoding."""


class Shape(NamedTuple):
    """A published model. From its config.json and parameter count on the Hugging Face Hub."""

    name: str
    params_m: float
    """Parameters, 1e6; a tied embedding counts once (the output layer reads it whole)."""
    unread_m: float
    """Untied input embedding, 1e6: vocabulary × hidden size."""
    kv_kib_token: float
    """layers × KV heads × head size × 2 (K and V) × 2 bytes."""

    @property
    def weights_gb(self) -> float:
        """Size of the 4-bit file."""
        return self.params_m * BITS_4 / 8e3

    def read_ratio(self) -> float:
        """GB read per token over GB of weights, at 4 bits and the campaign's context."""
        kv_gb = self.kv_kib_token * 1024.0 * CAMPAIGN_CONTEXT_TOKENS / 1e9
        return 1.0 - self.unread_m / self.params_m + kv_gb / self.weights_gb


SHAPES = (
    Shape("SmolLM2-360M", 361.8, 0.0, 40.0),
    Shape("Qwen2.5-0.5B", 494.0, 0.0, 12.0),
    Shape("Qwen3-0.6B", 596.0, 0.0, 112.0),
    Shape("Llama-3.2-1B", 1235.8, 0.0, 32.0),
    Shape("Qwen2.5-1.5B", 1543.7, 0.0, 28.0),
    Shape("SmolLM2-1.7B", 1711.4, 0.0, 192.0),
    Shape("Qwen3-1.7B", 1720.6, 0.0, 112.0),
    Shape("DeepSeek-R1-Distill-Qwen-1.5B", 1777.1, 151936 * 1536 / 1e6, 28.0),
    Shape("Gemma-2-2B", 2614.3, 0.0, 104.0),
    Shape("Qwen2.5-3B", 3085.9, 0.0, 36.0),
    Shape("Llama-3.2-3B", 3212.7, 0.0, 112.0),
    Shape("Phi-3.5-mini", 3821.1, 32064 * 3072 / 1e6, 384.0),
    Shape("Qwen3-4B", 4022.5, 0.0, 144.0),
    Shape("Mistral-7B-v0.3", 7248.0, 32768 * 4096 / 1e6, 128.0),
    Shape("Qwen2.5-7B", 7615.6, 152064 * 3584 / 1e6, 56.0),
    Shape("Llama-3.1-8B", 8030.3, 128256 * 4096 / 1e6, 128.0),
    Shape("GLM-4-9B-0414", 9400.3, 151552 * 4096 / 1e6, 40.0),
)

TYPICAL = (
    # GB of weights, GB read a token, drawn through the middle of the shapes above
    (0.20, 0.220),
    (0.28, 0.308),
    (0.34, 0.415),  # between Qwen2.5-0.5B, which reads 1.04 times its size, and Qwen3-0.6B, 1.34 times
    (0.42, 0.470),
    (0.56, 0.594),
    (0.70, 0.732),
    (0.87, 0.896),
    (0.94, 0.902),
    (1.00, 0.903),  # the measured DeepSeek-R1-Distill-Qwen-1.5B; Qwen3-1.7B just below it reads 1.08
    (1.03, 0.904),
    (1.20, 1.236),
    (1.47, 1.543),
    (1.81, 1.924),  # the measured Llama-3.2-3B
    (2.20, 2.376),
    (4.08, 4.120),
    (4.55, 4.355),
    (5.29, 4.980),
)


def read_gb(weights_gb: float) -> float:
    """GB that a token reads for a 4-bit model of `weights_gb`: what is typical of the size; never less for more."""
    k = bisect_right([size for size, _ in TYPICAL], weights_gb)
    if k in {0, len(TYPICAL)}:
        size, read = TYPICAL[min(k, len(TYPICAL) - 1)]
        return weights_gb * read / size
    (low, read_low), (high, read_high) = TYPICAL[k - 1], TYPICAL[k]
    return read_low + (weights_gb - low) / (high - low) * (read_high - read_low)
