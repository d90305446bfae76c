"""One scenario under one policy on one phone: a batch over the same right-hand side as the live phone.

Time advances from event to event: a poll of the phone, the end of a phase, a question, the end of a stage of work
(weights, prompt, images, tokens), a line of the series. Between events nothing changes, so no step is cut finer, and an
idle hour costs what its polls cost. Nothing is drawn at random here: the turns come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autoglm_desktop.core.i18n import Text
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy import policies
from autoglm_desktop.energy.demand import Demand
from autoglm_desktop.energy.forecast import forecasts, pack_wh_between
from autoglm_desktop.energy.governor import Decision, decide
from autoglm_desktop.energy.phone import MAX_STEP_S, Flows, Load, Phone, State, start, step
from autoglm_desktop.energy.policies import Memory, Policy, Situation
from autoglm_desktop.energy.power import room_of, tiers_that_fit
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.quality_figures import Quality
from autoglm_desktop.energy.scenario import Phase, Scenario
from autoglm_desktop.energy.scenario_figures import Sums, figures
from autoglm_desktop.energy.scenario_result import Answer, Change, Result, Sample
from autoglm_desktop.energy.scenario_turns import Turn, turns_of
from autoglm_desktop.energy.workload import Backlog, Conditions, Costs, Work, finish, next_stage

SAMPLE_S = 60.0
_INSTANT_S = 1e-6
_NOTHING = Phase.model_validate({"begin": "00:00", "end": "00:01"})
"""What holds between phases; its times say nothing."""
_RUSHING = (Policy.STEADY, Policy.LAST_UNTIL)
"""Policies that change the tier in the middle of an answer when they must."""
_NONE: tuple[float, ...] = (0.0,) * len(Flows._fields)


def run_scenario(
    scenario: Scenario,
    profile: Profile,
    policy: Policy,
    *,
    seed: int | None = None,
    scale: float = 1.0,
    ambient_c: float | None = None,
    quality: Quality | None = None,
) -> Result:
    """Run to the scenario's end. The same arguments give the same result, bit by bit.

    `seed` and `scale` as in `turns_of`; `ambient_c` replaces every temperature of the air. Raises AppError BAD_INPUT
    for a workload that is too large.
    """
    turns = turns_of(scenario, seed=seed, scale=scale)
    course = _Course(scenario, profile, policy, turns, ambient_c)
    course.run()
    return Result(
        scenario.id,
        profile.id,
        policy.value,
        scenario.seed if seed is None else seed,
        figures(course.sums, quality),
        tuple(course.samples),
        tuple(course.sums.answers),
        tuple(course.changes),
    )


@dataclass(slots=True)
class _Active:
    """The turn that is being answered."""

    turn: Turn
    listening: bool
    tier: Tier
    tokens: float = 0.0
    """What the governor's cap leaves of the answer."""
    first_token_s: float | None = None


