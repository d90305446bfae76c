"""What a comparison of policies comes to, in words and with figures."""

from __future__ import annotations

from collections.abc import Sequence

from autoglm_desktop.core.i18n import Text, language, msg
from autoglm_desktop.energy.scenario_result import Result

BASE = "fixed-fp16"
_WORTH_TELLING_S = 60.0


def verdicts(results: Sequence[Result]) -> list[list[Text]]:
    """Sentences for every policy against ``fixed-fp16``, or against the first where that was not run."""
    base = next((result for result in results if result.policy == BASE), results[0])
    found = [[*([] if result is base else _against(base, result)), *_goal(result)] for result in results]
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
    kl, before = other.figures["perplexity"], base.figures["perplexity"]
    if kl and before:
        found.append(
            msg(
                "{policy}: perplexity {change:+.1f} % against {base}, measured on {model}.",
                policy=other.policy,
                base=base.policy,
                change=100.0 * (kl / before - 1.0),
                model=other.figures["quality_model"],
            )
        )
    return found


def _lasting(base: Result, other: Result) -> list[Text]:
    """How much longer the phone stays on; a phone that never went off lasts at least to the end."""
    ours, theirs = other.figures["went_off_s"], base.figures["went_off_s"]
    if theirs is None and ours is None:
        return []
    end = base.samples[-1].t_s
    more = (end if ours is None else ours) - (end if theirs is None else theirs)
    if abs(more) < _WORTH_TELLING_S:
        return [msg("{policy} lasts as long as {base}.", policy=other.policy, base=base.policy)]
    hours, minutes = divmod(round(abs(more) / 60.0), 60)
    least = ours is None or theirs is None
    given = {"policy": other.policy, "base": base.policy, "hours": hours, "minutes": minutes}
    if more > 0.0:
        return [
            msg("{policy} lasts at least {hours} h {minutes} min longer than {base}.", **given)
            if least
            else msg("{policy} lasts {hours} h {minutes} min longer than {base}.", **given)
        ]
    return [msg("{policy} lasts {hours} h {minutes} min less than {base}.", **given)]


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
