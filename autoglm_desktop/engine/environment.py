"""What a process that computes sets up before it imports torch."""

from __future__ import annotations

import os

_SPINS = {"GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "1"}
"""How long OpenMP's threads (GNU's, LLVM's) spin at a barrier before they sleep: some 10 µs, and 1 ms.

Decoding a token has hundreds of barriers. Where another program wants the core, the default spins away the other
thread's time slice at each: measured on two busy cores, eight times slower than sleeping.
"""
_HUGE_PAGES = "glibc.malloc.hugetlb"
"""With 1, glibc asks for huge pages under large blocks, such as what a prompt's products give: fewer page
faults. Linux alone knows it; elsewhere nothing reads the variable."""


def at_start() -> dict[str, str]:
    """Variables for a process that will compute, which the C library reads before its first line."""
    given = os.environ.get("GLIBC_TUNABLES", "")
    if _HUGE_PAGES in given:
        return {"GLIBC_TUNABLES": given}
    return {"GLIBC_TUNABLES": ":".join(filter(None, (given, f"{_HUGE_PAGES}=1")))}


def prepare(threads: int) -> None:
    """Set what libraries read when they are imported: no network, our number of threads, short spinning."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["OMP_NUM_THREADS"] = str(threads)
    for name, value in _SPINS.items():
        os.environ.setdefault(name, value)
