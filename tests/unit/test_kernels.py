"""Every product against the plain one with the weights that it stands for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime.kernels import DenseLinear, Linear, fuse
from autoglm_desktop.engine.runtime.kernels_gpu import gpu_linear
from autoglm_desktop.engine.runtime.kernels_packed import PackedLinear, pack_int4, pack_int8
from autoglm_desktop.engine.runtime.quantize import to_int4, to_int8
from tests.helpers.packed_weights import unpacked

ROWS, COLUMNS = 192, 128
TOKENS = (1, 3, 6, 40)


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


def int8(weight: torch.Tensor, bias: torch.Tensor | None = None) -> tuple[PackedLinear, torch.Tensor]:
    """The product, and the weights that it stands for."""
    packed = to_int8(weight)
    return PackedLinear(
        pack_int8(packed.levels), weight.shape[0], weight.shape[1], packed.scale, bias
    ), packed.dequantize()


def int4(weight: torch.Tensor, bias: torch.Tensor | None = None) -> tuple[PackedLinear, torch.Tensor]:
    packed = to_int4(weight)
    blocks = pack_int4(packed.levels, packed.scale.t(), packed.zero.t())
    return PackedLinear(blocks, weight.shape[0], weight.shape[1], bias=bias), packed.dequantize()


@pytest.mark.parametrize("make", [int8, int4])
@pytest.mark.parametrize("rows", [192, 70])
@pytest.mark.parametrize("n", TOKENS)
def test_packed(make: Callable[..., tuple[PackedLinear, torch.Tensor]], n: int, rows: int) -> None:
    generator = torch.Generator().manual_seed(3)
    bias, x = torch.randn(rows, generator=generator).bfloat16(), inputs(n, generator).bfloat16()
    linear, weight = make(torch.randn(rows, COLUMNS, generator=generator), bias)
    assert torch.equal(unpacked(linear), weight)
    assert worst(linear, weight, bias, x) < 0.012


def test_several_tokens_are_multiplied_as_each_alone(generator: torch.Generator) -> None:
    x = inputs(9, generator)
    for make in (int8, int4):
        linear, _ = make(torch.randn(ROWS, COLUMNS, generator=generator))
        alone = torch.cat([linear(row.unsqueeze(0)) for row in x])
        assert float(((linear(x) - alone).abs().amax(1) / alone.abs().amax(1)).max()) < 1e-5


def test_weights_in_8_bits_need_no_whole_groups(generator: torch.Generator) -> None:
    weight, x = torch.randn(ROWS, 100, generator=generator), torch.randn(7, 100, generator=generator)
    linear, rounded = int8(weight)
    assert worst(linear, rounded, torch.zeros(ROWS), x) < 0.012
    with pytest.raises(ValueError, match="100 columns"):
        int4(weight)


def test_packed_weights_count_their_bytes() -> None:
    ones = torch.ones(64, 64)
    assert int4(ones)[0].nbytes == 64 * 64 // 2 + 2 * 2 * 64 * 2
    assert int8(ones)[0].nbytes == 64 * 64 + 4 * 64


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
