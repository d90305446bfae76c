"""What a piece of work costs a phone, before the phone does it: the figure under an answer."""

from __future__ import annotations

from typing import NamedTuple

from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.workload import Costs, Work


class Price(NamedTuple):
    """Joules out of the phone's rail, and the seconds that a cool phone takes."""

    joules: float
    seconds: float

    def plus(self, other: Price) -> Price:
        return Price(self.joules + other.joules, self.seconds + other.seconds)


def price(profile: Profile, costs: Costs, work: Work, *, screen: float) -> Price:
    """The work's own joules, and idle and screen (brightness 0 to 1) for as long as a cool processor takes.

    This is what `live.LivePhone` spends on the work while nothing throttles, without the cell's losses; heat makes it
    slower, so the fixed watts last longer. Speech and radio run beside the processor, which takes their time alone.
    """
    gb = work.loads_weights * profile.model.weights_gb.of(work.tier) + work.loads_gb
    parts = (
        (work.decoded_tok, costs.decode[work.tier]),
        (work.prefilled_tok, costs.prefill),
        (work.images, costs.image),
        (gb, costs.loading),
    )
    seconds = sum(amount / cost.per_s for amount, cost in parts)
    joules = sum(amount * cost.joules for amount, cost in parts)
    power = profile.power
    joules += work.speech_s * power.speech_w + work.radio_s * power.radio_w
    if work.radio_s > 0.0:
        joules += power.radio_tail_w * power.radio_tail_s  # the radio stays up for a while after traffic
    lasting_s = max(seconds, work.speech_s, work.radio_s)
    return Price(joules + (power.idle_w + power.screen_w * screen) * lasting_s, lasting_s)
