"""One scenario under several policies, and what the comparison says in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.quality_figures import Quality
from autoglm_desktop.energy.scenario import Scenario
from autoglm_desktop.energy.scenario_result import Result
from autoglm_desktop.energy.scenario_run import run_scenario
from autoglm_desktop.energy.verdict import WORTH_TELLING_S, Longer, longer, not_measured, perplexity_change

MOST_POLICIES = 4
DEFAULT_POLICIES = (Policy.FIXED_FP16, Policy.GUIDE, Policy.STEADY, Policy.LAST_UNTIL)
_LEAST_S, _LEAST_SHARE = 60.0, 0.005


@dataclass(frozen=True, slots=True)
class Comparison:
    """`results` in the order of the policies asked for; all on one phone."""

    scenario: Scenario
    profile: Profile
    results: tuple[Result, ...]


def compare(
    scenario: Scenario,
    profile: Profile,
    policies: Sequence[Policy],
    quality: Quality | None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Run them in turn; those not yet run when `cancelled` are left out. Raises what `run_scenario` does."""
    results = []
    for policy in policies:
        if cancelled():
            break
        results.append(run_scenario(scenario, profile, policy, quality=quality))
    return Comparison(scenario, profile, tuple(results))


def lasted_s(result: Result, scenario: Scenario) -> float:
    """Seconds until the phone went off, or the whole scenario."""
    off_s = result.figures["went_off_s"]
    return scenario.duration_s if off_s is None else float(off_s)


def best_of(comparison: Comparison) -> Result | None:
    """Who meets the goal, then lasts longest, then answers most, then costs least."""

    def rank(result: Result) -> tuple[bool, float, float, float]:
        figures = result.figures
        lasted = round(lasted_s(result, comparison.scenario) / _LEAST_S)
        return bool(figures["goal_met"]), lasted, figures["tokens"], -figures["energy_wh"]

    return max(comparison.results, key=rank, default=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the best result differs from the first policy that was compared; None: hardly. Shares are of the other's."""

    best: Result
    other: Result
    longer: Longer | None
    """None: both are still on at the end."""
    more_tokens: float | None
    cooler_k: float | None
    perplexity: float | None
    """By which share it is higher, lower where negative; None: not measured."""


def verdict_of(comparison: Comparison) -> Verdict | None:
    """The best against the first of the others; None with fewer than two results."""
    best = best_of(comparison)
    other = next((result for result in comparison.results if result is not best), None)
    if best is None or other is None:
        return None
    a, b = best.figures, other.figures
    more = a["tokens"] / b["tokens"] - 1.0 if b["tokens"] else 0.0
    cooler = b["max_skin_temp_c"] - a["max_skin_temp_c"]
    return Verdict(
        best,
        other,
        longer(other, best),
        more if abs(more) >= _LEAST_SHARE else None,
        cooler if abs(cooler) >= 0.1 else None,
        perplexity_change(other, best),
    )


def sentences(verdict: Verdict, name: Callable[[str], str], span: Callable[[float], str]) -> tuple[Text, ...]:
    """The verdict in words. `name` names a policy, `span` a time."""
    found = [_lasting(verdict.longer, name(verdict.best.policy), name(verdict.other.policy), span)]
    if verdict.more_tokens is not None:
        share = f"{100 * abs(verdict.more_tokens):.0f}"
        more = verdict.more_tokens > 0
        found.append(
            msg("It answers {share} % more.", share=share) if more else msg("It answers {share} % less.", share=share)
        )
    if verdict.cooler_k is not None:
        kelvin = f"{abs(verdict.cooler_k):.1f}"
        cooler = verdict.cooler_k > 0
        found.append(
            msg("The body stays {kelvin} K cooler.", kelvin=kelvin)
            if cooler
            else msg("The body gets {kelvin} K warmer.", kelvin=kelvin)
        )
    found.append(_quality(verdict))
    return tuple(found)


def _lasting(more: Longer | None, best: str, other: str, span: Callable[[float], str]) -> Text:
    if more is None:
        return msg("“{best}” and “{other}” are both still on at the end.", best=best, other=other)
    if abs(more.seconds) < WORTH_TELLING_S:
        return msg("“{best}” lasts as long as “{other}”.", best=best, other=other)
    given = {"best": best, "other": other, "time": span(abs(more.seconds))}
    if more.seconds > 0.0:
        return (
            msg("“{best}” lasts at least {time} longer than “{other}”.", **given)
            if more.at_least
            else msg("“{best}” lasts {time} longer than “{other}”.", **given)
        )
    return (
        msg("“{best}” lasts at least {time} less than “{other}”.", **given)
        if more.at_least
        else msg("“{best}” lasts {time} less than “{other}”.", **given)
    )


def _quality(verdict: Verdict) -> Text:
    if verdict.perplexity is None:
        return not_measured()
    model = str(verdict.best.figures["quality_model"])
    return msg(
        "Its perplexity changes by {percent} %, measured on {model}.", percent=_signed(verdict.perplexity), model=model
    )


def _signed(share: float) -> str:
    return f"{100.0 * share:+.1f}"
