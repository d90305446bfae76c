"""The working half of the engine process, in this process: loading, statuses, failures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    Failed,
    Finished,
    FinishReason,
    TextDelta,
    TierSwitched,
    TurnEvent,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.mailbox import Mailbox
from autoglm_desktop.engine.protocol import Cancel, Command, ForgetSessions, Preload, SetTier, Submit
from autoglm_desktop.engine.runtime.contracts import Cache, Decoder, ProgressSink
from autoglm_desktop.engine.runtime.host import EngineHost
from tests.helpers.tiny_model import TinyDecoder, tiny_runtime, write_tiny_model


class Harness:
    """A host that loads tiny models, and everything it told."""

    def __init__(self, folder: Path) -> None:
        self.ref = ModelRef("tiny", str(write_tiny_model(folder)))
        self.events: list[TurnEvent | EngineStatus] = []
        self.loads: list[tuple[str, Tier]] = []
        self.load_failure: Exception | None = None
        self.mailbox = Mailbox()
        self.on_switch: Callable[[], None] = lambda: None
        runtime = tiny_runtime()
        self._load = runtime.load_decoder
        runtime = replace(runtime, load_decoder=self._load_decoder)
        self.host = EngineHost(runtime, self.mailbox, self.events.append, kv_cache_max_bytes=1 << 20)

    def _load_decoder(
        self, folder: Path, tier: Tier, on_progress: ProgressSink
    ) -> tuple[Decoder[Cache], Callable[[], Cache]]:
        self.loads.append((folder.name, tier))
        if self.load_failure is not None:
            raise self.load_failure
        decoder, new_cache = self._load(folder, tier, on_progress)
        assert isinstance(decoder, TinyDecoder)
        decoder.before_switch = self._before_switch
        return decoder, new_cache

    def _before_switch(self) -> None:
        self.on_switch()

    def do(self, command: Command) -> None:
        self.events.clear()
        self.host.execute(command, time.perf_counter())

    def ask(self, text: str, *, tier: Tier = Tier.INT8, ref: ModelRef | None = None) -> Finished | Failed:
        messages = (Message.of(Role.USER, text),)
        self.do(Submit(TurnRequest("t", ref or self.ref, messages, tier, Sampling(temperature=0))))
        (last,) = [e for e in self.events if isinstance(e, Finished | Failed)]
        return last

    @property
    def statuses(self) -> list[EngineStatus]:
        return [e for e in self.events if isinstance(e, EngineStatus)]

    @property
    def states(self) -> list[EngineState]:
        return [status.state for status in self.statuses]


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path / "tiny")


def test_the_first_turn_loads_and_tells(harness: Harness) -> None:
    last = harness.ask("hi")
    assert isinstance(last, Finished)
    assert last.usage.load_s > 0
    assert "".join(e.text for e in harness.events if isinstance(e, TextDelta)) == "hi"
    assert harness.states == [EngineState.LOADING] * 5 + [EngineState.BUSY, EngineState.READY]
    assert [s.load_fraction for s in harness.statuses[:5]] == [0.0, 0.25, 0.5, 0.75, 1.0]
    ready = harness.statuses[-1]
    assert (ready.model_id, ready.tier) == ("tiny", Tier.INT8)
    assert ready.memory is not None
    assert ready.memory.weights_bytes == 1000
    assert ready.memory.kv_bytes > 0
    assert ready.memory.rss_bytes >= (ready.memory.private_bytes or 0) > 1 << 20


def test_a_loaded_model_is_not_loaded_again(harness: Harness) -> None:
    harness.do(Preload(harness.ref, Tier.INT8))
    assert harness.states[-1] is EngineState.READY
    harness.ask("hi")
    harness.ask("hi", tier=Tier.INT4)
    assert harness.loads == [("tiny", Tier.INT8)]
    assert [e.to_tier for e in harness.events if isinstance(e, TierSwitched)] == [Tier.INT4]


def test_another_model_takes_the_place(harness: Harness, tmp_path: Path) -> None:
    other = ModelRef("other", str(write_tiny_model(tmp_path / "other")))
    harness.ask("hi")
    last = harness.ask("hi", ref=other)
    assert isinstance(last, Finished)
    assert last.usage.cached_tokens == 0
    assert harness.loads == [("tiny", Tier.INT8), ("other", Tier.INT8)]


def test_a_tier_changes_between_turns(harness: Harness) -> None:
    harness.ask("hi")
    harness.do(SetTier(Tier.FP16))
    assert harness.statuses[-1].tier is Tier.FP16
    harness.do(SetTier(Tier.FP16))
    assert harness.states == [EngineState.READY]


def test_a_failed_change_of_tier_is_told_until_one_succeeds(harness: Harness) -> None:
    def fail() -> None:
        raise AppError(ErrorCode.OUT_OF_MEMORY, msg("Too large."), msg("Use INT4."))

    harness.ask("hi")
    harness.on_switch = fail
    harness.do(SetTier(Tier.FP16))
    assert harness.statuses[-1].tier is Tier.INT8
    assert (error := harness.statuses[-1].error) is not None
    assert error.code is ErrorCode.OUT_OF_MEMORY
    assert isinstance(harness.ask("hi"), Finished)
    assert harness.statuses[-1].error == error
    harness.on_switch = lambda: None
    harness.do(SetTier(Tier.FP16))
    last = harness.statuses[-1]
    assert (last.tier, last.error) == (Tier.FP16, None)


def test_cancel_while_a_tier_is_packed_for_a_turn(harness: Harness) -> None:
    harness.ask("hi")
    harness.on_switch = lambda: harness.mailbox.put(Cancel("t"))
    last = harness.ask("hi", tier=Tier.FP16)
    assert isinstance(last, Finished)
    assert (last.reason, last.usage.tier, last.usage.completion_tokens) == (FinishReason.CANCELLED, Tier.INT8, 0)


def test_a_tier_without_a_model_means_nothing(harness: Harness) -> None:
    harness.do(SetTier(Tier.FP16))
    assert (harness.statuses[-1].tier, harness.statuses[-1].error) == (None, None)


def test_forgetting_drops_every_cache(harness: Harness) -> None:
    harness.ask("hi")
    harness.do(ForgetSessions())
    memory = harness.statuses[-1].memory
    assert memory is not None
    assert memory.kv_bytes == 0
    last = harness.ask("hi")
    assert isinstance(last, Finished)
    assert last.usage.cached_tokens == 0


def test_a_failed_load_is_told_and_the_next_try_is_free(harness: Harness) -> None:
    harness.load_failure = AppError(
        ErrorCode.OUT_OF_MEMORY, msg("Too large."), msg("Use INT4."), suggested_tier=Tier.INT4.value
    )
    last = harness.ask("hi")
    assert isinstance(last, Failed)
    assert (last.error.code, last.error.suggested_tier, last.usage) == (ErrorCode.OUT_OF_MEMORY, "int4", None)
    assert harness.statuses[-1] == replace(harness.statuses[-1], state=EngineState.READY, model_id=None)
    assert harness.statuses[-1].error == last.error
    harness.load_failure = None
    assert isinstance(harness.ask("hi"), Finished)
    assert harness.statuses[-1].error is None


def test_a_failed_preload_is_in_the_status(harness: Harness) -> None:
    harness.load_failure = RuntimeError("boom\nsecond line")
    harness.do(Preload(harness.ref, Tier.INT8))
    error = harness.statuses[-1].error
    assert error is not None
    assert (error.code, str(error.cause)) == (ErrorCode.ENGINE_FAILED, "The engine failed: boom.")
    assert "second line" in error.details


@pytest.mark.parametrize("failure", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_lack_of_memory_is_called_by_its_name(harness: Harness, failure: Exception) -> None:
    harness.load_failure = failure
    last = harness.ask("hi")
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.OUT_OF_MEMORY


def test_a_missing_folder_is_an_error_not_a_crash(harness: Harness) -> None:
    last = harness.ask("hi", ref=ModelRef("gone", "/nowhere"))
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.WEIGHTS_CORRUPT


def test_a_failure_in_mid_answer_keeps_what_was_counted(harness: Harness) -> None:
    harness.ask("hi")
    last = harness.ask("x" * 5000)  # over the context of 4096
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.CONTEXT_FULL
    assert last.usage is not None
    assert last.usage.prompt_tokens > 5000
    assert isinstance(harness.ask("hi"), Finished)
