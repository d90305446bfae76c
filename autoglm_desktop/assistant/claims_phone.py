"""What the simulated phone gives for the guide's claims: computed from its profile when asked."""

from __future__ import annotations

from dataclasses import dataclass

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.governor import decide
from autoglm_desktop.energy.policies import Memory, Policy, Situation
from autoglm_desktop.energy.power import decode_cost, needed_gb, tiers_that_fit
from autoglm_desktop.energy.price import Price, price
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.workload import Costs, Work

_MINUTE_S = 60.0
_STEPS = 1000


@dataclass(frozen=True, slots=True)
class PhoneFigures:
    """Figures of one profile; GB are 10^9 bytes, `token_ms` is what a cool phone takes for a decoded token."""

    profile: Profile

    def weights_gb(self, tier: Tier) -> float:
        return self.profile.model.weights_gb.of(tier)

    def fits(self, tier: Tier) -> bool:
        """Whether the phone lets an app hold that tier."""
        return tier in tiers_that_fit(self.profile)

    def needed_gb(self, tier: Tier) -> float:
        return needed_gb(self.profile, tier)

    def token_ms(self, tier: Tier) -> float:
        return 1000.0 / decode_cost(self.profile, tier).per_s

    def start_s(self, tier: Tier, beside_gb: float = 0.0) -> float:
        """Seconds of reading the weights of `tier`, and `beside_gb` GB for images and speech."""
        return self._price(Work(tier, loads_weights=1, loads_gb=beside_gb)).seconds

    def first_minute_w(self, tier: Tier, beside_gb: float = 0.0) -> float:
        """Mean watts of the first minute after a start that reads as much, screen on, nothing asked."""
        loading = self._price(Work(tier, loads_weights=1, loads_gb=beside_gb))
        power = self.profile.power
        standing_w = power.idle_w + power.screen_w * power.screen_level
        return (loading.joules + standing_w * max(0.0, _MINUTE_S - loading.seconds)) / _MINUTE_S

    def request_j(self, tier: Tier, prompt_tok: int, answer_tok: int) -> float:
        """Joules of one request on a cool phone."""
        return self._price(Work(tier, decoded_tok=answer_tok, prefilled_tok=prompt_tok)).joules

    def request_w(self, tier: Tier, prompt_tok: int, answer_tok: int, every_s: float) -> float:
        """Mean watts when such a request comes every `every_s` seconds, screen on."""
        one = self._price(Work(tier, decoded_tok=answer_tok, prefilled_tok=prompt_tok))
        power = self.profile.power
        standing_w = power.idle_w + power.screen_w * power.screen_level
        return (one.joules + standing_w * max(0.0, every_s - one.seconds)) / max(every_s, one.seconds)

    def _price(self, work: Work) -> Price:
        return price(self.profile, Costs.of(self.profile), work, screen=self.profile.power.screen_level)


def thresholds(policy: Policy = Policy.GUIDE) -> tuple[float, float]:
    """Battery percentages at which the governor leaves FP16 and INT8, found by asking it every tenth of a percent."""
    tiers = [_tier_at(policy, step / _STEPS) for step in range(_STEPS, -1, -1)]
    leaves = {tier: 100.0 * (_STEPS - tiers.index(below)) / _STEPS for tier, below in _STEPS_DOWN if below in tiers}
    return leaves[Tier.FP16], leaves[Tier.INT8]


_STEPS_DOWN = ((Tier.FP16, Tier.INT8), (Tier.INT8, Tier.INT4))


def _tier_at(policy: Policy, battery: float) -> Tier:
    decision, _ = decide(policy, Situation(now_s=0.0, battery=battery), Memory())
    return decision.tier
