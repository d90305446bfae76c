"""The working half of the engine process, in this process: loading, statuses, failures."""

from __future__ import annotations

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
    PerceptionEvent,
    Phase,
    PhaseChanged,
    TextDelta,
    TierSwitched,
    TurnEvent,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.perception import (
    ImageRead,
    LookRequest,
    Modality,
    SpeechHeard,
    Transcribed,
    TranscribeRequest,
)
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.mailbox import Mailbox
from autoglm_desktop.engine.protocol import (
    Cancel,
    Command,
    ForgetSessions,
    LoadModality,
    Perceive,
    Preload,
    SetTier,
    Submit,
    UnloadModality,
)
from autoglm_desktop.engine.runtime.contracts import Cache, Decoder, ProgressSink
from autoglm_desktop.engine.runtime.host import EngineHost
from autoglm_desktop.engine.runtime.modalities import Modalities
from tests.helpers.senses import READING, TRANSCRIPT, Clock, FakeSenses
from tests.helpers.tiny_model import TinyDecoder, tiny_runtime, write_tiny_model


class Harness:
    """A host that loads tiny models, and everything it told."""

    def __init__(self, folder: Path) -> None:
        self.ref = ModelRef("tiny", str(write_tiny_model(folder)))
        self.events: list[TurnEvent | PerceptionEvent | EngineStatus] = []
        self.loads: list[tuple[str, Tier]] = []
        self.load_failure: Exception | None = None
        self.mailbox = Mailbox()
        self.on_switch: Callable[[], None] = lambda: None
        runtime = tiny_runtime()
        self._load = runtime.load_decoder
        runtime = replace(runtime, load_decoder=self._load_decoder)
        self.senses = FakeSenses()
        self.clock = Clock()
        modalities = Modalities(self.senses.loaders(), 60.0, self.clock)
        self.host = EngineHost(
            runtime, self.mailbox, self.events.append, kv_cache_max_bytes=1 << 20, modalities=modalities
        )

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
        self.host.execute(command)

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


def test_only_the_turn_that_loads_tells_of_loading(harness: Harness) -> None:
    """The phone is charged for reading all weights wherever a turn does."""
    seconds = [harness.ask("hi", tier=tier).usage for tier in (Tier.INT8, Tier.INT8, Tier.INT4)]
    assert [usage is not None and usage.load_s > 0.0 for usage in seconds] == [True, False, False]
    assert [usage.load_s for usage in seconds[1:] if usage is not None] == [0.0, 0.0]


def test_a_prompt_that_does_not_fit_was_not_computed(harness: Harness) -> None:
    last = harness.ask("x" * 10_000)
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.CONTEXT_FULL
    assert last.usage is not None
    assert last.usage.prompt_tokens > 9_000
    assert last.usage.fresh_tokens == 0


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
    assert (last.error.code, last.error.suggested_tier) == (ErrorCode.OUT_OF_MEMORY, "int4")  # asked in INT8
    harness.do(Preload(harness.ref, Tier.INT4))
    assert (error := harness.statuses[-1].error) is not None
    assert (error.code, error.suggested_tier) == (ErrorCode.OUT_OF_MEMORY, None)


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


@pytest.fixture
def picture(tmp_path: Path) -> LookRequest:
    path = tmp_path / "picture.png"
    path.write_bytes(b"pixels")
    return LookRequest("look", str(path))


@pytest.fixture
def recording(tmp_path: Path) -> TranscribeRequest:
    path = tmp_path / "recording.wav"
    path.write_bytes(b"samples")
    return TranscribeRequest("hear", str(path), str(tmp_path / "whisper"))


def _told(harness: Harness) -> list[TurnEvent | PerceptionEvent]:
    return [event for event in harness.events if not isinstance(event, EngineStatus)]


def test_a_look_loads_the_reader_once_and_needs_no_model(harness: Harness, picture: LookRequest) -> None:
    harness.do(Perceive(picture))
    loading = [e for e in _told(harness) if isinstance(e, PhaseChanged)]
    assert [(e.phase, e.fraction) for e in loading] == [(Phase.LOADING, 0.0), (Phase.LOADING, 1.0)]
    last = _told(harness)[-1]
    assert isinstance(last, ImageRead)
    assert (last.reading, last.load_s > 0) == (READING, True)
    harness.do(Perceive(picture))
    assert _told(harness) == [ImageRead("look", READING, 0.0)]
    assert (harness.senses.loads, harness.loads) == (["vision"], [])
    status = harness.statuses[-1]
    assert (status.state, status.model_id) == (EngineState.READY, None)
    (vision,) = status.modalities
    assert (vision.modality, vision.loaded) == (Modality.VISION, True)
    assert vision.load_s == last.load_s


