"""Fit the processor, the memory and the throttling of a phone profile to measured decode traces.

    python packaging/fit_phone.py [--traces DIR] [--profile resources/phones/iphone-17-pro.toml] [--write]

The traces (JSON, one per run: `metrics.decodeRateRollingWindow`, energy and watts by the battery gauge) are not part
of this repository; without --traces they are looked for in ``shared/data/phone-traces`` beside it. Six constants are
fitted through the phone's own `step`, with weak priors. Every run's energy, watts and mean rate are compared with a
cool start, as ``simulate decode`` makes it; the course of the rate only for runs that did start cool (how warm the
others were is told in one word of iOS only). Prints residuals per run and a cross-validation that leaves one model out;
--write puts the constants and the residuals into the profile. Needs scipy.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import fmean, median

from scipy.optimize import least_squares

from autoglm_desktop.energy.phone import Load, Phone, start, step
from autoglm_desktop.energy.power import decode_cost_gb
from autoglm_desktop.energy.profile import Profile, read_profile
from autoglm_desktop.energy.shapes import SHAPES

ROOT = Path(__file__).resolve().parent.parent
GAUGE_SIGMA = 0.03
"""Rows of one model repeat within some percent between runtimes; the gauge's common ±12 % cannot be told apart."""
RATE_SIGMA = 0.06
CURVE_SIGMA = 0.15
BIN_S = 10
SETTLED = slice(100, 300)
"""Seconds in which a run that began cool has come down to its sustained rate."""
RUNS = (
    "iphone-17-pro-deepseek-r1-1.5b-ane",
    "iphone-17-pro-llama-3.2-3b-ane",
    "iphone-17-pro-llama-3.2-3b-gpu",
    "iphone-17-pro-mlx-deepseek-r1-distill-qwen-1.5b-4bit",
    "iphone-17-pro-mlx-llama-3.2-3b-instruct-4bit",
)
"""The runs that the profile is fitted to: 4-bit weights of two models. Its one cost per GB read describes neither other
formats nor other runtimes, which the folder of traces holds, too."""

PARAMETERS: dict[str, tuple[str, float, float]] = {
    # name in the profile: (section, prior, relative width of the prior)
    "read_j_gb": ("power", 0.09, 1.0),
    "bandwidth_gb_s": ("power", 65.0, 1.0),
    "sustainable_w": ("throttle", 3.6, 1.0),
    "control_target_c": ("throttle", 43.0, 0.3),
    "gain_w_k": ("throttle", 0.4, 1.0),
    "spreader_j_k": ("thermal", 10.0, 0.3),
}


