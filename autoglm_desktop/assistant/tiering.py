"""The tier of an answer that begins now, and why, in one sentence: the governor's decision in short.

The thresholds of AutoGLM-Phone-9B's guide: battery above 70 % FP16, above 30 % INT8, else INT4.
"""

from __future__ import annotations

from dataclasses import dataclass

from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.governor import Decision
from autoglm_desktop.energy.policies import FP16_ABOVE, INT8_ABOVE

FP16_ABOVE_PERCENT = 100.0 * FP16_ABOVE
INT8_ABOVE_PERCENT = 100.0 * INT8_ABOVE


@dataclass(frozen=True, slots=True)
class TierDecision:
    """A tier, why (one sentence), and whether the user asked for it by name."""

    tier: Tier
    reason: Text
    chosen_by_user: bool = False


def tier_of(decision: Decision) -> TierDecision:
    """The decision's tier with its main reason."""
    if decision.misfit is not None:
        return TierDecision(decision.tier, decision.misfit, chosen_by_user=True)
    if decision.chosen_by_user:
        return TierDecision(decision.tier, msg("You chose {tier}.", tier=decision.tier.label), chosen_by_user=True)
    return TierDecision(decision.tier, decision.reasons[0])
