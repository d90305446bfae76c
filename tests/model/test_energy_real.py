"""The governor on real weights: the slider moves, and the next answer is really computed in another precision."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.events import NodeFinished
from autoglm_desktop.cli.main import main
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.messages import Sampling
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary
from tests.helpers.assistants import Heard, assistant_over
from tests.helpers.real_models import SMOLLM, real_model

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]
GREEDY = Sampling(temperature=0.0, seed=3)


def test_from_80_to_20_percent_the_next_answer_is_computed_in_int4_and_heat_reuses_it(
    shared_data_dir: Path, tmp_path: Path
) -> None:
    real_model(shared_data_dir, SMOLLM)
    settings = Settings(model_id=SMOLLM, system_prompt="", max_tokens=80)
    energy = EnergyService(settings=settings)
    engine = EngineClient(EngineOptions(2, 1 << 28, 600, tmp_path / "engine.log"))
    library = ModelLibrary(shared_data_dir)
    with assistant_over(engine, tmp_path / "db", settings=settings, library=library, energy=energy) as (it, heard):
        energy.start()

        def ask(text: str, chat: str) -> Node:
            return _finished(heard, it.send(chat, text, sampling=GREEDY))

        chat = it.new_conversation().id
        first = ask("Name three colours.", chat)
        energy.set_battery(0.2)
        assert "20.0 %" in it.effective_tier().reason.english()
        second = ask("Name three animals.", chat)
        assert first.usage is not None
        assert second.usage is not None
        assert (first.usage.tier, second.usage.tier) == (Tier.FP16, Tier.INT4)
        assert second.usage.memory.weights_bytes < 0.6 * first.usage.memory.weights_bytes
        assert second.usage.cached_tokens > 0.5 * first.usage.prompt_tokens, "the conversation was kept"
        energy.set_temperature(70.0)
        story = "Tell me a very long story about the sea."
        third = ask(story, it.new_conversation().id)
        assert third.usage is not None
        assert third.usage.completion_tokens <= 64
        assert [node.usage.load_s > 0.0 for node in (first, second, third) if node.usage] == [True, False, False]
        fourth = ask(story, it.new_conversation().id)
        assert (fourth.from_cache, fourth.text) == (True, third.text)
        energy.set_temperature(40.0)
        fifth = ask(story, it.new_conversation().id)
        assert not fifth.from_cache
        joules = [node.energy.phone.value if node.energy else None for node in (first, second, third, fourth)]
        assert joules[3] == 0.0
        assert all(each is not None and each > 0.0 for each in joules[:3])
        assert energy.view().kv_saved_tokens >= second.usage.cached_tokens
        assert len(it.ledger.turns()) == 5


def test_chat_on_the_command_line_tells_energy(shared_data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    real_model(shared_data_dir, SMOLLM)
    arguments = ["chat", "--model", SMOLLM, "--data-dir", str(shared_data_dir), "--max-tokens", "8", "--json"]
    assert main([*arguments, "--temperature", "0", "hello"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["energy"]["label"] in ("measured", "estimated", "simulated")
    assert found["energy"]["joules"] > 0.0
    assert found["energy"]["phone_joules"] > 0.0
    assert found["from_cache"] is False


def _finished(heard: Heard, node: Node) -> Node:
    heard.wait_finished(node.id, 300.0)
    return next(event.node for event in heard.of(NodeFinished) if event.node.id == node.id)
