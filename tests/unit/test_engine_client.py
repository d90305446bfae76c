"""The client and the real engine process around a tiny model: order, cancel, death, idle, close."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from autoglm_desktop.core.errors import ErrorCode
from autoglm_desktop.core.events import EngineState, Failed, Finished, FinishReason, Phase, TierSwitched
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from tests.helpers.recording import Recorder
from tests.helpers.tiny_model import write_tiny_model

TINY_CHILD = (sys.executable, "-m", "tests.helpers.tiny_engine_child")


class Desk:
    """A client, what it told, and requests for it."""

    def __init__(self, folder: Path, command: tuple[str, ...] = TINY_CHILD) -> None:
        self.options = EngineOptions(threads=1, kv_cache_max_bytes=1 << 20, idle_unload_s=0, log_path=folder / "e.log")
        self.client = EngineClient(self.options, command=command)
        self.ref = ModelRef("tiny", str(write_tiny_model(folder / "tiny")))
        self.told = Recorder()
        self.client.watch(self.told.on_status)

    def ask(self, turn_id: str, text: str, **changes: Any) -> None:
        messages = (Message.of(Role.USER, text),)
        request = TurnRequest(turn_id, self.ref, messages, Tier.INT8, Sampling(temperature=0), max_tokens=1_000_000)
        self.client.submit(replace(request, **changes), self.told)

    def ask_endless(self, turn_id: str) -> None:
        """Returns when the answer has begun."""
        self.ask(turn_id, "endless")
        self.told.wait(lambda: bool(self.told.text(turn_id)))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.client.close()
    assert children() == []


def children() -> list[psutil.Process]:
    """Engine processes of this process (an X server for the tests may run beside them)."""
    return [child for child in psutil.Process().children(recursive=True) if child.name() != "Xvfb"]


def test_it_is_an_engine(desk: Desk) -> None:
    engine: Engine = desk.client
    assert engine.status().state is EngineState.STOPPED
    assert children() == []  # nothing starts before there is something to do


def test_an_answer_comes_in_order_on_one_thread(desk: Desk) -> None:
    desk.ask("a", "你好😀")
    last = desk.told.last("a")
    assert isinstance(last, Finished)
    assert (last.reason, desk.told.text("a")) == (FinishReason.STOP, "你好😀")
    assert desk.told.phases("a") == [Phase.STARTING, Phase.LOADING, Phase.PREFILL, Phase.GENERATING]
    assert desk.told.threads == {"engine"}
    desk.told.wait(lambda: desk.told.statuses[-1].state is EngineState.READY and len(desk.told.statuses) > 3)
    states = [status.state for status in desk.told.statuses]
    assert [s for n, s in enumerate(states) if n == 0 or states[n - 1] is not s] == [
        EngineState.STARTING,
        EngineState.LOADING,
        EngineState.BUSY,
        EngineState.READY,
    ]
    assert desk.client.status().memory is not None


def test_turns_queue_in_order(desk: Desk) -> None:
    for n in range(4):
        desk.ask(f"t{n}", f"text {n}")
    ends = [desk.told.last(f"t{n}") for n in range(4)]
    assert [desk.told.text(f"t{n}") for n in range(4)] == [f"text {n}" for n in range(4)]
    assert all(isinstance(end, Finished) for end in ends)
    assert desk.told.phases("t3")[0] is Phase.QUEUED
    order = [e.turn_id for e in desk.told.events if isinstance(e, Finished)]
    assert order == ["t0", "t1", "t2", "t3"]


def test_cancel_stops_the_running_turn(desk: Desk) -> None:
    desk.ask_endless("a")
    desk.client.cancel("a")
    last = desk.told.last("a")
    assert isinstance(last, Finished)
    assert last.reason is FinishReason.CANCELLED
    assert last.usage.completion_tokens >= len(desk.told.text("a")) > 0
    assert desk.told.events[-1] is last


def test_cancel_of_a_waiting_turn_does_not_touch_the_running_one(desk: Desk) -> None:
    desk.ask_endless("a")
    desk.ask("b", "never")
    desk.client.cancel("b")
    desk.client.cancel("nobody")
    last = desk.told.last("b")
    assert isinstance(last, Finished)
    assert (last.reason, desk.told.text("b")) == (FinishReason.CANCELLED, "")
    desk.client.cancel("a")
    assert isinstance(desk.told.last("a"), Finished)


def test_cancel_while_the_process_starts_does_not_wait_for_it(desk: Desk) -> None:
    desk.ask("a", "endless")
    desk.client.cancel("a")
    last = desk.told.last("a")
    assert isinstance(last, Finished)
    assert last.reason is FinishReason.CANCELLED
    assert desk.told.phases("a") == [Phase.STARTING]  # it was not even loading
    desk.ask("b", "next")
    assert isinstance(desk.told.last("b"), Finished)
    assert desk.told.text("b") == "next"
    assert desk.told.text("a") == ""  # what the child still said about it was dropped


def test_the_tier_changes_in_mid_answer(desk: Desk) -> None:
    desk.ask_endless("a")
    desk.client.set_tier(Tier.INT4)
    desk.told.wait(lambda: any(isinstance(e, TierSwitched) for e in desk.told.events))
    desk.client.cancel("a")
    last = desk.told.last("a")
    assert isinstance(last, Finished)
    assert last.usage.tier is Tier.INT4
    (switch,) = [e for e in desk.told.events if isinstance(e, TierSwitched)]
    assert switch.kv_kept_tokens >= last.usage.prompt_tokens


def test_a_change_of_tier_holds_for_turns_that_wait(desk: Desk) -> None:
    desk.ask_endless("a")
    desk.ask("b", "after it")
    desk.client.set_tier(Tier.INT4)
    desk.told.wait(lambda: any(isinstance(e, TierSwitched) for e in desk.told.events))
    desk.client.cancel("a")
    last = desk.told.last("b")
    assert isinstance(last, Finished)
    assert last.usage.tier is Tier.INT4
    assert len([e for e in desk.told.events if isinstance(e, TierSwitched)]) == 1  # not there and back again


def test_preload_then_answer(desk: Desk) -> None:
    desk.client.preload(desk.ref, Tier.INT8)
    desk.told.wait(lambda: desk.client.status().state is EngineState.READY)
    assert desk.client.status().model_id == "tiny"
    desk.ask("a", "hi")
    assert isinstance(desk.told.last("a"), Finished)
    assert desk.told.phases("a") == [Phase.PREFILL, Phase.GENERATING]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_kill_in_mid_answer_twenty_times(desk: Desk) -> None:
    for n in range(20):
        desk.ask_endless(f"a{n}")
        (child,) = children()
        child.send_signal(signal.SIGKILL)
        last = desk.told.last(f"a{n}")
        assert isinstance(last, Failed)
        assert last.error.code is ErrorCode.ENGINE_DIED
        assert "exit status -9" in last.error.details
        assert last.error.suggested_tier == "int4"  # it answered in INT8
        assert children() == []
    assert desk.client.status().state is EngineState.STOPPED
    assert desk.client.status().error is not None
    desk.ask("b", "still here")
    assert isinstance(desk.told.last("b"), Finished)
    assert desk.told.text("b") == "still here"
    desk.told.wait(lambda: desk.client.status().error is None)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_death_takes_the_running_turn_only(desk: Desk) -> None:
    desk.ask_endless("a")
    desk.ask("b", "next")
    children()[0].kill()
    assert isinstance(desk.told.last("a"), Failed)
    assert isinstance(desk.told.last("b"), Finished)
    assert desk.told.phases("b")[:2] == [Phase.QUEUED, Phase.STARTING]


def test_a_child_that_cannot_run_fails_every_turn_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, (sys.executable, "-c", "raise SystemExit('no libraries here')"))
    for n in range(2):
        desk.ask(f"a{n}", "hi")
        last = desk.told.last(f"a{n}")
        assert isinstance(last, Failed)
        assert last.error.code is ErrorCode.ENGINE_DIED
        assert "no libraries here" in last.error.details  # what it said is in the log and in the report
    desk.client.close()


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    desk = Desk(tmp_path, (str(tmp_path / "absent"),))
    desk.ask("a", "hi")
    last = desk.told.last("a")
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.ENGINE_FAILED
    assert desk.client.status().state is EngineState.STOPPED
    desk.client.close()


def test_a_log_that_cannot_be_written_costs_the_log_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    desk = Desk(tmp_path)
    desk.client.configure(replace(desk.options, log_path=tmp_path / "file" / "engine.log"))
    desk.ask("a", "hi")
    assert isinstance(desk.told.last("a"), Finished)
    desk.client.close()


def test_text_that_is_no_unicode_fails_politely(desk: Desk) -> None:
    desk.ask("a", "bad \ud800 text")
    desk.ask("b", "good")
    last = desk.told.last("a")
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.BAD_INPUT
    assert isinstance(desk.told.last("b"), Finished)


def test_unload_ends_the_process_and_the_next_turn_starts_it(desk: Desk) -> None:
    desk.ask("a", "hi")
    desk.told.last("a")
    desk.client.unload()
    desk.told.wait(lambda: desk.client.status().state is EngineState.STOPPED)
    assert children() == []
    desk.ask("b", "hi")
    assert isinstance(desk.told.last("b"), Finished)
    assert desk.told.phases("b")[:2] == [Phase.STARTING, Phase.LOADING]


def test_unload_waits_for_the_running_turn(desk: Desk) -> None:
    desk.ask_endless("a")
    desk.client.unload()
    desk.client.cancel("a")
    assert isinstance(desk.told.last("a"), Finished)
    desk.told.wait(lambda: desk.client.status().state is EngineState.STOPPED)
    assert children() == []


def test_an_idle_engine_unloads_itself(desk: Desk) -> None:
    desk.client.configure(replace(desk.options, idle_unload_s=1))
    desk.ask("a", "hi")
    desk.told.last("a")
    (child,) = children()
    desk.told.wait(lambda: desk.client.status().state is EngineState.STOPPED)
    assert not child.is_running()  # all its memory is back
    assert desk.client.status().memory is None
    desk.ask("b", "hi")
    assert isinstance(desk.told.last("b"), Finished)


def test_sessions_can_be_forgotten(desk: Desk) -> None:
    desk.ask("a", "hi")
    desk.ask("b", "hi")
    desk.told.last("b")
    desk.client.forget_sessions()
    desk.ask("c", "hi")
    usages = [last.usage for last in map(desk.told.last, "abc") if isinstance(last, Finished)]
    assert [usage.cached_tokens > 0 for usage in usages] == [False, True, False]


def test_close_ends_everything_and_tells_every_turn(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ask_endless("a")
    desk.ask("b", "never")
    desk.client.close()
    desk.client.close()
    assert children() == []
    for turn_id in "ab":
        last = desk.told.last(turn_id)
        assert isinstance(last, Failed)
        assert last.error.code is ErrorCode.CANCELLED
    desk.ask("c", "too late")
    assert isinstance(desk.told.last("c"), Failed)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_close_ends_a_child_that_hangs(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ask_endless("a")
    (child,) = children()
    child.suspend()
    desk.client.close()
    assert children() == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_hanging_child_is_killed_when_a_turn_is_cancelled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoglm_desktop.engine.dispatcher.CANCEL_GRACE_S", 0.2)
    desk.ask_endless("a")
    children()[0].suspend()
    desk.client.cancel("a")
    last = desk.told.last("a")
    assert isinstance(last, Failed)
    assert last.error.code is ErrorCode.ENGINE_DIED
    desk.ask("b", "next")
    assert isinstance(desk.told.last("b"), Finished)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_child_that_hangs_before_it_begins_is_killed_after_the_cancel(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoglm_desktop.engine.dispatcher.START_GRACE_S", 0.2)
    desk.ask("a", "hi")
    desk.told.last("a")
    (child,) = children()
    child.suspend()
    desk.ask("b", "never begun")
    desk.client.cancel("b")
    assert isinstance(desk.told.last("b"), Finished)
    desk.told.wait(lambda: desk.client.status().error is not None)
    assert not child.is_running()
    desk.ask("c", "next")
    assert isinstance(desk.told.last("c"), Finished)
    assert desk.told.text("c") == "next"


def test_a_listener_that_raises_does_not_stop_the_engine(desk: Desk) -> None:
    def bad(event: object) -> None:
        raise RuntimeError("listener")

    desk.client.submit(TurnRequest("a", desk.ref, (Message.of(Role.USER, "hi"),), Tier.INT8), bad)
    desk.ask("b", "hi")
    assert isinstance(desk.told.last("b"), Finished)


def test_the_end_of_a_watch(desk: Desk) -> None:
    other = Recorder()
    end = desk.client.watch(other.on_status)
    end()
    end()
    desk.ask("a", "hi")
    desk.told.last("a")
    assert other.statuses == []


def test_importing_the_client_is_cheap() -> None:
    """The window's process loads no torch and no tokenizer for it, and builds no schema before it is needed."""
    code = (
        "import sys, autoglm_desktop.engine.client as c; "
        "heavy = {'torch', 'tokenizers', 'jinja2', 'pydantic', 'numpy', 'psutil', 'PySide6'} & set(sys.modules); "
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"
