"""What the processor can do that the compiled parts make use of."""

from __future__ import annotations

import ctypes
import platform
import sys

import llvmlite.binding as llvm


def _has_vnni() -> bool:
    """Whether 256-bit VNNI can be used: AVX-512's, or AVX-VNNI."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    has = llvm.get_host_cpu_features()
    return bool((has.get("avx512vnni") and has.get("avx512vl")) or has.get("avxvnni"))


VNNI = _has_vnni()
WIDE = VNNI and bool(llvm.get_host_cpu_features().get("avx512vnni"))


def _thread_yield() -> str:
    """The name under which compiled code finds the operating system's way to give up a time slice."""
    if sys.platform == "win32":
        function = ctypes.WinDLL("kernel32").SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    llvm.add_symbol("autoglm_yield", ctypes.cast(function, ctypes.c_void_p).value)
    return "autoglm_yield"


YIELD = _thread_yield()
