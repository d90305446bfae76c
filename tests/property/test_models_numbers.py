"""bfloat16 rounding, tensor names and rotary row orders."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.models.bf16 import from_bf16, to_bf16
from autoglm_desktop.models.names import from_interleaved, gguf_name, hf_name, to_interleaved


def test_every_bfloat16_survives_a_round_trip() -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    values = from_bf16(bits)
    back = to_bf16(values)
    nan = np.isnan(values)
    assert np.array_equal(back[~nan], bits[~nan])
    assert np.isnan(from_bf16(back[nan])).all()


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_rounding_takes_the_nearest_and_ties_to_even(value: float) -> None:
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    below, above = bits >> 16, (bits >> 16) + 1
    got = int(to_bf16(np.array([value], dtype=np.float32))[0])

    def distance(candidate: int) -> Fraction:
        (number,) = struct.unpack("<f", struct.pack("<I", candidate << 16))
        # past the largest number stands what would come next, as IEEE 754 rounds
        exact = Fraction(2) ** 128 * (1 if number > 0 else -1) if math.isinf(number) else Fraction(number)
        return abs(exact - Fraction(value))

    low, high = distance(below), distance(above)
    expected = below if low < high else above if high < low else below if below % 2 == 0 else above
    assert got == expected


@given(st.integers(1, 16), st.integers(1, 16))
def test_rotary_row_orders_are_inverse(heads: int, half: int) -> None:
    rows = np.arange(heads * half * 2)
    there = rows[to_interleaved(len(rows), heads)]
    assert np.array_equal(there[from_interleaved(len(rows), heads)], rows)


def test_interleaved_rows_put_a_rotary_pair_side_by_side() -> None:
    assert to_interleaved(8, 2).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@given(
    st.integers(0, 200),
    st.sampled_from(["attn_q", "attn_k_norm", "ffn_down", "attn_norm", "ffn_norm", "attn_output"]),
    st.sampled_from(["weight", "bias"]),
)
def test_names_map_both_ways(layer: int, part: str, kind: str) -> None:
    name = f"blk.{layer}.{part}.{kind}"
    translated = hf_name(name)
    assert translated is not None
    assert translated.startswith(f"model.layers.{layer}.")
    assert gguf_name(translated) == name


def test_unknown_names_are_none() -> None:
    assert hf_name("blk.0.ffn_gate_exps.weight") is None
    assert hf_name("rope_freqs.weight") is None
    assert gguf_name("model.visual.patch_embed.proj.weight") is None