def test_a_transcription_tells_segments_as_they_come(harness: Harness, recording: TranscribeRequest) -> None:
    harness.do(Perceive(recording))
    heard = [e for e in _told(harness) if isinstance(e, SpeechHeard)]
    assert tuple(e.segment for e in heard) == TRANSCRIPT.segments
    last = _told(harness)[-1]
    assert isinstance(last, Transcribed)
    assert last.transcript == TRANSCRIPT


def test_another_speech_model_takes_the_place_of_the_first(harness: Harness, recording: TranscribeRequest) -> None:
    for name in ("base", "base", "small"):
        harness.do(Perceive(replace(recording, model_folder=name)))
    assert harness.senses.loads == ["speech base", "speech small"]


def test_looks_do_not_touch_the_model_and_its_conversations(harness: Harness, picture: LookRequest) -> None:
    first = harness.ask("hello there")
    harness.do(Perceive(picture))
    again = harness.ask("hello there")
    assert isinstance(first, Finished)
    assert isinstance(again, Finished)
    assert again.usage.cached_tokens == again.usage.prompt_tokens - 1
    assert len(harness.loads) == 1
    assert harness.statuses[-1].modalities[0].loaded


def test_a_bad_file_costs_its_request_alone(harness: Harness, picture: LookRequest) -> None:
    harness.do(Perceive(replace(picture, path="/nowhere.png")))
    (last,) = [e for e in harness.events if isinstance(e, Failed)]
    assert (last.turn_id, last.error.code) == ("look", ErrorCode.BAD_INPUT)
    assert harness.statuses[-1].error is None
    harness.do(Perceive(picture))
    assert isinstance(_told(harness)[-1], ImageRead)


def test_what_does_not_load_is_told_and_tried_again(harness: Harness, recording: TranscribeRequest) -> None:
    harness.senses.failure = AppError(ErrorCode.MODEL_MISSING, msg("It is missing."), msg("Fetch it."))
    harness.do(Perceive(recording))
    last = _told(harness)[-1]
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.MODEL_MISSING
    assert harness.statuses[-1].modalities == ()
    harness.senses.failure = None
    harness.do(Perceive(recording))
    assert isinstance(_told(harness)[-1], Transcribed)


def test_a_cancel_ends_a_transcription_between_segments(harness: Harness, recording: TranscribeRequest) -> None:
    harness.senses.on_step = lambda: harness.mailbox.put(Cancel("hear"))
    harness.mailbox.put(Perceive(recording))
    taken = harness.mailbox.take()
    assert taken is not None
    harness.do(taken)
    assert len([e for e in _told(harness) if isinstance(e, SpeechHeard)]) == 1
    last = _told(harness)[-1]
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.CANCELLED


def test_a_cancel_that_comes_before_loads_nothing(harness: Harness, picture: LookRequest) -> None:
    harness.mailbox.put(Perceive(picture))
    harness.mailbox.put(Cancel("look"))
    taken = harness.mailbox.take()
    assert taken is not None
    harness.do(taken)
    last = _told(harness)[-1]
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.CANCELLED
    assert harness.senses.loads == []


def test_a_modality_is_loaded_ahead_and_unloaded_by_command(harness: Harness, picture: LookRequest) -> None:
    harness.do(LoadModality(Modality.VISION))
    assert [s.load_fraction for s in harness.statuses if s.state is EngineState.LOADING] == [0.0, 1.0]
    assert harness.statuses[-1].modalities[0].loaded
    harness.do(Perceive(picture))
    assert harness.senses.loads == ["vision"]
    harness.do(UnloadModality(Modality.VISION))
    (vision,) = harness.statuses[-1].modalities
    assert (vision.loaded, vision.bytes_held) == (False, 0)
    harness.do(UnloadModality(Modality.SPEECH))
    assert harness.statuses[-1].state is EngineState.READY


def test_speech_cannot_be_loaded_without_a_model(harness: Harness) -> None:
    harness.do(LoadModality(Modality.SPEECH))
    error = harness.statuses[-1].error
    assert error is not None
    assert error.code is ErrorCode.MODEL_MISSING


def test_what_is_idle_is_unloaded_after_its_time(harness: Harness, picture: LookRequest) -> None:
    assert harness.host.next_idle_s() is None
    harness.do(Perceive(picture))
    assert harness.host.next_idle_s() == harness.clock.now_s + 60.0
    harness.clock.now_s += 59.0
    harness.events.clear()
    harness.host.idle()
    assert harness.events == []
    harness.do(Perceive(picture))  # used again: its time begins anew
    harness.clock.now_s += 59.0
    harness.events.clear()
    harness.host.idle()
    assert harness.events == []
    harness.clock.now_s += 1.0
    harness.host.idle()
    assert not harness.statuses[-1].modalities[0].loaded
    assert harness.host.next_idle_s() is None
