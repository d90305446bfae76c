"""The real parts of a model, for the engine process. Importing this module is cheap; calling it imports torch."""

from __future__ import annotations

from pathlib import Path

from autoglm_desktop.core.precision import Tier

from .contracts import ProgressSink, Runtime
from .prompt import TokenizerBundle


def torch_runtime(threads: int) -> Runtime:
    """Our decoder on torch with `threads` threads for each operation."""
    import torch

    from .decoder import Decoder
    from .kv import KvCache

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)

    def load_decoder(folder: Path, tier: Tier, on_progress: ProgressSink) -> Decoder:
        return Decoder.load(folder, tier, on_progress=on_progress)

    return Runtime(TokenizerBundle.load, load_decoder, lambda decoder: KvCache.create(decoder.config))
