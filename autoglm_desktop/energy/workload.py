"""From what the engine does to what the phone has to do.

`WorkTracker` reduces a turn's events to `Work`: counts of tokens, images, seconds of speech and the like, whatever
model made them. `Backlog` queues work, and `next_load` turns it into the load of one step at the costs of the *phone's*
model, so a small model on this computer still drains the phone like the model that it stands for. What a throttled
phone did not finish in a step stays queued (`finish`), so no work is lost or done twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from autoglm_desktop.core.events import Failed, Finished, ReasoningDelta, TextDelta, TierSwitched, TurnEvent, Usage
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.routing import Where
from autoglm_desktop.energy.phone import Flows, Load
from autoglm_desktop.energy.power import Cost, decode_cost, image_cost, loading_cost, prefill_cost
from autoglm_desktop.energy.profile import Profile

_NEGLIGIBLE = 1e-9


@dataclass(frozen=True, slots=True)
class Work:
    """Something that was done, in units that do not depend on the model. All ≥ 0.

    `reused_tok` came from a KV cache and cost nothing: it is carried for the ledger. `loads_weights` counts readings of
    the tier's weights, `radio_s` seconds of traffic to a cloud service, `loads_gb` what was read beside the weights:
    the reader of images, the speech model.
    """

    tier: Tier
    decoded_tok: float = 0.0
    prefilled_tok: float = 0.0
    reused_tok: float = 0.0
    images: float = 0.0
    speech_s: float = 0.0
    loads_weights: int = 0
    radio_s: float = 0.0
    loads_gb: float = 0.0


def refuse_impossible(work: Work) -> None:
    """Raises ValueError for counts that are negative, infinite or NaN."""
    counts = (work.decoded_tok, work.prefilled_tok, work.images, work.speech_s, work.loads_weights, work.radio_s)
    if not all(0.0 <= count < float("inf") for count in (*counts, work.loads_gb)):
        raise ValueError(f"work cannot be negative or without end: {work}")


@dataclass(frozen=True, slots=True)
class WorkTracker:
    """One turn, reduced event by event: `tracker, work = tracker.reduce(event)`.

    Decoded tokens become work as they stream. The prompt becomes work at the end of the turn: only the usage tells how
    much of it was cached. Tokens that the usage counts beyond those streamed (special tokens) are added there.
    """

    tier: Tier
    streamed_tok: int = 0

    def reduce(self, event: TurnEvent) -> tuple[WorkTracker, Work | None]:
        """The tracker after `event`, and the work that it tells of, if any."""
        if isinstance(event, TextDelta | ReasoningDelta):
            return replace(self, streamed_tok=self.streamed_tok + event.tokens), Work(self.tier, event.tokens)
        if isinstance(event, TierSwitched):
            return replace(self, tier=event.to_tier), Work(event.to_tier, loads_weights=1)
        if isinstance(event, Finished | Failed) and event.usage is not None:
            return self, self._closing(event.usage)
        return self, None

    def _closing(self, usage: Usage) -> Work:
        by = usage.answered_by
        if by is not None and by.where is Where.CLOUD:  # the phone only sent and received
            return Work(usage.tier, radio_s=by.radio_s)
        return Work(
            usage.tier,
            decoded_tok=max(0, usage.completion_tokens - self.streamed_tok),
            prefilled_tok=usage.fresh_tokens,
            reused_tok=usage.cached_tokens,
            loads_weights=1 if usage.load_s > 0.0 else 0,
            radio_s=by.radio_s if by is not None else 0.0,
        )


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that the phone has yet to do."""

    fp16_tok: float = 0.0
    int8_tok: float = 0.0
    int4_tok: float = 0.0
    prefill_tok: float = 0.0
    images: float = 0.0
    speech_s: float = 0.0
    loading_gb: float = 0.0
    radio_s: float = 0.0

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, name) > _NEGLIGIBLE for name in self.__slots__)

    def decode_tok(self, tier: Tier) -> float:
        tokens: float = getattr(self, f"{tier.value}_tok")
        return tokens

    def add(self, work: Work, profile: Profile) -> Backlog:
        """The backlog with `work` queued. Raises ValueError for negative or non-finite counts."""
        refuse_impossible(work)
        name = f"{work.tier.value}_tok"
        return replace(
            self,
            **{name: getattr(self, name) + work.decoded_tok},
            prefill_tok=self.prefill_tok + work.prefilled_tok,
            images=self.images + work.images,
            speech_s=self.speech_s + work.speech_s,
            loading_gb=self.loading_gb + work.loads_weights * profile.model.weights_gb.of(work.tier) + work.loads_gb,
            radio_s=self.radio_s + work.radio_s,
        )


@dataclass(frozen=True, slots=True)
class Costs:
    """A profile's costs, looked up once."""

    decode: dict[Tier, Cost]
    prefill: Cost
    image: Cost
    loading: Cost
    speech_w: float

    @staticmethod
    def of(profile: Profile) -> Costs:
        decode = {tier: decode_cost(profile, tier) for tier in Tier}
        power = profile.power
        return Costs(decode, prefill_cost(profile), image_cost(profile), loading_cost(profile), power.speech_w)


