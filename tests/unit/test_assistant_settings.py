"""Settings and tiers in the assistant, and how they reach the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_desktop.assistant.events import EngineChanged, SettingsChanged
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.settings import Settings
from tests.helpers.assistants import Desk, assistant_over
from tests.helpers.manual_engine import ManualEngine


def test_settings_are_used_told_and_saved(tmp_path: Path) -> None:
    saved: list[Settings] = []
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "db", on_settings_saved=saved.append) as (assistant, heard):
        changed = Settings(temperature=0.0, max_tokens=5)
        assistant.update_settings(changed)
        assert assistant.settings == changed
        assert saved == [changed]
        assert heard.of(SettingsChanged) == [SettingsChanged(changed)]
        assert engine.tiers == []
        assistant.send(assistant.new_conversation().id, "q")
        assert (engine.last.request.max_tokens, engine.last.request.sampling.temperature) == (5, 0.0)


def test_settings_that_cannot_be_saved_are_used_all_the_same(tmp_path: Path) -> None:
    def refuse(_: Settings) -> None:
        raise AppError(ErrorCode.NOT_WRITABLE, msg("No."), msg("Try."))

    with assistant_over(ManualEngine(), tmp_path / "db", on_settings_saved=refuse) as (assistant, heard):
        with pytest.raises(AppError):
            assistant.update_settings(Settings(think=True))
        assert assistant.settings.think
        assert len(heard.of(SettingsChanged)) == 1


def test_a_tier_choice_reaches_the_engine_and_the_next_request(desk: Desk) -> None:
    desk.assistant.set_tier_choice(TierChoice.INT4)
    assert desk.engine.tiers == [Tier.INT4]
    decision = desk.assistant.effective_tier()
    assert (decision.tier, decision.chosen_by_user) == (Tier.INT4, True)
    desk.assistant.send(desk.chat, "q")
    assert desk.engine.last.request.tier is Tier.INT4
    desk.assistant.set_tier_choice(TierChoice.AUTO)
    assert desk.engine.tiers == [Tier.INT4, Tier.FP16], "the phone is charged to 80 %"


def test_auto_follows_the_battery_of_each_moment(tmp_path: Path) -> None:
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "db") as (assistant, _):
        for battery in (0.9, 0.2):
            assistant.energy.set_battery(battery)
            assistant.send(assistant.new_conversation().id, "q")
            engine.last.finish()
    assert [turn.request.tier for turn in engine.turns] == [Tier.FP16, Tier.INT4]


def test_preload_loads_the_chosen_model_in_the_tier_of_the_moment(desk: Desk) -> None:
    desk.assistant.preload()
    ((model, tier),) = desk.engine.preloaded
    assert (model.model_id, tier) == (Settings().model_id, Tier.FP16)


def test_engine_states_are_told(desk: Desk) -> None:
    status = EngineStatus(EngineState.LOADING, load_fraction=0.5)
    desk.engine.watchers[0](status)
    assert desk.heard.of(EngineChanged) == [EngineChanged(status)]
    assert desk.assistant.engine_status().state is EngineState.READY
