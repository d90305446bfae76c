"""The decoder: many tokens by plain torch operations on fused weights, one token by the compiled step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from autoglm_desktop.core.precision import Tier

from . import memory_check
from .block import BlockRunner, rms_norm
from .config import ModelConfig, read_config
from .kv import KvCache
from .tiers import dense_weights, gpu_weights, tier_weights
from .weights import Progress, Weights

PREFILL_CHUNK_TOKENS = 256
"""How many tokens of a long prompt to give to one `Decoder.forward`, so that Stop is heard in between."""
if TYPE_CHECKING:
    from .jit.stepper import Stepper

_CPU = torch.device("cpu")


class Decoder:
    """A causal language model of one folder, in one tier at a time. Not thread-safe."""

    def __init__(
        self, folder: Path, config: ModelConfig, tier: Tier, weights: Weights, device: torch.device = _CPU
    ) -> None:
        self.folder, self.config, self.tier = folder, config, tier
        self._weights, self._device = weights, device
        self._run = BlockRunner(config, device)
        self._step = _stepper(config, weights)

    @classmethod
    def load(cls, folder: Path, tier: Tier, *, on_progress: Progress, device: torch.device | None = None) -> Decoder:
        """Load a Hugging Face folder, on a CUDA GPU where there is one unless `device` says otherwise.

        The first time in a tier on the CPU its file is made; `on_progress` gets fractions from 0 to 1.
        Raises AppError: MODEL_MISSING, UNSUPPORTED_ARCHITECTURE, UNSAFE_CHECKPOINT, WEIGHTS_CORRUPT, OUT_OF_MEMORY,
        DISK_FULL, NOT_WRITABLE.
        """
        config = read_config(folder)
        device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        memory_check.check(config, tier, device)
        weights = _weights(folder, config, tier, device, on_progress)
        decoder = cls(folder, config, tier, weights, device)
        decoder._warm_up()
        return decoder

    @classmethod
    def load_reference(cls, folder: Path) -> Decoder:
        """Load in float32 on the CPU, for comparisons with reference implementations; not a tier. Raises as `load`."""
        config = read_config(folder)
        return cls(folder, config, Tier.FP16, dense_weights(folder, config, torch.float32, lambda _: None))

    def switch(self, tier: Tier, on_progress: Progress) -> None:
        """Swap the weights for those of `tier`; every cache stays valid. Raises AppError as `load` does.

        Quick, because it only maps the tier's file. After an error the decoder is as it was.
        """
        if tier is self.tier:
            return
        mapped = self._device.type == "cpu"  # the system counts those pages as free
        given_back_bytes = 0 if mapped else self.weights_bytes
        memory_check.check(self.config, tier, self._device, given_back_bytes=given_back_bytes)
        weights = _weights(self.folder, self.config, tier, self._device, on_progress)
        self._step = _stepper(self.config, weights)
        self._weights, self.tier = weights, tier

    @property
    def weights_bytes(self) -> int:
        """Bytes of the weights as stored in the current tier."""
        return self._weights.nbytes

    def forward(self, tokens: Sequence[int], cache: KvCache) -> torch.Tensor:
        """Append `tokens` (a chunk of a prompt, or one decoded token) to `cache`: float32 logits [vocab] of the last.

        Raises ValueError without tokens or past the model's context; the cache is unchanged then.
        """
        if len(tokens) > 1 or self._step is None:
            return self._logits(self._hidden(tokens, cache)[-1:])[0]
        self._check(tokens, cache)
        cache.reserve(cache.length + 1)
        logits = self._step(tokens[0], cache)
        cache.commit(tokens)
        return logits

    def forward_all(self, tokens: Sequence[int], cache: KvCache) -> torch.Tensor:
        """As `forward`, but the logits after every one of `tokens`: float32 [n, vocab]."""
        return self._logits(self._hidden(tokens, cache))

    @torch.inference_mode()
    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        normed = rms_norm(x, self._weights.norm, self.config.rms_eps)
        return self._weights.head(normed).float().cpu()

    @torch.inference_mode()
    def _hidden(self, tokens: Sequence[int], cache: KvCache) -> torch.Tensor:
        """[n, hidden] float32: what the last layer gives, before the final norm."""
        self._check(tokens, cache)
        x = self._weights.embedding(torch.tensor(tokens, dtype=torch.int64, device=self._device))
        cache.reserve(cache.length + len(tokens), self._device)
        self._run(x, self._weights.layers, cache.buffer, cache.length)
        cache.commit(tokens)
        return x

    def _check(self, tokens: Sequence[int], cache: KvCache) -> None:
        if not tokens or cache.length + len(tokens) > self.config.context_tokens:
            raise ValueError(f"{len(tokens)} tokens after {cache.length} of {self.config.context_tokens}")

    def _warm_up(self) -> None:
        """Decode a token nobody reads: compiles the step the first time, else loads what was compiled then."""
        if self._step is not None:
            self.forward([0], KvCache.create(self.config))


def _stepper(config: ModelConfig, weights: Weights) -> Stepper | None:
    """The compiled step where it can run these weights."""
    if weights.embedding.table.device.type != "cpu" or weights.embedding.table.dtype is torch.float32:
        return None
    from .jit.stepper import Stepper, supports  # the compiler is imported only where it is used

    return Stepper(config, weights) if supports(config, weights) else None


def _weights(folder: Path, config: ModelConfig, tier: Tier, device: torch.device, on_progress: Progress) -> Weights:
    if device.type == "cpu":
        return tier_weights(folder, config, tier, on_progress)
    return gpu_weights(folder, config, tier, device, on_progress)