class Conditions(NamedTuple):
    """What surrounds the work: °C, brightness 0 to 1, on the charger or not."""

    ambient_c: float = 25.0
    screen: float = 0.0
    plugged: bool = False


def next_load(backlog: Backlog, costs: Costs, around: Conditions, dt_s: float) -> Load:
    """The load of the next `dt_s` seconds: the processor does one thing after the other, at its cool speed.

    Order: weights, prompt, images, tokens (one tier per step). Speech and radio run beside them. Rates are means over
    the step, so a prompt that takes a third of it shows as a third of the rate.
    """
    left = dt_s
    gb, left = _serve(backlog.loading_gb, costs.loading, left)
    prompt, left = _serve(backlog.prefill_tok, costs.prefill, left)
    images, left = _serve(backlog.images, costs.image, left)
    tier = decoding_tier(backlog)
    decode = costs.decode[tier]
    tokens, left = _serve(backlog.decode_tok(tier), decode, left)
    return Load(
        around.ambient_c,
        around.screen,
        around.plugged,
        tokens / dt_s,
        decode.joules,
        prompt / dt_s,
        costs.prefill.joules,
        images * costs.image.joules / dt_s,
        costs.speech_w * min(1.0, backlog.speech_s / dt_s),
        gb * costs.loading.joules / dt_s,
        min(1.0, backlog.radio_s / dt_s),
    )


def next_stage(backlog: Backlog, costs: Costs, around: Conditions, granted_w: float) -> tuple[Load, float]:
    """What `next_load` tends to for ever shorter steps, and the seconds that it stays so: for steps between events.

    The processor does one thing at its cool speed until that is done, slowed by a grant of `granted_w` watts; speech
    and radio run beside it. Infinite seconds when nothing is queued, or when nothing is granted.
    """
    rates = [0.0, 0.0, 0.0, 0.0]
    tier = decoding_tier(backlog)
    decode, seconds = costs.decode[tier], float("inf")
    amounts = (
        (backlog.loading_gb, costs.loading),
        (backlog.prefill_tok, costs.prefill),
        (backlog.images, costs.image),
        (backlog.decode_tok(tier), decode),
    )
    for i, (amount, cost) in enumerate(amounts):
        if amount > _NEGLIGIBLE:
            rates[i], seconds = cost.per_s, amount / cost.per_s
            break
    speech = backlog.speech_s > _NEGLIGIBLE
    load = Load(
        around.ambient_c,
        around.screen,
        around.plugged,
        rates[3],
        decode.joules,
        rates[1],
        costs.prefill.joules,
        rates[2] * costs.image.joules if rates[2] else 0.0,
        costs.speech_w if speech else 0.0,
        rates[0] * costs.loading.joules,
        1.0 if backlog.radio_s > _NEGLIGIBLE else 0.0,
    )
    processor_w = load.decode_tok_s * load.decode_j + load.prefill_tok_s * load.prefill_j
    processor_w += load.vision_w + load.speech_w + load.loading_w
    share = 1.0 if processor_w <= granted_w else granted_w / processor_w
    seconds = min(seconds, backlog.speech_s) if speech else seconds
    seconds = seconds / share if share > 0.0 else float("inf")
    return load, min(seconds, backlog.radio_s) if load.radio else seconds


def finish(backlog: Backlog, costs: Costs, load: Load, flows: Flows) -> Backlog:
    """The backlog after a step of `load` in which the phone did what `flows` tell."""
    if backlog.is_empty:
        return backlog
    tier = decoding_tier(backlog)
    left = _less(backlog.decode_tok(tier), flows.decoded_tok)
    return Backlog(
        left if tier is Tier.FP16 else backlog.fp16_tok,
        left if tier is Tier.INT8 else backlog.int8_tok,
        left if tier is Tier.INT4 else backlog.int4_tok,
        _less(backlog.prefill_tok, flows.prefilled_tok),
        _less(backlog.images, _units(flows.vision_j, costs.image)),
        _less(backlog.speech_s, flows.granted * flows.dt_s),
        _less(backlog.loading_gb, _units(flows.loading_j, costs.loading)),
        _less(backlog.radio_s, load.radio * flows.dt_s if flows.radio_j > 0.0 else 0.0),
    )


def decoding_tier(backlog: Backlog) -> Tier:
    """The tier whose tokens are decoded next."""
    return next((tier for tier in Tier if backlog.decode_tok(tier) > _NEGLIGIBLE), Tier.INT4)


def _serve(amount: float, cost: Cost, left_s: float) -> tuple[float, float]:
    """How much of `amount` fits into the seconds left, and what is left of them."""
    if amount <= _NEGLIGIBLE or left_s <= 0.0:
        return 0.0, left_s
    done = min(amount, cost.per_s * left_s)
    return done, left_s - done / cost.per_s


def _less(amount: float, done: float) -> float:
    rest = amount - done
    return rest if rest > _NEGLIGIBLE else 0.0


def _units(joules: float, cost: Cost) -> float:
    """Units of work that `joules` paid for; work that costs nothing is done at once."""
    return joules / cost.joules if cost.joules > 0.0 else float("inf")
