"""What torch finds on this machine, as one line of JSON: ``python -m autoglm_desktop.engine.runtime.probe``."""

from __future__ import annotations

import json
from typing import Any

KERNELS = {"int8": "_weight_int8pack_mm", "int4": "_int_mm"}
"""What torch must have for the tiers; single tokens take the compiled step."""


def probe() -> dict[str, Any]:
    """Version, instruction set, threads, kernels of the tiers that exist in this build, GPU as torch sees it."""
    import torch

    from .jit.primitives import VNNI

    step = "compiled step with VNNI" if VNNI else "compiled step"
    return {
        "version": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "kernels": [*sorted(tier for tier, name in KERNELS.items() if hasattr(torch.ops.aten, name)), step],
        "quantized_engines": list(torch.backends.quantized.supported_engines),
        "cuda": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    }


if __name__ == "__main__":
    print(json.dumps(probe()))