@dataclass(frozen=True, slots=True)
class Run:
    """A measured run: what was decoded, its gauge figures, and the decode rate second by second."""

    name: str
    model: str
    read_gb: float
    soc: float
    cool: bool
    """The phone was cool at the start: iOS' thermal state below "serious"."""
    seconds: float
    j_token: float
    mean_w: float
    tok_s: float
    rates: tuple[float, ...]

    @staticmethod
    def read(path: Path) -> Run:
        raw = json.loads(path.read_text(encoding="utf-8"))
        metrics, device, model = raw["metrics"], raw["device"], raw["model"]["displayName"]
        shape = next(s for s in SHAPES if _alike(s.name, model))
        seconds = metrics["energyMeasurementWindowSeconds"]
        return Run(
            name=path.stem.removeprefix("iphone-17-pro-"),
            model=shape.name,
            read_gb=shape.weights_gb * shape.read_ratio(),
            soc=device["batteryLevel"],
            cool=device["initialThermalState"] != "serious",
            seconds=seconds,
            j_token=metrics["energyJoulesPerToken"],
            mean_w=metrics["averagePackagePowerW"],
            tok_s=metrics["generatedTokenCount"] / seconds,
            rates=tuple(metrics["decodeRateRollingWindow"]),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the simulated phone does in the place of a run."""

    j_token: float
    mean_w: float
    tok_s: float
    rates: tuple[float, ...]


def _alike(shape: str, display: str) -> bool:
    words = re.findall(r"[a-z]+|[\d.]+b", display.lower())
    return words[0] in shape.lower() and any(w in shape.lower() for w in words if w.endswith("b") and w[0].isdigit())


def with_values(profile: Profile, values: dict[str, float]) -> Profile:
    """The profile with fitted constants put in."""
    data = profile.model_dump()
    for name, value in values.items():
        data[PARAMETERS[name][0]][name] = value
    return Profile.model_validate(data)


def simulate(profile: Profile, run: Run) -> Outcome:
    """The run on the simulated phone, in steps of one second."""
    phone = Phone(profile)
    state = start(phone, run.soc)
    cost = decode_cost_gb(profile, run.read_gb)
    load = Load(screen=profile.power.screen_level, decode_tok_s=cost.per_s, decode_j=cost.joules)
    rates, joules = [], 0.0
    for _ in range(round(run.seconds)):
        state, flows = step(phone, state, load, 1.0)
        rates.append(flows.decoded_tok)
        joules += flows.chemical_j
    return Outcome(joules / sum(rates), joules / len(rates), fmean(rates), tuple(rates))


def bins(rates: Sequence[float]) -> list[float]:
    """Medians over ten seconds: the measured rate dips for a second at each new prompt."""
    return [median(rates[i : i + BIN_S]) for i in range(0, len(rates) - BIN_S + 1, BIN_S)]


def _worst_first(residual: float) -> float:
    """Squared with its sign: in a sum of squares the row that is furthest off counts most, and none is given up."""
    return residual * abs(residual)


def _residuals(profile: Profile, runs: Sequence[Run], x: Sequence[float]) -> list[float]:
    values = {name: PARAMETERS[name][1] * v for name, v in zip(PARAMETERS, x, strict=True)}
    fitted = with_values(profile, values)
    out = [(v - 1.0) / PARAMETERS[name][2] for name, v in zip(PARAMETERS, x, strict=True)]
    for run in runs:
        got = simulate(fitted, run)
        rows = ((got.j_token, run.j_token), (got.mean_w, run.mean_w), (got.tok_s, run.tok_s))
        out += [_worst_first(log(a / b) / GAUGE_SIGMA) for a, b in rows]
        if run.cool:
            ends = ((fmean(x[:BIN_S]), median(x[SETTLED])) for x in (got.rates, run.rates))
            out += [_worst_first(log(a / b) / RATE_SIGMA) for a, b in zip(*ends, strict=True)]
            out += [log(a / b) / CURVE_SIGMA for a, b in zip(bins(got.rates), bins(run.rates), strict=False)]
    return out


def fit(profile: Profile, runs: Sequence[Run]) -> dict[str, float]:
    """Fitted constants by name."""
    found = least_squares(
        lambda x: _residuals(profile, runs, x),
        [1.0] * len(PARAMETERS),
        bounds=(0.2, 5.0),
        diff_step=1e-3,
        max_nfev=60,
    )
    return {name: PARAMETERS[name][1] * float(v) for name, v in zip(PARAMETERS, found.x, strict=True)}


def report(profile: Profile, runs: Sequence[Run]) -> list[str]:
    """One line a run: measured, simulated, and how far apart."""
    lines = []
    for run in runs:
        got = simulate(profile, run)
        curve = median(abs(a / b - 1.0) for a, b in zip(bins(got.rates), bins(run.rates), strict=False))
        course = f", course ±{curve:.1%}" if run.cool else ""
        lines.append(
            f"{run.name}: J/token {got.j_token:.3f} against {run.j_token:.3f} ({got.j_token / run.j_token - 1:+.1%}), "
            f"W {got.mean_w:.2f}/{run.mean_w:.2f} ({got.mean_w / run.mean_w - 1:+.1%}), "
            f"tok/s {got.tok_s:.1f}/{run.tok_s:.1f} ({got.tok_s / run.tok_s - 1:+.1%}){course}"
        )
    return lines


def write(path: Path, values: dict[str, float], lines: Sequence[str]) -> None:
    """Put fitted constants and residuals into the profile, leaving everything else as it is."""
    text = path.read_text(encoding="utf-8")
    for name, value in values.items():
        text, count = re.subn(rf"(?m)^{name} = [-\d.e]+", f"{name} = {value:.4g}", text)
        if count != 1:
            raise SystemExit(f"{path}: {name} was found {count} times")
    block = "".join(f"#   {line}\n" for line in lines)
    text = re.sub(
        r"(?ms)^# residuals begin\n.*?^# residuals end\n", f"# residuals begin\n{block}# residuals end\n", text
    )
    path.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Fit a phone profile to measured decode traces.")
    parser.add_argument("--traces", type=Path, default=ROOT.parent / "shared" / "data" / "phone-traces")
    parser.add_argument("--profile", type=Path, default=ROOT / "resources" / "phones" / "iphone-17-pro.toml")
    parser.add_argument("--write", action="store_true", help="put the result into the profile")
    args = parser.parse_args()
    missing = [name for name in RUNS if not (args.traces / f"{name}.json").exists()]
    if missing:
        print(f"not in {args.traces}: {', '.join(missing)}. Pass --traces DIR", file=sys.stderr)
        return 1
    runs = [Run.read(args.traces / f"{name}.json") for name in RUNS]
    profile = read_profile(args.profile)
    values = fit(profile, runs)
    lines = report(with_values(profile, values), runs)
    for model in sorted({run.model for run in runs}):
        kept = [run for run in runs if run.model != model]
        without = fit(profile, kept)
        lines.append(f"fitted without {model}:")
        left_out = [run for run in runs if run.model == model]
        lines += ["  " + line for line in report(with_values(profile, without), left_out)]
    print("\n".join([*(f"{n} = {v:.4g}" for n, v in values.items()), *lines]))
    if args.write:
        write(args.profile, values, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
