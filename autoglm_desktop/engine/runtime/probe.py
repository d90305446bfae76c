"""What torch finds on this machine, as one line of JSON: ``python -m autoglm_desktop.engine.runtime.probe``."""

from __future__ import annotations

import json
from typing import Any


def probe() -> dict[str, Any]:
    """Version, instruction set, threads, how bytes are multiplied, GPU as torch sees it."""
    import torch

    from .jit.processor import VNNI

    return {
        "version": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "vnni": VNNI,
        "quantized_engines": list(torch.backends.quantized.supported_engines),
        "cuda": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    }


if __name__ == "__main__":
    print(json.dumps(probe()))
