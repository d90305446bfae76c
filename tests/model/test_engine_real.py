"""The engine with real weights: conversations keep their caches, and a killed process costs one answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from autoglm_desktop.core.errors import ErrorCode
from autoglm_desktop.core.events import EngineState, Failed, Finished, FinishReason, TierSwitched, Usage
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from tests.helpers import recording
from tests.helpers.real_models import QWEN, SMOLLM, real_model
from tests.helpers.recording import Recorder

pytestmark = [pytest.mark.model, pytest.mark.timeout(1800)]
GREEDY = Sampling(temperature=0)


class Talk:
    """A conversation with a real model."""

    def __init__(self, client: EngineClient, folder: Path) -> None:
        self.client = client
        self.ref = ModelRef(folder.name, str(folder))
        self.told = Recorder()
        self.messages: list[Message] = []
        self._turns = 0

    def start(self, text: str, **changes: Any) -> str:
        self._turns += 1
        self.messages.append(Message.of(Role.USER, text))
        request = TurnRequest(f"t{self._turns}", self.ref, tuple(self.messages), Tier.INT8, GREEDY, max_tokens=48)
        self.client.submit(replace(request, **changes), self.told)
        return f"t{self._turns}"

    def finish(self, turn_id: str) -> Usage:
        last = self.told.last(turn_id)
        assert isinstance(last, Finished), last
        text = self.told.text(turn_id)
        self.messages.append(Message.of(Role.ASSISTANT, text, reasoning=self.told.reasoning(turn_id)))
        return last.usage

    def ask(self, text: str, **changes: Any) -> Usage:
        return self.finish(self.start(text, **changes))


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineClient]:
    monkeypatch.setattr(recording, "WAIT_S", 600.0)  # a tier is packed on its first use
    client = EngineClient(EngineOptions(0, 1 << 30, 0, tmp_path / "engine.log"))
    yield client
    client.close()
    assert engines() == []


def engines() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if child.name() != "Xvfb"]


@pytest.mark.parametrize("model_id", [SMOLLM, QWEN])
def test_the_second_turn_reuses_the_whole_first(client: EngineClient, shared_data_dir: Path, model_id: str) -> None:
    talk = Talk(client, real_model(shared_data_dir, model_id))
    first = talk.ask("Write one sentence about the sea, 用中文也写一句。")
    assert first.cached_tokens == 0
    second = talk.ask("And one about mountains.")
    held = first.prompt_tokens + first.completion_tokens - 1  # the last token was never an input
    assert second.cached_tokens == held
    talk.messages = talk.messages[:2]  # back to the first answer: another branch
    third = talk.ask("And one about rivers.")
    assert third.cached_tokens >= held


def test_sampled_answers_are_reused_too(client: EngineClient, shared_data_dir: Path) -> None:
    """Sampling chooses other tokens for a text than the tokenizer would, often so in Chinese."""
    talk = Talk(client, real_model(shared_data_dir, QWEN))
    held = 0
    for text in ("讲一个关于猫的故事。", "再讲一个。", "And one about dogs."):
        usage = talk.ask(text, sampling=Sampling(temperature=1.0, seed=5))
        assert usage.cached_tokens == held
        held = usage.prompt_tokens + usage.completion_tokens - 1


def test_a_seed_repeats_an_answer(client: EngineClient, shared_data_dir: Path) -> None:
    texts = []
    for _ in range(2):
        talk = Talk(client, real_model(shared_data_dir, SMOLLM))
        client.forget_sessions()
        talk.ask("Tell me about the sea.", sampling=Sampling(temperature=1.0, seed=12))
        texts.append(talk.messages[-1].text)
    assert texts[0] == texts[1]
    assert texts[0]


def test_a_model_without_thinking_reasons_first(client: EngineClient, shared_data_dir: Path) -> None:
    talk = Talk(client, real_model(shared_data_dir, QWEN))
    usage = talk.ask("What is 12 * 12?", think=True, thinking_budget_tokens=24)
    answer = talk.messages[-1]
    assert answer.reasoning
    assert answer.text
    assert "think>" not in answer.reasoning + answer.text
    assert 0 < usage.reasoning_tokens <= 24 < usage.completion_tokens + 24


def test_a_tier_switch_in_mid_answer_keeps_the_conversation(client: EngineClient, shared_data_dir: Path) -> None:
    talk = Talk(client, real_model(shared_data_dir, SMOLLM))
    first = talk.ask("Name three colours.", tier=Tier.FP16)
    turn_id = talk.start("Describe each in a long paragraph.", tier=Tier.FP16, max_tokens=400)
    talk.told.wait(lambda: bool(talk.told.text(turn_id)))
    client.set_tier(Tier.INT4)
    usage = talk.finish(turn_id)
    (switch,) = [e for e in talk.told.events if isinstance(e, TierSwitched)]
    assert (switch.from_tier, switch.to_tier, usage.tier) == (Tier.FP16, Tier.INT4, Tier.INT4)
    assert usage.cached_tokens == first.prompt_tokens + first.completion_tokens - 1
    assert switch.kv_kept_tokens >= usage.prompt_tokens
    third = talk.ask("Which one is the best?", tier=Tier.INT4)
    assert third.cached_tokens == usage.prompt_tokens + usage.completion_tokens - 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_kill_in_mid_answer(client: EngineClient, shared_data_dir: Path) -> None:
    for _ in range(3):
        talk = Talk(client, real_model(shared_data_dir, SMOLLM))
        turn_id = talk.start("Tell me a very long story.", max_tokens=2000)
        talk.told.wait(lambda talk=talk, turn_id=turn_id: bool(talk.told.text(turn_id)))  # type: ignore[misc]
        engines()[0].kill()
        last = talk.told.last(turn_id)
        assert isinstance(last, Failed)
        assert last.error.code is ErrorCode.ENGINE_DIED
        assert talk.told.text(turn_id)
        assert engines() == []
    assert talk.ask("Are you still there?").completion_tokens > 0


def test_cancel_is_heard_in_a_long_prompt(client: EngineClient, shared_data_dir: Path) -> None:
    talk = Talk(client, real_model(shared_data_dir, SMOLLM))
    talk.ask("hi")
    turn_id = talk.start("word " * 7000)
    talk.told.wait(lambda: bool(talk.told.phases(turn_id)))
    client.cancel(turn_id)
    last = talk.told.last(turn_id)
    assert isinstance(last, Finished)
    assert (last.reason, talk.told.text(turn_id)) == (FinishReason.CANCELLED, "")


def test_unloading_returns_the_memory(client: EngineClient, shared_data_dir: Path) -> None:
    talk = Talk(client, real_model(shared_data_dir, SMOLLM))
    usage = talk.ask("hi")
    assert usage.memory.rss_bytes > usage.memory.weights_bytes > 1 << 20
    assert usage.memory.kv_bytes > 0
    client.watch(talk.told.on_status)
    client.unload()
    talk.told.wait(lambda: client.status().state is EngineState.STOPPED)
    assert engines() == []