class _Course:
    """The state of a run. Times are seconds since the scenario's start, which is when the phone's clock is 0."""

    def __init__(
        self, scenario: Scenario, profile: Profile, policy: Policy, turns: Sequence[Turn], ambient_c: float | None
    ) -> None:
        self.profile, self.policy, self.turns = profile, policy, turns
        self.phone, self.costs = Phone(profile), Costs.of(profile)
        self.end_s = scenario.duration_s
        self.goal = _goal(scenario)
        self.phases = _phases(scenario, ambient_c)
        air = self.phases[0][1].ambient_c if scenario.start.body_c is None else scenario.start.body_c
        self.state = start(self.phone, scenario.start.battery_percent / 100.0, body_c=air)
        self.tiers, self.room = tiers_that_fit(profile), room_of(profile)
        self.memory = Memory()
        self.decision: Decision | None = None
        self.loaded: Tier | None = None
        self.backlog = Backlog()
        self.active: _Active | None = None
        self.next_turn = self.at_phase = 0
        self.demand = Demand()
        self.samples: list[Sample] = []
        self.changes: list[Change] = []
        self._bin: tuple[float, ...] = _NONE
        self._bin_since = 0.0
        self.sums = Sums(self.phone, self.state, self.goal, len(turns))
        self._resting = self._rest()

    @property
    def phase(self) -> Phase:
        return self.phases[self.at_phase][1]

    def run(self) -> None:
        """From the first moment to the last."""
        self._decide(between_turns=True)
        next_sample = min(SAMPLE_S, self.end_s)
        while self.state.time_s < self.end_s - _INSTANT_S:
            self._advance(next_sample)
            if self.state.time_s >= next_sample - _INSTANT_S:
                self._sample()
                next_sample = min(next_sample + SAMPLE_S, self.end_s)

    def _advance(self, cut_s: float) -> None:
        """One step: up to the next event, and what it brings about."""
        now = self.state.time_s
        self._meet_turns(now)
        load, seconds = self._load()
        cut_s = min(cut_s, self.phases[self.at_phase][0])
        if self.active is None and self.next_turn < len(self.turns):
            cut_s = min(cut_s, max(now, self.turns[self.next_turn].at_s))
        rounded = round(min(cut_s - now, self.state.poll_left_s, MAX_STEP_S), 9)
        before = self.state
        self.state, flows = step(self.phone, before, load, min(seconds, max(rounded, 1e-9)))
        self._account(before, flows)
        if self.state.time_s >= self.phases[self.at_phase][0] - _INSTANT_S:
            self._next_phase()
        if self.active is not None:
            self._follow(load, flows)

    def _load(self) -> tuple[Load, float]:
        """What is asked of the phone now, and for how many seconds at most."""
        if self.active is None or self.state.down:
            return self._resting, float("inf")
        usual = self.active.turn.screen
        level = self.profile.power.screen_level if usual is None else usual
        ambient = self._resting.ambient_c
        around = Conditions(ambient, max(self.phase.screen, level), self.phase.plugged)
        load, seconds = next_stage(self.backlog, self.costs, around, self.state.granted_w)
        return load._replace(radio=max(load.radio, self.phase.radio)), seconds

    def _rest(self) -> Load:
        phase = self.phase
        assert phase.ambient_c is not None, "filled in by _phases"
        return Load(phase.ambient_c, phase.screen, phase.plugged, radio=phase.radio, asleep=phase.asleep)

    def _next_phase(self) -> None:
        if self.at_phase + 1 < len(self.phases):
            self.at_phase += 1
            self._resting = self._rest()
            self._decide(between_turns=self.active is None)

    def _account(self, before: State, flows: Flows) -> None:
        self._bin = tuple([a + b for a, b in zip(self._bin, flows, strict=True)])
        self.demand.rest_j += flows.used_j - flows.decode_j + flows.r0_j + flows.rc_j
        self.sums.step(before, self.state, flows)

    # turns

    def _meet_turns(self, now: float) -> None:
        """Begin the turn whose time has come. A phone that is off loses it, and those that wait."""
        if self.state.down:
            self._lose(now)
        while self.active is None and self.next_turn < len(self.turns):
            turn = self.turns[self.next_turn]
            if turn.at_s > now + _INSTANT_S or self.state.down:
                return
            self.next_turn += 1
            self._begin(turn, now)

    def _lose(self, now: float) -> None:
        self.active, self.backlog, self.loaded = None, Backlog(), None
        while self.next_turn < len(self.turns) and self.turns[self.next_turn].at_s <= now + _INSTANT_S:
            self.next_turn += 1

    def _begin(self, turn: Turn, now: float) -> None:
        self.demand.asked_tok += turn.answer_tok
        decision = self._decide(between_turns=True)
        if decision.reuse_cached_answers and turn.repeats and self.sums.answers:
            asked = max(now, turn.at_s + turn.speech_s)
            self.sums.answers.append(Answer(asked, asked, asked, decision.tier.value, 0.0, turn.answer_tok, True))
            return
        active = self.active = _Active(turn, turn.speech_s > 0.0, decision.tier)
        loads = self._load_tier(decision.tier)
        if active.listening:
            self._queue(Work(decision.tier, speech_s=turn.speech_s, loads_weights=loads))
        else:
            self._queue(self._answering(active, decision, loads))

    def _answering(self, active: _Active, decision: Decision, loads: int = 0) -> Work:
        turn, cap = active.turn, decision.max_new_tokens
        active.tokens = float(turn.answer_tok if cap is None else min(turn.answer_tok, cap))
        return Work(active.tier, active.tokens, float(turn.prompt_tok), images=float(turn.images), loads_weights=loads)

    def _queue(self, work: Work) -> None:
        self.backlog = self.backlog.add(work, self.profile)

    def _load_tier(self, tier: Tier) -> int:
        """Readings of weights that a change to `tier` takes: 1, or 0 when they are in memory."""
        if tier is self.loaded:
            return 0
        if self.loaded is not None:
            self.sums.switches += 1
        self.loaded = tier
        return 1

    def _follow(self, load: Load, flows: Flows) -> None:
        """What the step did for the turn: work is taken off, and what follows is queued."""
        active, now = self.active, self.state.time_s
        assert active is not None, "asked before"
        if self.state.down:
            self._lose(now)
            return
        if active.first_token_s is None and flows.decoded_tok > 0.0:
            active.first_token_s = now - flows.dt_s * (1.0 - min(1.0, 1.0 / flows.decoded_tok))
        self.sums.tokens[active.tier] += flows.decoded_tok
        self.backlog = finish(self.backlog, self.costs, load, flows)
        if self.backlog.is_empty:
            self._stage_done(active, now)
        elif self.policy in _RUSHING and _is_critical(self.state):
            self._in_an_emergency(self._decide(between_turns=False))

    def _stage_done(self, active: _Active, now: float) -> None:
        assert self.decision is not None, "a turn begins with a decision"
        if active.listening:
            active.listening = False
            self._queue(self._answering(active, self.decision))
            return
        turn = active.turn
        asked = turn.at_s + turn.speech_s
        first = now if active.first_token_s is None else active.first_token_s
        self.sums.answers.append(Answer(asked, first, now, active.tier.value, active.tokens, turn.answer_tok, False))
        self.active = None

    def _in_an_emergency(self, decision: Decision) -> None:
        """The rest of the answer goes on in another tier, where the governor cannot wait."""
        active = self.active
        if not decision.at_once or active is None or decision.tier is active.tier:
            return
        rest = self.backlog.decode_tok(active.tier)
        loads = self._load_tier(decision.tier)
        kept = self.backlog
        self.backlog = Backlog(
            prefill_tok=kept.prefill_tok, images=kept.images, speech_s=kept.speech_s, loading_gb=kept.loading_gb
        )
        active.tier = decision.tier
        self._queue(Work(decision.tier, rest, loads_weights=loads))

    # decisions and lines

    def _decide(self, *, between_turns: bool) -> Decision:
        seen = self._situation(between_turns)
        decision, self.memory = decide(self.policy, seen, self.memory)
        known = self.decision
        if known is None or known.tier is not decision.tier:
            self.changes.append(Change(seen.now_s, decision.tier.value, decision.reasons[0]))
        if self.memory.short and self.sums.warned_s is None:
            self.sums.warned_s = seen.now_s
            self._tell(seen.now_s, decision.reasons[0])
        self.decision = decision
        return decision

    def _tell(self, now: float, reason: Text) -> None:
        if not self.changes or self.changes[-1].reason != reason:
            self.changes.append(Change(now, self.changes[-1].tier if self.changes else "", reason))

    def _situation(self, between_turns: bool) -> Situation:
        state, now = self.state, self.state.time_s
        plans = self.policy is Policy.LAST_UNTIL and self.goal is not None
        return Situation(
            now_s=now,
            battery=state.soc,
            charging=self.phase.plugged,
            soc_temp_c=state.junction_c,
            skin_temp_c=state.body_c,
            network=self.phase.network,
            between_turns=between_turns,
            tiers=self.tiers,
            room=self.room,
            goal=self.goal,
            pack_wh=pack_wh_between(self.phone, state.soc, self.goal.reserve if self.goal is not None else 0.0),
            forecasts=forecasts(
                self.phone,
                tokens_s=self.demand.tokens_s(now),
                ambient_c=self._resting.ambient_c,
                screen=self.phase.screen,
                rest_w=self.demand.rest_w(now),
            )
            if plans
            else (),
        )

    def _sample(self) -> None:
        """A line of the series, and a look by the governor."""
        self.demand.mark(self.state.time_s)
        if not self.policy.is_fixed and self.active is None:
            self._decide(between_turns=True)
        assert self.decision is not None, "the run begins with a decision"
        self.sums.add(self._bin)
        self.samples.append(_line(self._bin, self._bin_since, self.state, self.phase, self.decision.tier))
        self._bin, self._bin_since = _NONE, self.state.time_s


