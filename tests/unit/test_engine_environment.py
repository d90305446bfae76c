"""What a process that computes gets before it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autoglm_desktop.engine import environment

HUGE_BLOCK_BYTES = 64 << 20
MODE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "glibc.malloc.hugetlb=1"),
        ("glibc.malloc.check=1", "glibc.malloc.check=1:glibc.malloc.hugetlb=1"),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
    ],
)
def test_what_somebody_set_stays(monkeypatch: pytest.MonkeyPatch, given: str, expected: str) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", given)
    assert environment.at_start() == {"GLIBC_TUNABLES": expected}


@pytest.mark.skipif(
    not MODE.is_file() or "[madvise]" not in MODE.read_text(encoding="ascii"),
    reason="this system gives huge pages to all or to none",
)
def test_large_blocks_lie_in_huge_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    program = (
        f"block = bytes.__mul__(b'x', {HUGE_BLOCK_BYTES});"
        "rollup = open('/proc/self/smaps_rollup').read();"
        "print(rollup.split('AnonHugePages:')[1].split()[0])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment.at_start(), capture_output=True, check=True, timeout=60
    )
    assert int(found.stdout) * 1024 >= HUGE_BLOCK_BYTES // 2
