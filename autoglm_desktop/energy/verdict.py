"""What a comparison of policies comes to, in words and with figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autoglm_desktop.core.i18n import Text, language, msg
from autoglm_desktop.energy.scenario_result import Result

BASE = "fixed-fp16"
WORTH_TELLING_S = 60.0


def verdicts(results: Sequence[Result]) -> list[list[Text]]:
    """Sentences for every policy against ``fixed-fp16``, or against the first where that was not run.

    Where no quality was measured a last one says so.
    """
    base = next((result for result in results if result.policy == BASE), results[0])
    found = [[*([] if result is base else _against(base, result)), *_goal(result)] for result in results]
    if all(result.figures["quality"] is None for result in results):
        found.append([not_measured()])
    return [sentences for sentences in found if sentences]


def paragraph(sentences: Sequence[Text]) -> str:
    """Sentences as one text in the current language."""
    return ("" if language() == "zh_CN" else " ").join(str(sentence) for sentence in sentences)


def _against(base: Result, other: Result) -> list[Text]:
    found = [*_lasting(base, other)]
    answered, least = other.figures["answered"], base.figures["answered"]
    if least and answered != least:
        found.append(
            msg(
                "{policy} answers {change:+.0f} % questions against {base}.",
                policy=other.policy,
                base=base.policy,
                change=100.0 * (answered / least - 1.0),
            )
        )
    ours, theirs = other.figures["joules_per_token"], base.figures["joules_per_token"]
    if ours and theirs:
        found.append(
            msg(
                "{policy} spends {change:+.0f} % energy a token against {base}.",
                policy=other.policy,
                base=base.policy,
                change=100.0 * (ours / theirs - 1.0),
            )
        )
    worse = perplexity_change(base, other)
    if worse is not None:
        found.append(
            msg(
                "{policy}: perplexity {change:+.1f} % against {base}, measured on {model}.",
                policy=other.policy,
                base=base.policy,
                change=100.0 * worse,
                model=other.figures["quality_model"],
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Longer:
    """By how much longer a phone stayed on; negative: less. `at_least`: one of the two was still on at the end."""

    seconds: float
    at_least: bool


def longer(base: Result, other: Result) -> Longer | None:
    """The other against the base; None when both were still on at the end."""
    ours, theirs = other.figures["went_off_s"], base.figures["went_off_s"]
    if theirs is None and ours is None:
        return None
    end = base.samples[-1].t_s
    seconds = (end if ours is None else ours) - (end if theirs is None else theirs)
    return Longer(seconds, ours is None or theirs is None)


def perplexity_change(base: Result, other: Result) -> float | None:
    """By which share of the base's the other's perplexity is higher; None where it was not measured."""
    ours, theirs = other.figures["perplexity"], base.figures["perplexity"]
    return ours / theirs - 1.0 if ours and theirs else None


def not_measured() -> Text:
    """What stands in for the quality where ``bench`` has not run."""
    return msg("Quality is not measured: run autoglm-desktop bench.")


def _lasting(base: Result, other: Result) -> list[Text]:
    more = longer(base, other)
    if more is None:
        return []
    if abs(more.seconds) < WORTH_TELLING_S:
        return [msg("{policy} lasts as long as {base}.", policy=other.policy, base=base.policy)]
    hours, minutes = divmod(round(abs(more.seconds) / 60.0), 60)
    given: dict[str, str | int] = {"policy": other.policy, "base": base.policy, "hours": hours, "minutes": minutes}
    if more.seconds > 0.0:
        return [
            msg("{policy} lasts at least {hours} h {minutes} min longer than {base}.", **given)
            if more.at_least
            else msg("{policy} lasts {hours} h {minutes} min longer than {base}.", **given)
        ]
    return [
        msg("{policy} lasts at least {hours} h {minutes} min less than {base}.", **given)
        if more.at_least
        else msg("{policy} lasts {hours} h {minutes} min less than {base}.", **given)
    ]


def _goal(result: Result) -> list[Text]:
    met = result.figures["goal_met"]
    if met is None:
        return []
    if met:
        return [msg("{policy} meets the goal.", policy=result.policy)]
    warned = result.figures["warned_s"]
    if warned is None:
        return [msg("{policy} misses the goal.", policy=result.policy)]
    return [
        msg("{policy} misses the goal and says so after {minutes:.0f} min.", policy=result.policy, minutes=warned / 60)
    ]
