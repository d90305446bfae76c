"""Looks and transcriptions beside answers: through the real engine process, and from the engine that plays a script."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import EngineState, Failed, Finished, FinishReason, Phase
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import (
    ImageRead,
    LookRequest,
    Modality,
    SpeechHeard,
    Transcribed,
    TranscribeRequest,
)
from autoglm_desktop.engine.client import EngineClient
from autoglm_desktop.engine.mailbox import Mailbox
from autoglm_desktop.engine.protocol import ForgetSessions
from autoglm_desktop.engine.script import Hold, Reply, Senses
from autoglm_desktop.engine.scripted import ScriptedEngine
from tests.helpers.recording import WAIT_S, Recorder
from tests.helpers.senses import READING, TRANSCRIPT
from tests.unit.test_engine_client import TINY_CHILD, Desk, children


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.client.close()
    assert children() == []


def _look(folder: Path, turn_id: str, name: str = "picture.png") -> LookRequest:
    path = folder / name
    path.write_bytes(b"pixels")
    return LookRequest(turn_id, str(path))


def _hear(folder: Path, turn_id: str) -> TranscribeRequest:
    path = folder / "speech.wav"
    path.write_bytes(b"samples")
    return TranscribeRequest(turn_id, str(path), str(folder / "whisper"))


def test_looks_and_answers_wait_in_one_line(desk: Desk, tmp_path: Path) -> None:
    desk.ask_endless("a")
    desk.client.perceive(_look(tmp_path, "look"), desk.told)
    desk.ask("b", "after")
    desk.client.perceive(_hear(tmp_path, "hear"), desk.told)
    assert desk.told.phases("look") in ([], [Phase.QUEUED])
    desk.client.cancel("a")
    last = desk.told.perceived("hear")
    assert isinstance(last, Transcribed)
    assert last.transcript == TRANSCRIPT
    ended = [e.turn_id for e in desk.told.events if isinstance(e, Finished | ImageRead | Transcribed)]
    assert ended == ["a", "look", "b", "hear"]
    assert desk.told.phases("look") == [Phase.QUEUED, Phase.LOADING]
    assert [e.segment for e in desk.told.events if isinstance(e, SpeechHeard)] == list(TRANSCRIPT.segments)
    assert {m.modality for m in desk.client.status().modalities} == set(Modality)


def test_a_look_starts_the_engine_without_a_model(desk: Desk, tmp_path: Path) -> None:
    desk.client.perceive(_look(tmp_path, "look"), desk.told)
    last = desk.told.perceived("look")
    assert isinstance(last, ImageRead)
    assert last.reading == READING
    assert desk.told.phases("look") == [Phase.STARTING, Phase.LOADING]
    desk.told.wait(lambda: desk.told.statuses[-1].state is EngineState.READY)
    assert desk.client.status().model_id is None
    assert len(children()) == 1


def test_a_running_look_can_be_cancelled_and_the_next_answer_comes(desk: Desk, tmp_path: Path) -> None:
    desk.client.perceive(_look(tmp_path, "look", "slow.png"), desk.told)
    desk.told.wait(lambda: desk.told.phases("look")[-1:] == [Phase.LOADING])
    desk.client.cancel("look")
    last = desk.told.perceived("look")
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.CANCELLED
    desk.ask("a", "still here")
    assert isinstance(desk.told.last("a"), Finished)


def test_a_waiting_transcription_can_be_cancelled(desk: Desk, tmp_path: Path) -> None:
    desk.ask_endless("a")
    desk.client.perceive(_hear(tmp_path, "hear"), desk.told)
    desk.client.cancel("hear")
    last = desk.told.perceived("hear")
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.CANCELLED
    desk.client.cancel("a")
    ended = desk.told.last("a")
    assert isinstance(ended, Finished)
    assert ended.reason is FinishReason.CANCELLED


def test_the_death_of_the_engine_fails_the_look(desk: Desk, tmp_path: Path) -> None:
    desk.client.perceive(_look(tmp_path, "look", "slow.png"), desk.told)
    desk.told.wait(lambda: desk.told.phases("look")[-1:] == [Phase.LOADING])
    children()[0].kill()
    last = desk.told.perceived("look")
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.ENGINE_DIED
    assert desk.client.status().modalities == ()


def test_closing_ends_what_waits(desk: Desk, tmp_path: Path) -> None:
    desk.client.perceive(_look(tmp_path, "look", "slow.png"), desk.told)
    desk.client.perceive(_hear(tmp_path, "hear"), desk.told)
    desk.client.close()
    desk.client.perceive(_hear(tmp_path, "late"), desk.told)
    for turn_id in ("look", "hear", "late"):
        last = desk.told.perceived(turn_id)
        assert isinstance(last, Failed)
        assert last.error.code is ErrorCode.CANCELLED


def test_a_modality_is_loaded_ahead_and_unloaded_when_idle(desk: Desk) -> None:
    desk.client.close()
    client = EngineClient(replace(desk.options, modality_idle_s=1), command=TINY_CHILD)
    client.watch(desk.told.on_status)
    try:
        client.load_modality(Modality.VISION)
        desk.told.wait(lambda: any(m.loaded for s in desk.told.statuses for m in s.modalities))
        desk.told.wait(
            lambda: bool(desk.told.statuses[-1].modalities) and not desk.told.statuses[-1].modalities[0].loaded
        )
        assert client.status().state is EngineState.READY
    finally:
        client.close()


def test_a_mailbox_waits_until_the_time_that_is_named() -> None:
    mailbox = Mailbox()
    assert mailbox.take(0.0) is None
    threading.Timer(0.05, lambda: mailbox.put(ForgetSessions())).start()
    taken = mailbox.take(None)
    assert taken is not None
    assert taken == ForgetSessions()


@pytest.fixture
def told() -> Recorder:
    return Recorder()


def _scripted(senses: Senses, told: Recorder) -> ScriptedEngine:
    engine = ScriptedEngine([Reply("yes")], senses=senses)
    engine.watch(told.on_status)
    return engine


def test_a_script_can_read_and_hear(told: Recorder) -> None:
    engine = _scripted(Senses(lambda _: READING, lambda _: TRANSCRIPT, bytes_held=9), told)
    try:
        engine.perceive(LookRequest("look", "a.png"), told)
        engine.perceive(TranscribeRequest("hear", "a.wav", "w"), told)
        assert told.perceived("look") == ImageRead("look", READING, load_s_of(told, "look"))
        assert isinstance(told.perceived("hear"), Transcribed)
        assert told.phases("look") == [Phase.LOADING]
        assert [m.bytes_held for m in engine.status().modalities] == [9, 9]
        engine.unload_modality(Modality.VISION)
        told.wait(lambda: not told.statuses[-1].modalities[0].loaded)
        assert [r.turn_id for r in engine.perceptions] == ["look", "hear"]
    finally:
        engine.close()


def test_a_script_can_hold_a_look_until_it_is_cancelled(told: Recorder) -> None:
    hold = Hold()
    engine = _scripted(Senses(lambda _: READING, hold=hold), told)
    try:
        engine.perceive(LookRequest("look", "a.png"), told)
        assert hold.reached.wait(WAIT_S)
        engine.cancel("look")
        last = told.perceived("look")
        assert isinstance(last, Failed)
        assert last.error.code is ErrorCode.CANCELLED
    finally:
        engine.close()


def test_a_script_can_fail_to_load_and_to_read(told: Recorder) -> None:
    error = ErrorReport(ErrorCode.BAD_INPUT, msg("Not readable."), msg("Another."))
    unloadable = _scripted(Senses(lambda _: READING, load_error=error), told)
    unreadable = _scripted(Senses(lambda _: error), told)
    try:
        for engine, turn_id in ((unloadable, "a"), (unreadable, "b")):
            engine.perceive(LookRequest(turn_id, "a.png"), told)
            assert told.perceived(turn_id) == Failed(turn_id, error)
        unreadable.perceive(TranscribeRequest("c", "a.wav", "w"), told)
        assert isinstance(told.perceived("c"), Failed)  # the script says nothing about speech
    finally:
        unloadable.close()
        unreadable.close()


def load_s_of(told: Recorder, turn_id: str) -> float:
    last = told.perceived(turn_id)
    assert isinstance(last, ImageRead)
    assert last.load_s >= 0.0
    return last.load_s
