"""Every product against the plain one with the weights that it stands for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime import kernels_int4, kernels_int8
from autoglm_desktop.engine.runtime.kernels import DenseLinear, Linear, fuse
from autoglm_desktop.engine.runtime.kernels_gpu import gpu_linear
from autoglm_desktop.engine.runtime.kernels_int4 import GROUP, Int4Linear, Layout, layout, pack
from autoglm_desktop.engine.runtime.kernels_int8 import Int8Linear
from autoglm_desktop.engine.runtime.quantize import to_int4, to_int8
from autoglm_desktop.engine.runtime.tiers import RowParts

ROWS, COLUMNS = 192, 128
TOKENS = (1, 3, 40)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def worst(linear: Linear, weight: torch.Tensor, bias: torch.Tensor, x: torch.Tensor) -> float:
    """The largest error of a row of outputs, relative to its largest value."""
    with torch.inference_mode():
        found = linear(x).float()
    expected = x.float() @ weight.float().t() + bias.float()
    assert found.shape == expected.shape
    return float(((found - expected).abs().amax(1) / expected.abs().amax(1)).max())


def inputs(n: int, generator: torch.Generator) -> torch.Tensor:
    """Rows of very different size: one scale for all of them would lose the small ones."""
    return torch.randn(n, COLUMNS, generator=generator) * torch.logspace(-2, 2, n).unsqueeze(1)


@pytest.mark.parametrize("n", TOKENS)
def test_int8_as_stored_and_prepared(n: int, generator: torch.Generator) -> None:
    packed = to_int8(torch.randn(ROWS, COLUMNS, generator=generator))
    bias, x = torch.randn(ROWS, generator=generator), inputs(n, generator)
    linear = Int8Linear(packed.levels, packed.scale, bias)
    assert worst(linear, packed.dequantize(), bias, x) < 0.012
    linear.prepare()
    assert linear.pending == 0
    assert worst(linear, packed.dequantize(), bias, x) < 0.015
    linear.prepare()


def test_int8_without_the_fast_kernel_stays_as_stored(
    generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels_int8, "fast_kernel_available", lambda: False)
    packed = to_int8(torch.randn(ROWS, COLUMNS, generator=generator))
    linear = Int8Linear(packed.levels, packed.scale)
    linear.prepare()
    assert linear.pending == 0
    assert worst(linear, packed.dequantize(), torch.zeros(ROWS), inputs(5, generator)) < 0.012


def test_a_tall_product_in_parts_is_the_whole(generator: torch.Generator) -> None:
    packed = to_int8(torch.randn(ROWS, COLUMNS, generator=generator))
    parts = [slice(0, 100), slice(100, 150), slice(150, ROWS)]
    linear = RowParts(tuple(Int8Linear(packed.levels[part], packed.scale[part]) for part in parts))
    assert worst(linear, packed.dequantize(), torch.zeros(ROWS), inputs(3, generator)) < 0.012
    assert linear.nbytes == ROWS * COLUMNS + 4 * ROWS


@pytest.mark.parametrize("rows", [192, 70])
@pytest.mark.parametrize("n", TOKENS)
def test_int4_in_the_order_of_this_processor(n: int, rows: int, generator: torch.Generator) -> None:
    packed = to_int4(torch.randn(rows, COLUMNS, generator=generator))
    bias, x = torch.randn(rows, generator=generator).bfloat16(), inputs(n, generator).bfloat16()
    padded = packed.padded()
    linear = Int4Linear(pack(padded.levels, layout()), padded.scale_zero(), padded.step(), rows, bias)
    assert worst(linear, packed.dequantize(), bias, x) < 0.015


def test_int4_without_torchs_kernel(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Layout(64, interleaved=False, kernel=False)
    monkeypatch.setattr(kernels_int4, "layout", lambda: plain)
    packed = to_int4(torch.randn(ROWS, COLUMNS, generator=generator))
    linear = Int4Linear(pack(packed.levels, plain), packed.scale_zero(), packed.step(), ROWS)
    for n in TOKENS:
        x = inputs(n, generator).bfloat16()
        assert worst(linear, packed.dequantize(), torch.zeros(ROWS), x) < 0.015


@pytest.mark.parametrize(
    ("capability", "expected"), [("default", "pairs32"), ("avx2", "halves32"), ("avx512", "halves64")]
)
def test_the_order_of_other_processors_is_recognised(capability: str, expected: str) -> None:
    script = (
        "import torch\n"
        "from autoglm_desktop.engine.runtime.kernels_int4 import *\n"
        "from autoglm_desktop.engine.runtime.quantize import to_int4\n"
        "p = to_int4(torch.randn(64, 64)); x = torch.randn(33, 64).bfloat16()\n"
        "y = Int4Linear(pack(p.levels, layout()), p.scale_zero(), p.step(), 64)(x).float()\n"
        "z = x.float() @ p.dequantize().t()\n"
        "print(torch.backends.cpu.get_cpu_capability(), layout().name, float((y - z).abs().max() / z.abs().max()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=os.environ | {"ATEN_CPU_CAPABILITY": capability, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    active, name, error = done.stdout.split()
    if active.lower() != capability:
        pytest.skip(f"this processor has no {capability}")
    assert name == expected
    assert float(error) < 0.02


def test_int4_counts_its_bytes() -> None:
    packed = to_int4(torch.ones(64, 64))
    linear = Int4Linear(pack(packed.levels, layout()), packed.scale_zero(), packed.step(), 64)
    assert linear.nbytes == 64 * 64 // 2 + 64 * 64 // GROUP * 4 + 64 * 4


@pytest.mark.parametrize(("tier", "bound"), [(Tier.FP16, 0.01), (Tier.INT8, 0.03), (Tier.INT4, 0.35)])
@pytest.mark.filterwarnings("ignore::Warning:bitsandbytes", "ignore:MatMul8bitLt")
def test_the_gpus_products_run_on_a_processor_too(tier: Tier, bound: float, generator: torch.Generator) -> None:
    weight = torch.randn(ROWS, COLUMNS, generator=generator).bfloat16()
    bias = torch.randn(ROWS, generator=generator).bfloat16()
    linear = gpu_linear(tier, "down.0", DenseLinear(weight, bias))
    for n in TOKENS:
        x = torch.randn(n, COLUMNS, generator=generator).bfloat16()
        error = worst(linear, weight, bias, x)
        assert error < bound
    assert linear.nbytes < {Tier.FP16: 2.01, Tier.INT8: 1.04, Tier.INT4: 0.57}[tier] * ROWS * COLUMNS


def test_matrices_that_lie_together_are_fused_without_a_copy() -> None:
    whole = torch.arange(40.0).view(10, 4)
    fused = fuse([whole[:3], whole[3:4], whole[4:]])
    assert fused.data_ptr() == whole.data_ptr()
    assert torch.equal(fused, whole)
    assert torch.equal(fuse([whole[4:], whole[:4]]), torch.cat([whole[4:], whole[:4]]))
    apart = [whole[:2], torch.ones(2, 4)]
    assert torch.equal(fuse(apart), torch.cat(apart))
