"""Sustained decoding on a simulated phone: the computation of ``simulate decode``.

Conditions are those of the calibration campaign: a cool start (every node at the ambient temperature), unplugged,
screen on at the profile's usual brightness, charge at 60 %, where one percent holds a hundredth of the pack's energy
(as the campaign counts it), tokens as fast as the phone lets. Joules are what the cell's chemistry gives: the battery
gauge sees losses too.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import NotRequired, TypedDict

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.energy.phone import Down, Flows, Load, Phone, State, start, step
from autoglm_desktop.energy.power import decode_cost_gb, refuse_unless_fits
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.shapes import read_gb

START_SOC = 0.60
CAMPAIGN_S = 600
_DT_S = 1.0
_MAX_SECONDS = 7 * 86_400


class Sample(TypedDict):
    """The phone after second `t_s`; `tok_s` and `power_w` are means over that second, `soc` is 0 to 1."""

    t_s: float
    tok_s: float
    soc_temp_c: float
    skin_temp_c: float
    power_w: float
    soc: float


class DecodeRun(TypedDict):
    """The JSON object of ``simulate decode``. Means are over the whole run, or until the phone turned off.

    `joules_per_token` and `tokens_per_percent` are None when no token was decoded. `ended` is there when the phone
    turned off before the time was over, and says why: "empty", "brown_out" or "hot".
    """

    joules_per_token: float | None
    mean_w: float
    mean_tok_s: float
    tokens_per_percent: float | None
    series: list[Sample]
    ended: NotRequired[str]


def decode_run(
    profile: Profile,
    weights_gb: float,
    *,
    ambient_c: float = 25.0,
    seconds: int = CAMPAIGN_S,
    start_soc: float = START_SOC,
) -> DecodeRun:
    """Decode a 4-bit model of `weights_gb` GB (see `shapes` for what counts) for `seconds` of simulated time.

    Raises AppError BAD_INPUT for values outside their ranges, OUT_OF_MEMORY when the weights do not fit the phone.
    """
    _check("weights-gb", weights_gb, 0.01, 1000.0)
    _check("ambient-c", ambient_c, -20.0, 54.0)
    _check("seconds", seconds, 1, _MAX_SECONDS)
    refuse_unless_fits(profile, weights_gb, str(_model(weights_gb)))
    cost = decode_cost_gb(profile, read_gb(weights_gb))
    load = Load(ambient_c, profile.power.screen_level, decode_tok_s=cost.per_s, decode_j=cost.joules)
    phone = Phone(profile)
    return summarise(list(decoding(phone, start(phone, start_soc, ambient_c=ambient_c), load, seconds)), start_soc)


def decoding(phone: Phone, state: State, load: Load, seconds: int) -> Iterator[tuple[State, Flows]]:
    """Second by second until the time is over or the phone is off."""
    for _ in range(int(seconds)):
        state, flows = step(phone, state, load, _DT_S)
        yield state, flows
        if state.down:
            return


def summarise(steps: list[tuple[State, Flows]], start_soc: float) -> DecodeRun:
    """Means, and one sample a second, of a run that began at `start_soc`."""
    last = steps[-1][0]
    tokens = sum(flows.decoded_tok for _, flows in steps)
    joules = sum(flows.chemical_j for _, flows in steps)
    percent = 100.0 * (start_soc - last.soc)
    run = DecodeRun(
        joules_per_token=joules / tokens if tokens > 0.0 else None,
        mean_w=joules / last.time_s,
        mean_tok_s=tokens / last.time_s,
        tokens_per_percent=tokens / percent if tokens > 0.0 and percent > 0.0 else None,
        series=[_sample(state, flows) for state, flows in steps],
    )
    if last.down:
        run["ended"] = Down(last.down).name.lower()
    return run


def _sample(state: State, flows: Flows) -> Sample:
    return Sample(
        t_s=round(state.time_s, 6),
        tok_s=flows.tok_s,
        soc_temp_c=state.junction_c,
        skin_temp_c=state.body_c,
        power_w=flows.power_w,
        soc=state.soc,
    )


def _model(weights_gb: float) -> Text:
    return msg("A model of {gb:.1f} GB", gb=weights_gb)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not (isfinite(value) and low <= value <= high):
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("{name} is {value}; it must lie between {low} and {high}.", name=name, value=value, low=low, high=high),
            msg("Give a value in this range."),
        )
