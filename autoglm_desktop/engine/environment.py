"""What a process that computes sets up before it imports torch."""

from __future__ import annotations

import os

_SPINS = {"GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "1"}
"""How long OpenMP's threads (GNU's, LLVM's) spin at a barrier before they sleep: some 10 µs, and 1 ms.

Decoding a token has hundreds of barriers. Where another program wants the core, the default spins away the other
thread's time slice at each: measured on two busy cores, eight times slower than sleeping.
"""


def prepare(threads: int) -> None:
    """Set what libraries read when they are imported: no network, our number of threads, short spinning."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["OMP_NUM_THREADS"] = str(threads)
    for name, value in _SPINS.items():
        os.environ.setdefault(name, value)
