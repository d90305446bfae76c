"""A turn under the energy service: its work, its price, and the moment at which its tier changes."""

from __future__ import annotations

import pytest

from autoglm_desktop.assistant.energy_desk import News
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    Finished,
    FinishReason,
    Memory,
    Phase,
    PhaseChanged,
    TextDelta,
    TierSwitched,
)
from autoglm_desktop.core.perception import Modality, ModalityStatus
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import profile_ids
from tests.helpers.energy_services import Card, Clock, pass_time, service_at, take_turn, usage_in


def test_a_turn_becomes_work_a_price_and_figures() -> None:
    clock = Clock()
    service = service_at(clock)
    service.set_battery(0.5)
    before = service.view().snapshot
    take_turn(service, Tier.INT8, usage_in(Tier.INT8, load_s=1.0))
    view = service.view()
    assert before.backlog.is_empty
    assert view.snapshot.backlog.int8_tok == 20
    assert (view.snapshot.backlog.prefill_tok, view.snapshot.backlog.loading_gb) == (40, 12.0)
    assert (view.kv_saved_tokens, view.kv_prompt_tokens) == (60, 100)
    assert view.last_turn is not None
    assert (view.last_turn.tokens, view.last_turn.tier, view.last_turn.phone_id) == (20, Tier.INT8, "guide-phone")
    assert view.last_turn.phone.provenance is Provenance.SIMULATED
    assert view.last_turn.computer is None, "no counter, no estimate: nothing"


def test_the_price_is_what_the_phone_then_spends() -> None:
    """The sum of the flows over the time that the work takes, against the figure under the answer."""
    clock = Clock()
    service = service_at(clock)
    take_turn(service, Tier.FP16, usage_in(Tier.FP16, prompt=400, cached=0, completion=40))
    energy = service.view().last_turn
    assert energy is not None
    spent = seconds = 0.0
    while not service.view().snapshot.backlog.is_empty:
        clock.now_s += 0.1
        service.beat()
        flows = service.view().snapshot.flows
        assert flows is not None
        spent += flows.used_j
        seconds += flows.dt_s
    assert seconds == pytest.approx(40 * 0.1 + 400 * 9 / 1000, abs=0.11)
    assert energy.phone.value == pytest.approx(spent, rel=0.02)


def test_a_low_tier_costs_less_per_token_and_reused_tokens_cost_nothing() -> None:
    service = service_at(Clock())
    joules = []
    for tier in (Tier.INT4, Tier.INT8, Tier.FP16):
        take_turn(service, tier, usage_in(tier, prompt=100, cached=100))
        found = service.view().last_turn
        assert found is not None
        joules.append((found.phone.value or 0.0) / found.tokens)
    processor = [each - (0.7 + 0.4) * s for each, s in zip(joules, (0.25, 0.15, 0.10), strict=True)]
    assert processor == sorted(processor)
    assert processor[2] == pytest.approx(0.45, rel=0.02), "the guide's 4.5 W at 10 tokens a second"


