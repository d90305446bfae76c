"""The governor acts on the engine: tier of each answer, cap, cache, emergencies, what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.events import GovernorDecided, SettingsChanged
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import FinishReason, TextDelta
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Sampling
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.engine.scripted import Hold, Reply, ScriptedEngine
from tests.helpers.assistants import Heard, assistant_over
from tests.helpers.energy_services import Clock, service_at
from tests.helpers.manual_engine import ManualEngine

GREEDY = Sampling(temperature=0.0, seed=1)


@dataclass
class Desk:
    assistant: Assistant
    engine: ManualEngine
    energy: EnergyService
    heard: Heard
    clock: Clock

    def ask(self, chat: str, text: str = "q", reply: str = "a", *, max_tokens: int | None = None) -> Node:
        """Ask, and answer unless the cache did."""
        before = len(self.engine.turns)
        node = self.assistant.send(chat, text, sampling=GREEDY, max_tokens=max_tokens)
        if len(self.engine.turns) > before:
            self.engine.last.say(*reply.split(" "))
            self.engine.last.finish()
        return self.assistant.node(node.id)

    def chat(self, *, temporary: bool = False) -> str:
        return self.assistant.new_conversation(temporary=temporary).id


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    engine, clock = ManualEngine(), Clock()
    energy = service_at(clock)
    with assistant_over(engine, tmp_path / "db", energy=energy) as (assistant, heard):
        yield Desk(assistant, engine, energy, heard, clock)


def test_the_slider_changes_the_tier_of_the_next_answer(desk: Desk) -> None:
    chat = desk.chat()
    first = desk.ask(chat)
    desk.energy.set_battery(0.2)
    assert desk.assistant.effective_tier().tier is Tier.INT4
    assert "20.0 %" in desk.assistant.effective_tier().reason.english()
    second = desk.ask(chat)
    assert (first.tier, second.tier) == (Tier.FP16, Tier.INT4)
    assert desk.engine.tiers == [], "between turns the next request carries the tier"
    assert [event.decision.tier for event in desk.heard.of(GovernorDecided)] == [Tier.INT4]


def test_every_answer_has_its_energy_stored_and_in_the_ledger(desk: Desk) -> None:
    chat = desk.chat()
    node = desk.ask(chat, reply="one two three")
    assert node.energy is not None
    assert node.energy.phone.provenance is Provenance.SIMULATED
    assert (node.energy.phone.value or 0.0) > 0.0
    assert (node.energy.tokens, node.energy.tier) == (9, Tier.FP16), "the usage counts nine"
    (turn,) = desk.assistant.ledger.turns(chat)
    assert (turn.node_id, turn.phone_j, turn.tokens) == (node.id, node.energy.phone.value, 9)
    assert desk.assistant.path(chat)[-1].energy == node.energy


def test_an_answer_that_was_stopped_or_failed_costs_what_it_had_said(desk: Desk) -> None:
    chat = desk.chat()
    stopped = desk.assistant.send(chat, "q")
    desk.engine.last.say("a", "b")
    desk.assistant.stop(chat)
    failed = desk.assistant.send(chat, "q2")
    desk.engine.last.say("a", "b", "c")
    desk.engine.last.fail(ErrorReport(ErrorCode.ENGINE_DIED, msg("Gone."), msg("Again.")))
    dead = desk.assistant.send(chat, "q3")
    desk.engine.last.fail(ErrorReport(ErrorCode.ENGINE_DIED, msg("Gone."), msg("Again.")))
    costs = [desk.assistant.node(node.id).energy for node in (stopped, failed, dead)]
    assert [cost.tokens if cost else None for cost in costs] == [9, 3, None]
    assert desk.energy.view().answering == 0
    assert len(desk.assistant.ledger.turns()) == 2


def test_an_emergency_switches_the_running_answer(desk: Desk) -> None:
    chat = desk.chat()
    desk.assistant.send(chat, "q")
    desk.energy.set_battery(0.2)
    assert desk.engine.tiers == []
    desk.energy.set_battery(0.02)
    assert desk.engine.tiers == [Tier.INT4]
    desk.engine.last.finish()


def test_a_choice_by_hand_is_not_overruled_by_an_emergency(desk: Desk) -> None:
    desk.assistant.set_tier_choice(TierChoice.FP16)
    desk.engine.tiers.clear()
    desk.energy.set_battery(0.01)
    assert desk.ask(desk.chat()).tier is Tier.FP16
    assert desk.engine.tiers == []
    decision = desk.assistant.effective_tier()
    assert (decision.chosen_by_user, decision.reason.english()) == (True, "You chose FP16.")


def test_above_65_degrees_answers_are_capped_but_never_longer_than_asked(desk: Desk) -> None:
    chat = desk.chat()
    desk.energy.set_temperature(70.0)
    capped = desk.ask(chat)
    assert desk.engine.last.request.max_tokens == 64
    assert capped.energy is not None
    assert capped.energy.max_new_tokens == 64
    desk.ask(chat, "short", max_tokens=10)
    assert desk.engine.last.request.max_tokens == 10
    desk.energy.set_temperature(40.0)
    free = desk.ask(chat, "long")
    assert desk.engine.last.request.max_tokens == Settings().max_tokens
    assert free.energy is not None
    assert free.energy.max_new_tokens is None


def test_above_65_degrees_identical_questions_are_answered_from_the_cache(desk: Desk) -> None:
    first = desk.ask(desk.chat(), "same", "the answer")
    cool = desk.ask(desk.chat(), "same", "another")
    assert not cool.from_cache, "cool: every answer is computed"
    desk.energy.set_temperature(70.0)
    turns = len(desk.engine.turns)
    hot = desk.ask(desk.chat(), "same", "never")
    assert len(desk.engine.turns) == turns, "the engine was not asked"
    assert (hot.from_cache, hot.text, hot.state) == (True, "another", NodeState.COMPLETE)
    assert (hot.finish, hot.usage, hot.tier) == (FinishReason.STOP, None, Tier.FP16)
    assert hot.energy is not None
    assert (hot.energy.phone.value, hot.energy.tokens, hot.energy.from_cache) == (0.0, 0, True)
    assert any("from the cache" in line.text.english() for line in desk.energy.view().log)
    assert not desk.assistant.is_busy(hot.conversation_id)
    again = desk.assistant.regenerate(hot.id)
    assert desk.engine.last.request.sampling != GREEDY, "other sampling is another request"
    desk.engine.last.finish()
    desk.energy.set_temperature(40.0)
    assert not desk.ask(desk.chat(), "same").from_cache
    assert not desk.assistant.node(again.id).from_cache
    assert first.text == "theanswer"


def test_an_answer_from_the_cache_goes_on_like_any_other(desk: Desk) -> None:
    desk.energy.set_temperature(70.0)
    desk.ask(desk.chat(), "same", "the answer")
    chat = desk.chat()
    hot = desk.ask(chat, "same")
    assert hot.from_cache
    follow = desk.ask(chat, "and then?", "more")
    assert [message.text for message in desk.engine.last.request.messages[-3:]] == ["same", "theanswer", "and then?"]
    assert follow.text == "more"
    assert [turn.from_cache for turn in desk.assistant.ledger.turns(chat)] == [False, True]


def test_deleting_a_conversation_clears_its_cached_answers(desk: Desk) -> None:
    desk.energy.set_temperature(70.0)
    chat = desk.chat()
    desk.ask(chat, "same")
    desk.assistant.delete(chat)
    assert not desk.ask(desk.chat(), "same").from_cache


def test_a_temporary_conversation_shares_no_answers_and_leaves_no_ledger(desk: Desk, tmp_path: Path) -> None:
    desk.energy.set_temperature(70.0)
    hidden = desk.chat(temporary=True)
    node = desk.ask(hidden, "secret", "whisper")
    assert node.energy is not None
    assert not desk.ask(desk.chat(), "secret", "loud").from_cache
    assert len(desk.assistant.ledger.turns()) == 1
    total = desk.assistant.ledger.of_conversation(hidden)
    assert total is not None
    assert b"whisper" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_the_baselines_do_not_restrain_themselves(desk: Desk) -> None:
    desk.energy.set_policy(Policy.FIXED_INT8)
    desk.energy.set_temperature(90.0)
    desk.energy.set_battery(0.5)
    assert desk.ask(desk.chat()).tier is Tier.INT8
    assert desk.engine.last.request.max_tokens == Settings().max_tokens


def test_settings_change_the_service_and_the_service_the_settings(tmp_path: Path) -> None:
    saved: list[Settings] = []
    engine, clock = ManualEngine(), Clock()
    energy = service_at(clock)
    with assistant_over(engine, tmp_path / "db", energy=energy, on_settings_saved=saved.append) as (assistant, heard):
        stale = assistant.settings
        assistant.update_settings(stale.model_copy(update={"policy": "guide", "phone_id": "android-flagship"}))
        view = energy.view()
        assert (view.policy, view.phone_id) == (Policy.GUIDE, "android-flagship")
        energy.set_battery(0.33)
        assistant.update_settings(assistant.settings.model_copy(update={"phone_battery": 0.9, "think": True}))
        assert energy.view().snapshot.state.soc == pytest.approx(0.33), "where the phone stands is not a choice"
        assert assistant.settings.phone_battery == pytest.approx(0.33)
        with pytest.raises(AppError):
            assistant.update_settings(assistant.settings.model_copy(update={"phone_id": "gone", "think": False}))
        assert assistant.settings.think
        energy.set_speed(60.0)
        clock.now_s += 3.0
        energy.beat()
        assert saved[-1].phone_speed == 60.0
        assert heard.of(SettingsChanged)[-1].settings.phone_speed == 60.0
        clock.now_s += 5.0
        energy.beat()
    assert saved[-1].phone_battery < 0.33, "saved as it was left"
    Settings.model_validate(saved[-1].model_dump())


def test_settings_that_cannot_be_saved_do_not_stop_the_phone(tmp_path: Path) -> None:
    def refuse(_: Settings) -> None:
        raise AppError(ErrorCode.NOT_WRITABLE, msg("No."), msg("Try."))

    clock = Clock()
    energy = service_at(clock)
    with assistant_over(ManualEngine(), tmp_path / "db", energy=energy, on_settings_saved=refuse):
        energy.set_battery(0.4)
        clock.now_s += 3.0
        assert energy.beat() == 1.0
        assert energy.view().snapshot.state.soc == pytest.approx(0.4, abs=1e-3)


def test_a_turn_that_waits_follows_a_change_that_the_first_had_to_wait_for(desk: Desk) -> None:
    one, two = desk.chat(), desk.chat()
    desk.assistant.send(one, "q")
    desk.assistant.send(two, "q")
    desk.energy.set_battery(0.2)
    assert desk.engine.tiers == []
    desk.engine.turns[0].finish()
    assert desk.engine.tiers == [Tier.INT4]
    desk.engine.turns[1].finish()


def test_with_an_engine_of_its_own_thread_the_next_answer_is_made_in_int4(tmp_path: Path) -> None:
    hold = Hold()
    engine = ScriptedEngine([Reply("one two three", hold=hold, hold_after=2)])
    energy = EnergyService(settings=Settings())
    with assistant_over(engine, tmp_path / "db", energy=energy) as (assistant, heard):
        energy.start()
        chat = assistant.new_conversation().id
        first = assistant.send(chat, "q")
        assert hold.reached.wait(10.0)
        energy.set_battery(0.2)
        hold.release()
        heard.wait_finished(first.id)
        second = assistant.send(chat, "again")
        heard.wait_finished(second.id)
        tiers = [usage.tier for node in (first, second) if (usage := assistant.node(node.id).usage)]
        assert tiers == [Tier.FP16, Tier.INT4]
        assert energy.view().answering == 0


def test_events_after_the_end_cost_nothing(desk: Desk) -> None:
    chat = desk.chat()
    node = desk.ask(chat)
    before = desk.energy.view().last_turn
    desk.engine.last.sink(TextDelta(desk.engine.last.request.turn_id, "late", tokens=50))
    assert desk.energy.view().last_turn == before
    assert desk.assistant.node(node.id).energy == node.energy
