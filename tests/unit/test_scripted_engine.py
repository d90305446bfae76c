"""The engine that plays a script keeps the promises of the port."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import EngineState, Failed, Finished, FinishReason, Memory, Phase, TierSwitched
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.script import pieces
from autoglm_desktop.engine.scripted import Hold, Reply, Script, ScriptedEngine
from tests.helpers.recording import Recorder

REF = ModelRef("scripted", "")
ERROR = ErrorReport(ErrorCode.ENGINE_DIED, msg("Gone."), msg("Again."))


class Play:
    def __init__(self, script: Script) -> None:
        self.engine = ScriptedEngine(script, memory=Memory(10, 20, 30))
        self.told = Recorder()
        self.engine.watch(self.told.on_status)

    def ask(self, turn_id: str, text: str = "hi", **changes: Any) -> None:
        request = TurnRequest(turn_id, REF, (Message.of(Role.USER, text),), Tier.INT8, Sampling(seed=4))
        self.engine.submit(replace(request, **changes), self.told)

    def finished(self, turn_id: str) -> Finished:
        last = self.told.last(turn_id)
        assert isinstance(last, Finished)
        return last


@pytest.fixture
def plays() -> Iterator[list[Play]]:
    started: list[Play] = []
    yield started
    for play in started:
        play.engine.close()


def test_replies_are_played_in_order_and_the_last_again(plays: list[Play]) -> None:
    play = Play([Reply("一 two。"), Reply("second")])
    plays.append(play)
    engine: Engine = play.engine
    assert engine.status().state is EngineState.STOPPED
    for turn_id in "abc":
        play.ask(turn_id)
    usage = play.finished("c").usage
    assert [play.told.text(t) for t in "abc"] == ["一 two。", "second", "second"]
    assert play.told.phases("a") == [Phase.STARTING, Phase.LOADING, Phase.PREFILL, Phase.GENERATING]
    assert play.told.phases("b") == [Phase.PREFILL, Phase.GENERATING]
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, usage.seed) == (2, 1, 1, 4)
    assert [s.state for s in play.told.statuses if s.state is not EngineState.LOADING][:4] == [
        EngineState.STARTING,
        EngineState.READY,
        EngineState.BUSY,
        EngineState.READY,
    ]
    assert [request.turn_id for request in play.engine.requests] == ["a", "b", "c"]


def test_a_function_can_answer(plays: list[Play]) -> None:
    play = Play(lambda request: Reply(request.messages[-1].text.upper()))
    plays.append(play)
    play.ask("a", "loud")
    play.finished("a")
    assert play.told.text("a") == "LOUD"


def test_pieces_join_to_the_text() -> None:
    text = "Hello,  world\n你好。x=1"
    assert "".join(pieces(text)) == text
    assert pieces("你好 ab") == ["你", "好", " ", "ab"]


def test_reasoning_is_played_when_asked_for(plays: list[Play]) -> None:
    play = Play([Reply("yes", reasoning="let me see")])
    plays.append(play)
    play.ask("a", think=True)
    play.ask("b", think=False)
    play.ask("c", think=True, thinking_budget_tokens=1)
    assert play.finished("a").usage.reasoning_tokens == 5
    play.finished("c")
    assert [play.told.reasoning(t) for t in "abc"] == ["let me see", "", "let"]


def test_limits_and_stop_strings(plays: list[Play]) -> None:
    play = Play([Reply("one two three")])
    plays.append(play)
    play.ask("a", max_tokens=3)
    play.ask("b", stop=("wo",))
    assert play.finished("a").reason is FinishReason.LENGTH
    assert play.finished("b").reason is FinishReason.STOP
    assert [play.told.text(t) for t in "ab"] == ["one two", "one t"]


def test_a_hold_stops_in_mid_answer_until_it_is_released(plays: list[Play]) -> None:
    hold = Hold()
    play = Play([Reply("one two", hold=hold, hold_after=1)])
    plays.append(play)
    play.ask("a")
    assert hold.reached.wait(20)
    assert play.told.text("a") == "one"
    assert play.engine.status().state is EngineState.BUSY
    play.engine.set_tier(Tier.INT4)
    play.told.wait(lambda: any(isinstance(e, TierSwitched) for e in play.told.events))
    assert play.told.text("a") == "one"  # it still stands there
    hold.release()
    assert play.finished("a").usage.tier is Tier.INT4
    assert play.told.text("a") == "one two"


def test_cancel_ends_a_hold(plays: list[Play]) -> None:
    hold = Hold()
    play = Play([Reply("one two", hold=hold, hold_after=1), Reply("next")])
    plays.append(play)
    play.ask("a")
    play.ask("b")
    play.engine.cancel("b")
    assert hold.reached.wait(20)
    play.engine.cancel("a")
    assert play.finished("a").reason is FinishReason.CANCELLED
    assert play.finished("b").reason is FinishReason.CANCELLED
    assert [play.told.text(t) for t in "ab"] == ["one", ""]


def test_a_failure_in_the_middle(plays: list[Play]) -> None:
    play = Play([Reply("one two", error=ERROR, error_after=0), Reply("one two", error=ERROR, error_after=1)])
    plays.append(play)
    for turn_id in "ab":
        play.ask(turn_id)
        assert isinstance(play.told.last(turn_id), Failed)
    assert [play.told.text(turn_id) for turn_id in "ab"] == ["", "one"]


def test_failures(plays: list[Play]) -> None:
    play = Play([Reply(load_error=ERROR), Reply("half an", error=ERROR), Reply("fine")])
    plays.append(play)
    for turn_id in "abc":
        play.ask(turn_id)
    play.finished("c")
    a, b = play.told.last("a"), play.told.last("b")
    assert isinstance(a, Failed)
    assert isinstance(b, Failed)
    assert (a.error, a.usage, play.told.text("a")) == (ERROR, None, "")
    assert (b.error, play.told.text("b")) == (ERROR, "half an")
    assert b.usage is not None


def test_a_change_of_tier_holds_for_turns_that_wait(plays: list[Play]) -> None:
    hold = Hold()
    play = Play([Reply("one two", hold=hold, hold_after=1), Reply("next")])
    plays.append(play)
    play.ask("a")
    play.ask("b")
    assert hold.reached.wait(10)
    play.engine.set_tier(Tier.INT4)
    hold.release()
    assert play.finished("b").usage.tier is Tier.INT4
    assert len([e for e in play.told.events if isinstance(e, TierSwitched)]) == 1


def test_a_turn_in_another_tier_switches_first(plays: list[Play]) -> None:
    play = Play([Reply("x")])
    plays.append(play)
    play.ask("a")
    play.ask("b", tier=Tier.FP16)
    assert play.finished("b").usage.tier is Tier.FP16
    (switch,) = [e for e in play.told.events if isinstance(e, TierSwitched)]
    assert (switch.from_tier, switch.to_tier, switch.kv_kept_tokens) == (Tier.INT8, Tier.FP16, 1)


def test_preload_unload_and_forget(plays: list[Play]) -> None:
    play = Play([Reply("x")])
    plays.append(play)
    play.engine.preload(REF, Tier.INT4)
    play.told.wait(lambda: play.engine.status().state is EngineState.READY)
    assert (play.engine.status().tier, play.engine.status().memory) == (Tier.INT4, Memory(10, 20, 30))
    play.ask("a", tier=Tier.INT4)
    play.engine.forget_sessions()
    play.ask("b", tier=Tier.INT4)
    assert play.finished("b").usage.cached_tokens == 0
    play.engine.unload()
    play.told.wait(lambda: play.engine.status().state is EngineState.STOPPED)


def test_close_ends_a_held_turn_and_refuses_more() -> None:
    hold = Hold()
    play = Play([Reply("x", hold=hold)])
    play.ask("a")
    play.ask("b")
    assert hold.reached.wait(20)
    play.engine.close()
    play.engine.close()
    play.ask("c")
    for turn_id in "abc":
        last = play.told.last(turn_id)
        assert isinstance(last, Failed)
        assert last.error.code is ErrorCode.CANCELLED