def _is_critical(state: State) -> bool:
    """Whether the governor might see an emergency: it is not asked at every step of an answer."""
    return (
        state.body_c >= policies.EMERGENCY_SKIN_C
        or state.junction_c >= policies.EMERGENCY_SOC_C
        or state.soc < policies.EMERGENCY_BATTERY
    )


def _goal(scenario: Scenario) -> policies.Goal | None:
    """The goal on the clock of the run."""
    goal = scenario.goal
    if goal is None:
        return None
    return policies.Goal(goal.until - scenario.start.time, goal.reserve_percent / 100.0)


def _phases(scenario: Scenario, ambient_c: float | None) -> list[tuple[float, Phase]]:
    """End (since the start) and phase, without a gap from the start to the end, every temperature filled in."""
    begin, usual = scenario.start.time, scenario.start.ambient_c
    found: list[tuple[float, Phase]] = []

    def put(until: float, phase: Phase) -> None:
        air = phase.ambient_c if ambient_c is None else ambient_c
        filled = phase.model_copy(update={"ambient_c": usual if air is None else air})
        found.append((until - begin, filled))

    at = begin
    for phase in sorted(scenario.phases, key=lambda p: p.begin):
        if phase.begin > at:
            put(phase.begin, _NOTHING)
        put(phase.end, phase)
        at = phase.end
    if at < scenario.end:
        put(scenario.end, _NOTHING)
    return found


def _line(sums: Sequence[float], since_s: float, state: State, phase: Phase, tier: Tier) -> Sample:
    """Means over the time since `since_s` from the sums of `Flows`."""
    of = Flows(*sums)
    dt = state.time_s - since_s
    assert phase.ambient_c is not None, "filled in by _phases"
    return Sample(
        round(state.time_s, 6),
        state.soc,
        of.used_j / dt,
        of.chemical_j / dt,
        of.idle_j / dt,
        of.screen_j / dt,
        of.radio_j / dt,
        of.decode_j / dt,
        of.prefill_j / dt,
        of.vision_j / dt,
        of.speech_j / dt,
        of.loading_j / dt,
        of.decoded_tok / dt,
        phase.ambient_c,
        state.junction_c,
        state.spreader_c,
        state.body_c,
        state.status,
        tier.value,
        phase.plugged,
        state.down,
    )
