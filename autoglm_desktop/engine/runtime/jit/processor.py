"""What the processor can do that the compiled parts make use of."""

from __future__ import annotations

import ctypes
import platform
import sys

import llvmlite.binding as llvm

_HAS = dict(llvm.get_host_cpu_features()) if platform.machine().lower() in ("x86_64", "amd64") else {}
WIDE = bool(_HAS.get("avx512vnni") and _HAS.get("avx512vl"))
"""Whether bytes are multiplied in vectors of 512 bits (AVX-512 VNNI)."""
VNNI = WIDE or bool(_HAS.get("avxvnni"))
"""Whether they are in vectors of 256 bits at least."""
AVX2 = bool(_HAS.get("avx2"))


def _thread_yield() -> str:
    """The name under which compiled code finds the operating system's way to give up a time slice."""
    if sys.platform == "win32":
        function = ctypes.WinDLL("kernel32").SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    llvm.add_symbol("autoglm_yield", ctypes.cast(function, ctypes.c_void_p).value)
    return "autoglm_yield"


YIELD = _thread_yield()
