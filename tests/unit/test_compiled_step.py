"""One token by the compiled step against the same token by torch's operations."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime.decoder import Decoder
from autoglm_desktop.engine.runtime.kernels import DenseLinear, Linear
from autoglm_desktop.engine.runtime.kernels_packed import PackedLinear
from autoglm_desktop.engine.runtime.kv import KvCache
from autoglm_desktop.engine.runtime.weights import PARTS
from tests.helpers.checkpoints import write_checkpoint
from tests.helpers.packed_weights import unpacked
from tests.helpers.tiny_model import write_tiny_model

ARCHITECTURES = ("llama", "qwen2", "qwen3")
SIZES = {"hidden_size": 128, "intermediate_size": 320, "num_attention_heads": 4, "head_dim": 32}
TOKENS = [int(x) for x in torch.randint(0, 258, (24,), generator=torch.Generator().manual_seed(5))]
BOUNDS = {Tier.FP16: 0.01, Tier.INT8: 0.05, Tier.INT4: 0.06}
"""Keys and values are rounded to bf16, and inputs of 8- and 4-bit weights to 8 bits."""


def load(folder: Path, architecture: str, tier: Tier) -> Decoder:
    write_checkpoint(folder, architecture, **SIZES)
    return Decoder.load(write_tiny_model(folder), tier, on_progress=lambda _: None)


def one_by_one(decoder: Decoder) -> tuple[torch.Tensor, KvCache]:
    """Logits [n, vocab] after each of TOKENS, and what was kept of them."""
    cache = KvCache.create(decoder.config)
    return torch.stack([decoder.forward([token], cache) for token in TOKENS]), cache


def plain(linear: Linear) -> DenseLinear:
    """The same weights in float32."""
    if isinstance(linear, PackedLinear):
        return DenseLinear(unpacked(linear), linear.bias[: linear.rows])
    assert isinstance(linear, DenseLinear)
    return DenseLinear(linear.weight.float(), None if linear.bias is None else linear.bias.float())


def exact(decoder: Decoder) -> tuple[torch.Tensor, KvCache]:
    """As `one_by_one`, in float32 throughout, with the weights of the tier."""
    held = decoder._weights
    layers = tuple(layer.with_linears({part: plain(getattr(layer, part)) for part in PARTS}) for layer in held.layers)
    weights = replace(held, layers=layers, head=plain(held.head))
    cache = KvCache.create(decoder.config, torch.float32)
    plainly = Decoder(decoder.folder, decoder.config, decoder.tier, weights)
    plainly._step = None
    return plainly.forward_all(TOKENS, cache), cache


@pytest.fixture
def threads() -> Iterator[int]:
    """How many torch uses; as it was after the test."""
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_computes_what_float32_computes(tmp_path: Path, architecture: str, tier: Tier) -> None:
    decoder = load(tmp_path, architecture, tier)
    assert decoder._step is not None
    found, cache = one_by_one(decoder)
    expected, whole = exact(decoder)
    assert cache.tokens == TOKENS
    assert float((found - expected).norm() / expected.norm()) < BOUNDS[tier]
    kept, made = (c.buffer[:, :, : len(TOKENS)].float() for c in (whole, cache))
    assert float((kept - made).norm() / kept.norm()) < BOUNDS[tier]


def test_in_16_bits_it_is_nearer_to_float32_than_torch_is(tmp_path: Path) -> None:
    decoder = load(tmp_path, "qwen2", Tier.FP16)
    reference = Decoder.load_reference(tmp_path)
    exact = reference.forward_all(TOKENS, KvCache.create(reference.config, torch.float32))
    ours, torchs = one_by_one(decoder)[0], decoder.forward_all(TOKENS, KvCache.create(decoder.config))
    assert (ours - exact).norm() < (torchs - exact).norm()


@pytest.mark.parametrize("tier", Tier)
def test_the_number_of_threads_changes_nothing(tmp_path: Path, tier: Tier, threads: int) -> None:
    found = []
    decoder = load(tmp_path, "qwen3", tier)
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        decoder.switch(next(other for other in Tier if other is not tier), lambda _: None)
        decoder.switch(tier, lambda _: None)
        found.append(one_by_one(decoder)[0])
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_the_cache_grows_on_the_way(tmp_path: Path) -> None:
    decoder = load(tmp_path, "llama", Tier.FP16)
    cache = KvCache.create(decoder.config)
    tokens = (TOKENS * 11)[:256]
    for token in tokens:
        logits = decoder.forward([token], cache)
    expected = decoder.forward(tokens, KvCache.create(decoder.config))
    assert float((logits - expected).norm() / expected.norm()) < 0.05
    with pytest.raises(ValueError, match="1 tokens after 256 of 256"):
        decoder.forward([1], cache)
    assert cache.length == 256


def test_sizes_that_do_not_fill_a_group_take_torchs_way(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, "llama", intermediate_size=100)
    decoder = Decoder.load(write_tiny_model(tmp_path), Tier.INT4, on_progress=lambda _: None)
    assert decoder._step is None
    assert one_by_one(decoder)[1].length == len(TOKENS)


SCRIPT = """
import sys
from pathlib import Path
import llvmlite.binding
here = llvmlite.binding.get_host_cpu_features()
kept = llvmlite.binding.FeatureMap({name: here.get(name, False) for name in sys.argv[3].split()})
llvmlite.binding.get_host_cpu_features = lambda: kept
import torch
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime.decoder import Decoder
from autoglm_desktop.engine.runtime.jit import processor
from autoglm_desktop.engine.runtime.kv import KvCache
decoder = Decoder.load(Path(sys.argv[1]), Tier(sys.argv[2]), on_progress=lambda _: None)
cache, tokens = KvCache.create(decoder.config), [int(x) for x in sys.argv[4].split()]
torch.save(torch.stack([decoder.forward([token], cache) for token in tokens]), sys.argv[5])
torch.save(decoder.forward_all(tokens, KvCache.create(decoder.config)), sys.argv[6])
print(processor.WIDE, decoder._step is not None)
"""


@pytest.mark.parametrize(
    ("tier", "features"), [(Tier.INT8, ""), (Tier.INT4, "avx2"), (Tier.INT8, "avx2"), (Tier.INT4, "avx2 avxvnni")]
)
def test_a_simpler_processor_computes_the_same(tmp_path: Path, tier: Tier, features: str) -> None:
    decoder = load(tmp_path, "qwen2", tier)
    there = [tmp_path / "step.pt", tmp_path / "prompt.pt"]
    tokens = " ".join(map(str, TOKENS))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, tmp_path, tier.value, features, tokens, *there],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "compiled"), "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert done.stdout.split() == ["False", "True"]
    here = (one_by_one(decoder)[0], decoder.forward_all(TOKENS, KvCache.create(decoder.config)))
    for path, expected in zip(there, here, strict=True):
        found = torch.load(path, weights_only=True)
        assert float((found - expected).norm() / expected.norm()) < 1e-4