@pytest.mark.parametrize("brightness", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("phone_id", profile_ids())
def test_a_lower_tier_never_costs_more_per_token_however_bright_the_screen(phone_id: str, brightness: float) -> None:
    service = service_at(Clock())
    service.set_phone(phone_id)
    service.set_screen(brightness)
    joules = []
    for tier in (Tier.INT4, Tier.INT8, Tier.FP16):
        take_turn(service, tier, usage_in(tier, prompt=100, cached=100))
        found = service.view().last_turn
        assert found is not None
        joules.append((found.phone.value or 0.0) / found.tokens)
    assert joules == sorted(joules)


def test_a_counter_measures_the_answer_and_waiting_is_not_its() -> None:
    card = Card()
    service = service_at(Clock(), gpu=card)
    meter = service.begin(Tier.INT4)
    service.take(meter, PhaseChanged("t", Phase.QUEUED))
    card.joules += 500.0
    service.take(meter, PhaseChanged("t", Phase.PREFILL, 0.0))
    card.joules += 12.5
    service.take(meter, TextDelta("t", "x"))
    service.take(meter, Finished("t", FinishReason.STOP, usage_in(Tier.INT4, completion=1)))
    energy = service.end(meter)
    assert energy is not None
    assert energy.computer is not None
    assert (energy.computer.value, energy.computer.provenance) == (12.5, Provenance.MEASURED)


def test_a_turn_that_did_nothing_has_no_energy() -> None:
    service = service_at(Clock())
    meter = service.begin(Tier.INT4)
    assert service.end(meter) is None
    assert service.view().last_turn is None
    assert service.view().answering == 0


def test_an_engine_that_counts_backwards_costs_nothing() -> None:
    service = service_at(Clock())
    meter = service.begin(Tier.INT4)
    for bad in (TextDelta("t", "x", tokens=-5), TextDelta("t", "y", tokens=3)):
        service.take(meter, bad)
    energy = service.end(meter)
    assert service.view().snapshot.backlog.int4_tok == 3
    assert energy is not None
    assert energy.tokens == 3
    assert energy.phone.value == pytest.approx(3 * (0.01875 * 6.04 + 1.1 * 0.25), rel=0.01)


def test_during_an_answer_the_tier_waits_for_its_end() -> None:
    service = service_at(Clock())
    meter = service.begin(Tier.FP16)
    service.set_battery(0.2)
    waiting = service.decision
    assert waiting.tier is Tier.FP16
    assert "INT4 follows after this answer" in waiting.reasons[0].english()
    service.end(meter)
    assert service.decision.tier is Tier.INT4


def test_an_emergency_asks_for_the_tier_at_once_and_so_does_a_change_before_a_waiting_turn() -> None:
    service = service_at(Clock())
    told: list[News] = []
    service.connect(told.append, lambda: None)
    first, second = service.begin(Tier.FP16), service.begin(Tier.FP16)
    service.set_battery(0.2)
    assert not any(news.at_once for news in told)
    told.clear()
    service.end(first)
    assert [(news.decision.tier, news.at_once) for news in told] == [(Tier.INT4, True)]
    service.end(second)
    service.set_battery(0.8)
    third = service.begin(Tier.FP16)
    told.clear()
    service.set_battery(0.01)
    assert [(news.decision.tier, news.at_once) for news in told] == [(Tier.INT4, True)]
    service.end(third)


def test_under_guide_a_turn_that_waits_does_not_keep_the_tier_that_it_was_asked_in() -> None:
    """The guide decides in the middle of an answer; at its end there is no news, and still a turn to be told."""
    service = service_at(Clock())
    service.set_policy(Policy.GUIDE)
    told: list[News] = []
    service.connect(told.append, lambda: None)
    first, second = service.begin(Tier.FP16), service.begin(Tier.FP16)
    service.take(first, PhaseChanged("t", Phase.GENERATING))
    service.set_battery(0.2)
    assert [(news.decision.tier, news.at_once) for news in told] == [(Tier.INT4, False)]
    told.clear()
    service.end(first)
    assert [(news.decision.tier, news.at_once) for news in told] == [(Tier.INT4, True)]
    service.tier_set(Tier.INT4)
    assert second.tier is Tier.INT4
    third = service.begin(Tier.INT4)
    told.clear()
    service.end(second)
    assert told == []
    service.end(third)


def test_a_turn_that_waited_is_priced_in_the_tier_that_it_is_made_in() -> None:
    service = service_at(Clock())
    running, waiting = service.begin(Tier.FP16), service.begin(Tier.FP16)
    service.take(running, PhaseChanged("t", Phase.GENERATING))
    service.tier_set(Tier.INT4)
    assert (running.tier, waiting.tier) == (Tier.FP16, Tier.INT4)
    service.take(waiting, TextDelta("u", "x", 5))
    service.beat()
    assert service.view().snapshot.backlog.int4_tok == 5


def test_a_model_loaded_ahead_is_work_and_one_that_a_turn_tells_of_counts_once() -> None:
    service = service_at(Clock())
    loading = EngineStatus(EngineState.LOADING, "m", Tier.INT4, 0.5)
    ready = EngineStatus(EngineState.READY, "m", Tier.INT4, memory=Memory(5, 0, 9))
    service.engine_changed(loading)
    service.engine_changed(ready)
    service.engine_changed(ready)
    assert service.view().snapshot.backlog.loading_gb == 0.0, "as of the last move"
    service.beat()
    assert service.view().snapshot.backlog.loading_gb == 6.0
    asked = service_at(Clock())
    meter = asked.begin(Tier.INT4)
    asked.engine_changed(loading)
    asked.engine_changed(ready)
    asked.take(meter, Finished("t", FinishReason.STOP, usage_in(Tier.INT4, completion=0, load_s=2.0)))
    asked.end(meter)
    asked.beat()
    assert asked.view().snapshot.backlog.loading_gb == 6.0, "loaded for a turn"


def test_a_turn_that_finds_the_model_being_loaded_ahead_adds_no_loading() -> None:
    service = service_at(Clock())
    service.engine_changed(EngineStatus(EngineState.LOADING, "m", Tier.INT4, 0.5))
    meter = service.begin(Tier.INT4)
    service.engine_changed(EngineStatus(EngineState.BUSY, "m", Tier.INT4, memory=Memory(5, 0, 9)))
    service.take(meter, Finished("t", FinishReason.STOP, usage_in(Tier.INT4, completion=0)))
    service.end(meter)
    service.beat()
    assert service.view().snapshot.backlog.loading_gb == 6.0


@pytest.mark.parametrize("model", [("m", Tier.INT4), (None, None)])
def test_a_modality_that_is_loaded_is_no_reading_of_the_model(model: tuple[str | None, Tier | None]) -> None:
    name, tier = model
    service = service_at(Clock())
    service.engine_changed(EngineStatus(EngineState.READY, name, tier))
    for fraction in (0.0, 0.5):
        service.engine_changed(EngineStatus(EngineState.LOADING, name, tier, fraction))
    loaded = (ModalityStatus(Modality.SPEECH, loaded=True, bytes_held=20_000_000),)
    service.engine_changed(EngineStatus(EngineState.READY, name, tier, modalities=loaded))
    service.beat()
    assert service.view().snapshot.backlog.loading_gb == pytest.approx(0.02)
    service.engine_changed(EngineStatus(EngineState.LOADING, "other", Tier.INT4, 0.0, modalities=loaded))
    service.engine_changed(EngineStatus(EngineState.READY, "other", Tier.INT4, modalities=loaded))
    service.beat()
    assert service.view().snapshot.backlog.loading_gb == pytest.approx(6.02)


def test_a_switch_in_mid_turn_is_work_in_the_new_tier() -> None:
    service = service_at(Clock())
    meter = service.begin(Tier.FP16)
    for event in (TextDelta("t", "a"), TierSwitched("t", Tier.FP16, Tier.INT4, 0.1, 5), TextDelta("t", "b")):
        service.take(meter, event)
    energy = service.end(meter)
    backlog = service.view().snapshot.backlog
    assert (backlog.fp16_tok, backlog.int4_tok, backlog.loading_gb) == (1, 1, 6.0)
    assert energy is not None
    assert energy.tier is Tier.INT4


def test_a_phone_that_is_off_does_no_work_and_is_charged_for_none() -> None:
    clock = Clock()
    service = service_at(clock)
    take_turn(service, Tier.FP16, usage_in(Tier.FP16, completion=500))
    service.set_battery(0.0)
    pass_time(service, clock, 5)
    assert service.view().snapshot.backlog.is_empty, "what it was doing is lost"
    meter = service.begin(Tier.INT4)
    for _ in range(20):
        service.take(meter, TextDelta("t", "x"))
    service.take(meter, Finished("t", FinishReason.STOP, usage_in(Tier.INT4)))
    energy = service.end(meter)
    assert energy is not None
    assert (energy.phone.value, energy.tokens) == (0.0, 20)
    assert "was off" in str(energy.phone.reason)
    assert service.view().snapshot.backlog.is_empty
    service.set_battery(0.5)
    pass_time(service, clock, 5)
    assert service.view().snapshot.backlog.is_empty
    take_turn(service, Tier.INT4)
    turn = service.view().last_turn
    assert turn is not None
    assert turn.phone.value
    assert turn.phone.reason is None
