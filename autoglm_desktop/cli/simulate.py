"""``simulate``: the simulated phone without a model. `decode`: sustained decoding; `run` and `sweep`: scenarios."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.energy.decode_run import CAMPAIGN_S, DecodeRun, Sample, decode_run
from autoglm_desktop.energy.profile import load_profile

from .context import begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption
from .output import print_json, print_text
from .simulate_run import run
from .simulate_sweep import sweep

ROWS = 12
_BAR_CELLS = 30
_BLOCKS = " ▏▎▍▌▋▊▉█"

simulate = typer.Typer(help="Ask the simulated phone.", no_args_is_help=True)
simulate.command()(run)
simulate.command()(sweep)


@simulate.callback()
def _group() -> None:
    """Ask the simulated phone."""


@simulate.command()
def decode(
    typer_context: typer.Context,
    *,
    phone: Annotated[str, typer.Option("--phone", metavar="ID", help="The phone, for example iphone-17-pro.")],
    weights_gb: Annotated[
        float, typer.Option("--weights-gb", metavar="X", help="Size of the 4-bit weights in 1e9 bytes.")
    ],
    ambient_c: Annotated[float, typer.Option("--ambient-c", metavar="T", help="Temperature of the air.")] = 25.0,
    seconds: Annotated[int, typer.Option("--seconds", metavar="N", help="Length in simulated time.")] = CAMPAIGN_S,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Decode without a pause on a phone: joules per token, watts, rate, and how they change as it warms."""
    context = begin(typer_context, data_dir, log_level, language)
    profile = load_profile(phone, context.paths.phones)
    run = decode_run(profile, weights_gb, ambient_c=ambient_c, seconds=seconds)
    if as_json:
        print_json({**run})
        return
    print_text(tr("{phone}, 4-bit weights of {gb:g} GB, simulated", phone=profile.name, gb=weights_gb))
    _print_summary(run)
    _print_series(run["series"])


def _print_summary(run: DecodeRun) -> None:
    rows = (
        (tr("Energy per token"), _figure(run["joules_per_token"], "J")),
        (tr("Mean power"), _figure(run["mean_w"], "W")),
        (tr("Mean rate"), _figure(run["mean_tok_s"], "tok/s")),
        (tr("Tokens per 1 % of the battery"), _figure(run["tokens_per_percent"], "")),
    )
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, figure in rows:
        table.add_row(name, figure)
    _console().print(table)
    if "ended" in run:
        print_text(_turned_off(run["ended"], run["series"][-1]["t_s"]))


def _turned_off(why: str, seconds: float) -> str:
    if why == "empty":
        return tr("The phone turned off after {seconds:.0f} s: its battery is empty.", seconds=seconds)
    if why == "hot":
        return tr("The phone turned off after {seconds:.0f} s: its skin is too hot.", seconds=seconds)
    return tr("The phone turned off after {seconds:.0f} s: its battery cannot deliver the power.", seconds=seconds)


def _print_series(series: list[Sample]) -> None:
    """About a dozen moments; the bar shows the rate."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (tr("Time"), tr("Rate"), tr("SoC"), tr("Skin"), tr("Power"), tr("Battery")):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    most = max(sample["tok_s"] for sample in series)
    for sample in moments(series):
        table.add_row(
            f"{sample['t_s']:.0f} s",
            f"{sample['tok_s']:.1f} tok/s",
            f"{sample['soc_temp_c']:.1f} °C",
            f"{sample['skin_temp_c']:.1f} °C",
            f"{sample['power_w']:.2f} W",
            f"{sample['soc']:.1%}",
            bar(sample["tok_s"] / most if most > 0.0 else 0.0),
        )
    _console().print(table)


def moments(series: list[Sample]) -> list[Sample]:
    """The first, the last and evenly spread samples between them, at most `ROWS`."""
    last = len(series) - 1
    if last < ROWS:
        return series
    return [series[round(k * last / (ROWS - 1))] for k in range(ROWS)]


def bar(share: float) -> str:
    """A bar of eighths of a cell for a share of 0 to 1."""
    eighths = round(min(1.0, max(0.0, share)) * _BAR_CELLS * 8)
    whole, rest = divmod(eighths, 8)
    return _BLOCKS[-1] * whole + (_BLOCKS[rest] if rest else "")


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return tr("none: no token was decoded")
    return f"{value:,.3f} {unit}" if value < 10.0 else f"{value:,.1f} {unit}"


def _console() -> Console:
    return Console(highlight=False, markup=False, width=None if Console().is_terminal else 120)
