"""Every product against the plain one with the weights that it stands for."""

from __future__ import annotations

import pytest
import torch

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime.kernels import DenseLinear, Linear, fuse
from autoglm_desktop.engine.runtime.kernels_gpu import gpu_linear
from autoglm_desktop.engine.runtime.kernels_int4 import GROUP, Int4Linear, pack
from autoglm_desktop.engine.runtime.kernels_int8 import Int8Linear
from autoglm_desktop.engine.runtime.quantize import to_int4, to_int8

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
def test_int8(n: int, generator: torch.Generator) -> None:
    packed = to_int8(torch.randn(ROWS, COLUMNS, generator=generator))
    bias, x = torch.randn(ROWS, generator=generator), inputs(n, generator)
    linear = Int8Linear(packed.levels, packed.scale, bias)
    assert worst(linear, packed.dequantize(), bias, x) < 0.012
    assert linear.nbytes == ROWS * COLUMNS + 4 * ROWS


@pytest.mark.parametrize("rows", [192, 70])
@pytest.mark.parametrize("n", TOKENS)
def test_int4(n: int, rows: int, generator: torch.Generator) -> None:
    packed = to_int4(torch.randn(rows, COLUMNS, generator=generator))
    bias, x = torch.randn(rows, generator=generator).bfloat16(), inputs(n, generator).bfloat16()
    linear = Int4Linear(pack(packed.levels), packed.scale_zero(), packed.step(), bias)
    assert worst(linear, packed.dequantize(), bias, x) < 0.015


def test_int4_counts_its_bytes() -> None:
    packed = to_int4(torch.ones(64, 64))
    linear = Int4Linear(pack(packed.levels), packed.scale_zero(), packed.step())
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
