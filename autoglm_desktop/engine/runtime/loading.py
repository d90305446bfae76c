"""The real parts of a model, for the engine process. Importing this module is cheap; calling it imports torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from autoglm_desktop.core.precision import Tier

from . import contracts
from .contracts import ProgressSink, Runtime
from .prompt import TokenizerBundle


def torch_runtime(threads: int) -> Runtime:
    """Our decoder on torch with `threads` threads for each operation."""
    import torch

    from .decoder import Decoder
    from .kv import KvCache

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)

    def load_decoder(
        folder: Path, tier: Tier, on_progress: ProgressSink
    ) -> tuple[contracts.Decoder[contracts.Cache], Callable[[], contracts.Cache]]:
        decoder = Decoder.load(folder, tier, on_progress=on_progress)
        # It takes the caches that it makes itself, and turns give it no others.
        return cast("contracts.Decoder[contracts.Cache]", decoder), lambda: KvCache.create(decoder.config)

    return Runtime(TokenizerBundle.load, load_decoder)
