"""`simulate decode` against the measured runs, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from statistics import fmean
from types import ModuleType

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.energy.decode_run import decode_run
from autoglm_desktop.energy.phone import Down, Load, Phone, start, step
from autoglm_desktop.energy.profile import load_profile, profile_ids
from autoglm_desktop.energy.shapes import SHAPES, Shape, read_gb
from tests.helpers import phone_traces


def _fit_script() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "packaging" / "fit_phone.py"
    spec = importlib.util.spec_from_file_location("fit_phone", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["fit_phone"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


IPHONE = load_profile("iphone-17-pro")
FIT = _fit_script()


def test_the_fields_are_those_of_the_command_line() -> None:
    result = decode_run(IPHONE, 1.8, seconds=30)
    assert set(result) == {"joules_per_token", "mean_w", "mean_tok_s", "tokens_per_percent", "series"}
    assert len(result["series"]) == 30
    assert set(result["series"][0]) == {"t_s", "tok_s", "soc_temp_c", "skin_temp_c", "power_w", "soc"}
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_the_measured_rows_are_met_within_ten_percent() -> None:
    for row in phone_traces.rows(FIT.RUNS):
        got = decode_run(IPHONE, row.weights_gb)
        assert got["joules_per_token"] == pytest.approx(row.j_token, rel=0.10), row.name
        assert got["mean_w"] == pytest.approx(row.mean_w, rel=0.10), row.name
        assert got["mean_tok_s"] == pytest.approx(row.tok_s, rel=0.10), row.name
        assert got["tokens_per_percent"] == pytest.approx(row.tokens_per_percent, rel=0.12), row.name


@pytest.mark.parametrize("weights_gb", [0.9, 1.0, 1.8, 4.5])
def test_the_rate_falls_in_the_first_two_minutes(weights_gb: float) -> None:
    series = decode_run(IPHONE, weights_gb)["series"]
    first, later = fmean(s["tok_s"] for s in series[:5]), fmean(s["tok_s"] for s in series[110:120])
    assert 0.40 <= 1.0 - later / first <= 0.56


def test_the_course_of_the_rate_is_that_of_a_run_that_began_cool() -> None:
    rows = [row for row in phone_traces.rows(FIT.RUNS) if row.cool]
    assert rows
    for row in rows:
        series = decode_run(IPHONE, row.weights_gb)["series"]
        for begin, end in ((0, 10), (60, 120), (120, 600)):
            got, measured = fmean(s["tok_s"] for s in series[begin:end]), fmean(row.rates[begin:end])
            assert got == pytest.approx(measured, rel=0.20), (row.name, begin)


def test_the_shipped_constants_are_those_of_the_fit_and_a_model_left_out_is_predicted() -> None:
    runs = [FIT.Run.read(phone_traces.folder() / f"{name}.json") for name in FIT.RUNS]
    fitted = FIT.fit(IPHONE, runs)
    for name, value in fitted.items():
        assert getattr(getattr(IPHONE, FIT.PARAMETERS[name][0]), name) == pytest.approx(value, rel=0.02), name
    for model in {run.model for run in runs}:
        values = FIT.fit(IPHONE, [run for run in runs if run.model != model])
        profile = FIT.with_values(IPHONE, values)
        for run in runs:
            if run.model == model:
                got = FIT.simulate(profile, run)
                assert got.j_token == pytest.approx(run.j_token, rel=0.20), run.name
                assert got.mean_w == pytest.approx(run.mean_w, rel=0.20), run.name
                assert got.tok_s == pytest.approx(run.tok_s, rel=0.20), run.name


def test_more_weights_never_cost_less() -> None:
    sizes = [0.2 + 0.05 * i for i in range(110)]
    read = [read_gb(size) for size in sizes]
    assert read == sorted(read)
    assert all(0.85 * size < gb < 1.25 * size for size, gb in zip(sizes, read, strict=True))


def test_a_gigabyte_read_costs_about_the_same_over_all_sizes() -> None:
    """0.10 to 0.13 J per GB of weights for 1.5 to 8 B at 4 bits on phones."""
    for weights_gb in (0.9, 1.0, 1.8, 2.3, 4.5):
        joules = decode_run(IPHONE, weights_gb)["joules_per_token"]
        assert joules is not None
        assert 0.10 <= joules / weights_gb <= 0.13


OTHERS = (
    Shape("LFM2-700M", 742.5, 0.0, 12.0),
    Shape("Gemma-3-1B", 999.9, 0.0, 26.0),
    Shape("TinyLlama-1.1B", 1100.0, 32000 * 2048 / 1e6, 22.0),
    Shape("LFM2-1.2B", 1170.3, 0.0, 12.0),
    Shape("StableLM-2-1.6B", 1644.5, 100352 * 2048 / 1e6, 192.0),
    Shape("InternLM2-1.8B", 1889.1, 92544 * 2048 / 1e6, 96.0),
    Shape("EXAONE-3.5-2.4B", 2405.3, 0.0, 75.0),
    Shape("SmolLM3-3B", 3075.1, 0.0, 72.0),
    Shape("Phi-4-mini", 3836.0, 0.0, 128.0),
    Shape("Gemma-3-4B", 3880.3, 0.0, 136.0),
    Shape("Qwen3-8B", 8190.7, 151936 * 4096 / 1e6, 144.0),
)
"""Models that the curve was not drawn through."""


@pytest.mark.parametrize("shape", [*SHAPES, *OTHERS], ids=lambda shape: shape.name)
def test_a_size_alone_tells_within_a_fifth_what_a_published_model_reads(shape: Shape) -> None:
    """Energy per token goes with what is read, and the sustained rate with its inverse."""
    share = read_gb(shape.weights_gb) / (shape.weights_gb * shape.read_ratio())
    if shape.name == "SmolLM2-1.7B":  # a KV head for every head, and the size of DeepSeek-R1-Distill-Qwen-1.5B
        assert 0.75 < share < 0.80
    else:
        assert 0.80 <= share <= 1.20
        assert 0.80 <= 1.0 / share <= 1.20


@pytest.mark.parametrize("name", ["DeepSeek-R1-Distill-Qwen-1.5B", "Llama-3.2-3B"])
def test_the_measured_models_are_met_by_their_size(name: str) -> None:
    shape = next(shape for shape in SHAPES if shape.name == name)
    for weights_gb in (shape.weights_gb, round(shape.weights_gb, 2)):
        assert read_gb(weights_gb) == pytest.approx(shape.weights_gb * shape.read_ratio(), rel=0.01)


def test_a_hotter_room_is_never_faster() -> None:
    rates = [decode_run(IPHONE, 1.8, ambient_c=c)["mean_tok_s"] for c in (0.0, 15.0, 25.0, 35.0, 45.0)]
    assert rates == sorted(rates, reverse=True)


def test_in_frost_the_phone_slows_and_lives_and_a_hotter_room_is_never_faster() -> None:
    """A cold cell sags: phones slow down before its voltage reaches the cut-off, they do not turn off at 60 %."""
    rates = []
    for ambient_c in range(-20, 55, 5):
        run = decode_run(IPHONE, 1.81, ambient_c=float(ambient_c))
        assert "ended" not in run
        assert len(run["series"]) == 600
        rates.append(run["mean_tok_s"])
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("phone_id", profile_ids(None))
def test_no_phone_turns_off_in_frost_while_a_third_of_its_charge_is_left(phone_id: str) -> None:
    profile = load_profile(phone_id)
    phone = Phone(profile)
    least_v, state = profile.battery.cutoff_v, start(phone, 0.35, ambient_c=-20.0)
    granted = 1.0
    for _ in range(300):
        state, flows = step(phone, state, Load(-20.0, 0.4, speech_w=20.0), 1.0)
        granted = min(granted, flows.granted)
        assert flows.voltage_v > least_v
    assert state.down == Down.ON
    assert 0.0 < granted < 1.0


def test_it_ends_when_the_phone_is_empty_and_says_so() -> None:
    result = decode_run(load_profile("ar-glasses"), 0.7, seconds=6 * 3600)
    assert 0.0 < result["series"][-1]["t_s"] < 6 * 3600
    assert result["series"][-1]["soc"] > 0.0
    assert result["ended"] == "empty"


@pytest.mark.parametrize(
    ("weights_gb", "ambient_c", "seconds", "told"),
    [
        (float("nan"), 25.0, 600, "weights-gb"),
        (-1.8, 25.0, 600, "weights-gb"),
        (1.8, 90.0, 600, "ambient-c"),
        (1.8, 25.0, 0, "seconds"),
        (1.8, 25.0, 10**9, "seconds"),
    ],
)
def test_values_out_of_range_are_refused(weights_gb: float, ambient_c: float, seconds: int, told: str) -> None:
    with pytest.raises(AppError) as caught:
        decode_run(IPHONE, weights_gb, ambient_c=ambient_c, seconds=seconds)
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    assert told in caught.value.report.line()


def test_weights_that_do_not_fit_are_refused_with_the_figures() -> None:
    with pytest.raises(AppError) as caught:
        decode_run(IPHONE, 18.8)
    assert caught.value.report.code is ErrorCode.OUT_OF_MEMORY
    assert "18.8" in caught.value.report.line()
