"""Bounds on what rounding does to weights, for any weights."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autoglm_desktop.engine.runtime.kernels_packed import GROUP, PackedLinear, pack_int4, pack_int8
from autoglm_desktop.engine.runtime.mapped import MappedFile
from autoglm_desktop.engine.runtime.quantize import to_int4, to_int8
from autoglm_desktop.engine.runtime.tier_file import TierWriter
from tests.helpers.packed_weights import unpacked


@st.composite
def matrices(draw: st.DrawFn) -> torch.Tensor:
    """float32 [rows, 32 · groups], of any size of numbers, with an offset and an outlier now and then."""
    rows, groups = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    scale, offset = 10.0 ** draw(st.integers(-4, 3)), draw(st.sampled_from([0.0, 0.5, -3.0]))
    weight = (torch.randn(rows, groups * GROUP, generator=generator) + offset) * scale
    if draw(st.booleans()):
        weight[draw(st.integers(0, rows - 1)), draw(st.integers(0, groups * GROUP - 1))] *= 50
    if draw(st.booleans()):
        weight[0] = 0
    return weight


@settings(max_examples=60, deadline=None)
@given(matrices())
def test_int8_is_off_by_half_a_step_at_most(weight: torch.Tensor) -> None:
    before = weight.clone()
    packed = to_int8(weight)
    assert torch.equal(weight, before)
    assert torch.equal(packed.scale, packed.scale.bfloat16().float())
    assert bool((packed.levels.abs() <= 127).all())
    error = (packed.dequantize() - weight).abs()
    assert bool((error <= packed.scale.unsqueeze(1) * 0.5001).all())
    assert bool((packed.scale <= weight.abs().amax(1) / 127 * (1 + 2**-6) + 1e-37).all())


@settings(max_examples=60, deadline=None)
@given(matrices())
def test_int4_is_never_worse_than_the_plain_grid(weight: torch.Tensor) -> None:
    before = weight.clone()
    packed = to_int4(weight)
    assert torch.equal(weight, before)
    groups = weight.unflatten(1, (-1, GROUP))  # type: ignore[no-untyped-call]
    low, high = groups.amin(-1), groups.amax(-1)
    # half a step of 16 levels over the range, and what bf16 scales and offsets add to it
    bound = (high - low) / 15 * 0.5 + 2.0**-8 * (3 * (high - low) + low.abs().maximum(high.abs())) + 1e-37
    squared = (packed.dequantize() - weight).unflatten(1, (-1, GROUP)).square().sum(-1)  # type: ignore[no-untyped-call]
    assert bool((squared <= GROUP * bound.square()).all())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([64, 128, 160]))
def test_compensation_makes_the_product_better(seed: int, columns: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(64, columns, generator=generator)
    mixing = torch.randn(columns, columns, generator=generator) / columns**0.5
    x = torch.randn(4 * columns, columns, generator=generator) @ mixing
    before, hessian = weight.clone(), x.t() @ x
    plain, compensated = to_int4(weight), to_int4(weight, hessian)
    assert torch.equal(weight, before)
    assert torch.equal(hessian, x.t() @ x)

    def loss(rounded: torch.Tensor) -> float:
        return float((x @ (rounded - weight).t()).square().sum())

    assert loss(compensated.dequantize()) < 0.9 * loss(plain.dequantize())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 70), st.integers(1, 4))
def test_packing_keeps_every_level(seed: int, rows: int, groups: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randint(0, 16, (rows, 32 * groups), generator=generator, dtype=torch.uint8)
    ones, zeros = torch.ones(rows, groups), torch.zeros(rows, groups)
    in_4 = PackedLinear(pack_int4(levels, ones, zeros), rows, 32 * groups)
    assert torch.equal(unpacked(in_4), levels.float() - 8)
    signed = torch.randint(-127, 128, (rows, 32 * groups - 5), generator=generator, dtype=torch.int8)
    in_8 = PackedLinear(pack_int8(signed), rows, 32 * groups - 5, torch.ones(rows))
    assert torch.equal(unpacked(in_8), signed.float())


DTYPES = (torch.int8, torch.uint8, torch.bfloat16, torch.float32)
shapes = st.lists(st.integers(0, 5), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(shapes, st.sampled_from(DTYPES)), max_size=6))
def test_what_is_written_piece_by_piece_is_read_back(described: list[tuple[list[int], torch.dtype]]) -> None:
    tensors = {
        f"tensor.{i}": torch.arange(125)[: torch.Size(shape).numel()].view(shape).to(dtype)
        for i, (shape, dtype) in enumerate(described)
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.safetensors")
        with path.open("wb") as out:
            writer = TierWriter(out, len(tensors))
            for name, tensor in tensors.items():
                writer.add(name, tensor)
            writer.finish()
        file = MappedFile(path)
        for name, tensor in tensors.items():
            assert torch.equal(file.get(name), tensor)
            assert file.get(name).dtype is tensor.dtype
