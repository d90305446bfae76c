"""The assistant over a hand-driven engine: requests, answers, branches, failures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autoglm_desktop.assistant.events import (
    ConversationChanged,
    NodeAdded,
    NodeDelta,
    NodeFinished,
    NodePhase,
    TierChanged,
)
from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import FinishReason, Phase, PhaseChanged, ReasoningDelta, TierSwitched
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Role, Sampling, TurnRequest
from autoglm_desktop.core.ports import TurnSink
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.store.store import Store
from tests.helpers.assistants import Desk, Installed, assistant_over
from tests.helpers.manual_engine import ManualEngine

_DIED = ErrorReport(ErrorCode.ENGINE_DIED, msg("The engine died."), msg("Ask again."))


def test_the_prompt_is_stored_before_the_engine_hears_of_it(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    seen: list[list[str]] = []

    class Looking(ManualEngine):
        def submit(self, request: TurnRequest, sink: TurnSink) -> None:
            other = Store(path)
            seen.append([hit.excerpt for hit in other.search("remember")])
            other.close()

    with assistant_over(Looking(), path) as (assistant, _):
        assistant.send(assistant.new_conversation().id, "remember this")
    assert seen == [["\x02remember\x03 this"]]


def test_a_request_says_what_settings_and_branch_say(desk: Desk) -> None:
    desk.ask("你是谁？", "我是 AutoGLM")
    desk.assistant.send(desk.chat, "and now?", think=True, sampling=Sampling(temperature=0.0, seed=3), max_tokens=9)
    first, second = (turn.request for turn in desk.engine.turns)
    settings = Settings()
    assert [(m.role, m.text) for m in second.messages] == [
        (Role.SYSTEM, settings.system_prompt),
        (Role.USER, "你是谁？"),
        (Role.ASSISTANT, "我是 AutoGLM"),
        (Role.USER, "and now?"),
    ]
    assert (second.think, second.sampling, second.max_tokens) == (True, Sampling(temperature=0.0, seed=3), 9)
    assert (first.think, first.max_tokens) == (settings.think, settings.max_tokens)
    assert first.sampling.repetition_penalty == settings.repetition_penalty
    assert (first.model.model_id, first.tier) == (settings.model_id, Tier.FP16)
    assert first.turn_id != second.turn_id


def test_an_answer_grows_and_ends(desk: Desk) -> None:
    answer = desk.assistant.send(desk.chat, "q")
    assert (answer.state, answer.tier, answer.model_id) == (NodeState.STREAMING, Tier.FP16, Settings().model_id)
    turn = desk.engine.last
    turn.event(lambda id_: PhaseChanged(id_, Phase.PREFILL, 0.5))
    turn.event(lambda id_: ReasoningDelta(id_, "hm "))
    turn.say("Hel", "lo")
    assert desk.texts() == ["q", "Hello"], "a reader in mid-stream sees what has come"
    assert desk.assistant.node(answer.id).state is NodeState.STREAMING
    turn.event(lambda id_: TierSwitched(id_, Tier.INT8, Tier.INT4, 0.1, 12))
    turn.finish()
    final = desk.assistant.node(answer.id)
    assert (final.state, final.finish, final.text, final.reasoning) == (
        NodeState.COMPLETE,
        FinishReason.STOP,
        "Hello",
        "hm ",
    )
    assert final.usage is not None
    kinds = [type(event) for event in desk.heard.events[1:]]
    assert kinds == [
        NodeAdded,
        NodeAdded,
        ConversationChanged,
        NodePhase,
        NodeDelta,
        NodeDelta,
        NodeDelta,
        TierChanged,
        NodeFinished,
        ConversationChanged,
    ]
    assert [(d.text, d.reasoning, d.start) for d in desk.heard.of(NodeDelta)] == [
        ("", "hm ", 0),
        ("Hel", "", 0),
        ("lo", "", 3),
    ]
    assert desk.heard.of(NodeFinished)[0].node == final


def test_events_of_another_turn_and_after_the_end_are_dropped(desk: Desk) -> None:
    desk.assistant.send(desk.chat, "q")
    turn = desk.engine.last
    turn.event(lambda _: ReasoningDelta("some other turn", "x"))
    turn.say("a")
    turn.finish()
    turn.say("late")
    turn.fail(_DIED)
    assert desk.texts() == ["q", "a"]
    assert len(desk.heard.of(NodeFinished)) == 1


def test_stop_keeps_the_text_without_an_error(desk: Desk) -> None:
    answer = desk.assistant.send(desk.chat, "q")
    desk.engine.last.say("half")
    assert desk.assistant.is_busy(desk.chat)
    desk.assistant.stop(desk.chat)
    final = desk.assistant.node(answer.id)
    assert (final.state, final.finish, final.error, final.text) == (
        NodeState.INTERRUPTED,
        FinishReason.CANCELLED,
        None,
        "half",
    )
    assert not desk.assistant.is_busy(desk.chat)
    desk.assistant.stop(desk.chat)


def test_a_failure_keeps_the_partial_answer_with_its_error_and_the_next_prompt_is_answered(desk: Desk) -> None:
    desk.assistant.send(desk.chat, "q")
    desk.engine.last.say("half")
    desk.engine.last.fail(_DIED)
    failed = desk.assistant.path(desk.chat)[-1]
    assert (failed.state, failed.text, failed.error) == (NodeState.INTERRUPTED, "half", _DIED)
    desk.ask("again", "whole")
    assert desk.texts() == ["q", "half", "again", "whole"]


def test_after_an_answer_without_a_word_the_prompts_are_one_message(desk: Desk) -> None:
    desk.assistant.send(desk.chat, "first")
    desk.engine.last.fail(_DIED)
    desk.assistant.send(desk.chat, "second")
    messages = desk.engine.last.request.messages
    assert [(m.role, m.text) for m in messages[1:]] == [(Role.USER, "first\n\nsecond")]


def test_one_turn_in_a_conversation_and_many_in_all(desk: Desk) -> None:
    other = desk.assistant.new_conversation().id
    answer = desk.ask("q", "a")
    desk.assistant.send(desk.chat, "more")
    desk.assistant.send(other, "elsewhere")
    prompt = desk.assistant.path(desk.chat)[0].id
    calls: list[Callable[[], object]] = [
        lambda: desk.assistant.send(desk.chat, "third"),
        lambda: desk.assistant.regenerate(answer),
        lambda: desk.assistant.edit(prompt, "other"),
    ]
    for call in calls:
        with pytest.raises(AppError) as busy:
            call()
        assert busy.value.report.code is ErrorCode.BUSY
    assert desk.texts() == ["q", "a", "more", ""]
    assert len(desk.engine.turns) == 3


def test_regenerate_and_edit_make_siblings_and_a_branch_is_chosen_to_its_newest_leaf(desk: Desk) -> None:
    first = desk.ask("q", "a1")
    desk.ask("more", "b")
    second = desk.assistant.regenerate(first)
    desk.engine.last.say("a2")
    desk.engine.last.finish()
    assert desk.texts() == ["q", "a2"]
    assert desk.assistant.node(first).siblings == (first, second.id)
    assert [m.text for m in desk.engine.last.request.messages[1:]] == ["q"]

    desk.assistant.select_branch(first)
    assert desk.texts() == ["q", "a1", "more", "b"]

    edited = desk.assistant.edit(desk.assistant.path(desk.chat)[0].id, "Q, edited")
    desk.engine.last.say("c")
    desk.engine.last.finish()
    assert desk.texts() == ["Q, edited", "c"]
    assert len(desk.assistant.path(desk.chat)[0].siblings) == 2
    desk.assistant.select_branch(first)
    desk.assistant.select_branch(edited.id)
    assert desk.texts() == ["Q, edited", "c"]


def test_only_answers_are_regenerated_and_only_prompts_edited(desk: Desk) -> None:
    answer = desk.ask("q", "a")
    prompt = desk.assistant.path(desk.chat)[0].id
    calls: list[Callable[[], object]] = [
        lambda: desk.assistant.regenerate(prompt),
        lambda: desk.assistant.edit(answer, "x"),
    ]
    for call in calls:
        with pytest.raises(AppError) as bad:
            call()
        assert bad.value.report.code is ErrorCode.BAD_INPUT


@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_an_empty_prompt_is_refused_and_nothing_is_stored(desk: Desk, text: str) -> None:
    with pytest.raises(AppError) as bad:
        desk.assistant.send(desk.chat, text)
    assert bad.value.report.code is ErrorCode.BAD_INPUT
    assert desk.assistant.path(desk.chat) == []
    assert not desk.assistant.is_busy(desk.chat)


def test_bytes_that_were_no_text_are_replaced_not_lost(desk: Desk) -> None:
    desk.ask("caf\udce9 \x00 ok", "a")
    assert desk.texts()[0] == "caf\ufffd \ufffd ok"


def test_a_missing_model_raises_and_nothing_is_stored(tmp_path: Path) -> None:
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "db", library=Installed(())) as (assistant, heard):
        chat = assistant.new_conversation().id
        with pytest.raises(AppError) as missing:
            assistant.send(chat, "typed with care")
        assert missing.value.report.code is ErrorCode.MODEL_MISSING
        assert assistant.path(chat) == []
        assert not assistant.is_busy(chat)
        assert heard.of(NodeAdded) == []
        assistant.preload()
    assert engine.turns == []
    assert engine.preloaded == []


def test_a_full_disk_raises_before_anything_is_dropped(desk: Desk) -> None:
    db = desk.assistant._shelf.kept._connection
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(AppError) as full:
        desk.assistant.send(desk.chat, "x" * 500_000)
    assert full.value.report.code is ErrorCode.DISK_FULL
    assert desk.engine.turns == []
    assert desk.assistant.path(desk.chat) == []
    db.execute("PRAGMA max_page_count = 1000000")
    desk.ask("x" * 500_000, "a")
    assert len(desk.texts()) == 2


def test_an_answer_that_cannot_be_saved_is_shown_kept_and_saved_later(desk: Desk) -> None:
    answer = desk.assistant.send(desk.chat, "q")
    db = desk.assistant._shelf.kept._connection
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    long_text = "long " * 100_000
    desk.engine.last.say(long_text)
    desk.engine.last.finish()
    (end,) = desk.heard.of(NodeFinished)
    assert end.node.error is not None
    assert end.node.error.code is ErrorCode.DISK_FULL
    assert desk.texts() == ["q", long_text]
    assert desk.assistant._shelf.kept.node(answer.id).state is NodeState.STREAMING

    db.execute("PRAGMA max_page_count = 1000000")
    desk.ask("next", "a")
    saved = desk.assistant._shelf.kept.node(answer.id)
    assert (saved.state, saved.text, saved.error) == (NodeState.COMPLETE, long_text, None)


def test_a_failed_second_answer_leaves_the_first_alone(desk: Desk) -> None:
    first = desk.ask("q", "a1")
    second = desk.assistant.regenerate(first)
    desk.engine.last.fail(_DIED)
    assert desk.assistant.node(first).text == "a1"
    assert desk.assistant.node(second.id).siblings == (first, second.id)
