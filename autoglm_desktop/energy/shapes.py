"""How many GB a token reads, when only the size of the weights is known.

Decoding reads the weights in use once per token and the KV cache of the context. Against the size of the file that is
less where the input embedding is its own table (a token looks up one row of it), and more by the cache. Published
models differ: DeepSeek-R1-Distill-Qwen-1.5B reads 0.90 times its 1.00 GB, Llama-3.2-3B 1.06 times its 1.81 GB, and that
is most of what their measured energies per token differ by beyond their sizes. For a size alone, the ratio is
interpolated between the shapes below, so it is typical of a size, not exact for a model.

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
    Shape("Qwen2.5-0.5B", 494.0, 0.0, 12.0),
    Shape("Llama-3.2-1B", 1235.8, 0.0, 32.0),
    Shape("DeepSeek-R1-Distill-Qwen-1.5B", 1777.1, 151936 * 1536 / 1e6, 28.0),
    Shape("Llama-3.2-3B", 3212.7, 0.0, 112.0),
    Shape("Qwen3-4B", 4022.5, 0.0, 144.0),
    Shape("Llama-3.1-8B", 8030.3, 128256 * 4096 / 1e6, 128.0),
    Shape("GLM-4-9B-0414", 9400.3, 151552 * 4096 / 1e6, 40.0),
)


def read_gb(weights_gb: float) -> float:
    """GB that a token reads for a 4-bit model of `weights_gb`; ratios of the outermost shapes hold beyond them."""
    sizes = [shape.weights_gb for shape in SHAPES]
    k = bisect_right(sizes, weights_gb)
    if k in {0, len(sizes)}:
        return weights_gb * SHAPES[min(k, len(sizes) - 1)].read_ratio()
    low, high = SHAPES[k - 1], SHAPES[k]
    share = (weights_gb - low.weights_gb) / (high.weights_gb - low.weights_gb)
    return weights_gb * (low.read_ratio() + share * (high.read_ratio() - low.read_ratio()))
