"""The window's state as a pure function of events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoglm_desktop.assistant.events import ConversationDeleted, EngineChanged, NodeAdded, NodeFinished, TierChanged
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.events import EngineState, EngineStatus, FinishReason, Memory, TierSwitched, Usage
from autoglm_desktop.core.messages import Role, TextPart
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui.state import LOG_LINES, ShellState, opened, reduce

USAGE = Usage(100, 60, 33, 0, 0.0, 0.4, 0.3, 3.2, Tier.INT8, 7, 32_768, Memory(1, 2, 3))
ANSWER = Node("a", "c", "u", Role.ASSISTANT, (TextPart("hi"),), 1.0, NodeState.STREAMING)


def test_an_answer_makes_its_conversation_busy_until_it_ends() -> None:
    state = ShellState(conversation_id="c")
    state = reduce(state, NodeAdded(ANSWER), 1.0)
    assert state.answering
    state = replace(state, stopping=frozenset({"c"}))
    state = reduce(state, NodeFinished(replace(ANSWER, state=NodeState.COMPLETE, usage=USAGE)), 2.0)
    assert not state.answering
    assert state.stopping == frozenset()
    assert state.usage == USAGE
    assert str(state.log[0].text) == "Answered: 33 tokens at 10.0 tok/s (INT8)"


def test_another_conversation_changes_neither_figures_nor_the_composer() -> None:
    state = reduce(ShellState(conversation_id="other"), NodeAdded(ANSWER), 1.0)
    assert not state.answering
    state = reduce(state, NodeFinished(replace(ANSWER, usage=USAGE, finish=FinishReason.STOP)), 2.0)
    assert state.usage is None
    assert len(state.log) == 1


def test_a_deleted_conversation_is_not_busy() -> None:
    state = reduce(ShellState(), NodeAdded(ANSWER), 1.0)
    assert reduce(state, ConversationDeleted("c"), 2.0).busy == frozenset()


def test_the_log_tells_loading_and_unloading_once_each() -> None:
    state = ShellState()
    for number, engine in enumerate(
        (EngineState.STARTING, EngineState.LOADING, EngineState.READY, EngineState.BUSY, EngineState.READY)
    ):
        state = reduce(state, EngineChanged(EngineStatus(engine, tier=Tier.INT4)), float(number))
    assert [str(line.text) for line in state.log] == ["Model loaded in INT4"]
    state = reduce(state, EngineChanged(EngineStatus(EngineState.STOPPED)), 9.0)
    assert str(state.log[0].text) == "Model unloaded"


def test_a_tier_switch_is_logged_with_its_figures() -> None:
    switch = TierSwitched("t", Tier.INT8, Tier.INT4, 0.312, 812)
    state = reduce(ShellState(), TierChanged("c", "a", switch), 5.0)
    assert str(state.log[0].text) == "INT8 → INT4 in 0.31 s, 812 tokens kept"


def test_the_log_is_bounded() -> None:
    state = ShellState()
    for number in range(LOG_LINES + 20):
        state = reduce(state, TierChanged("c", "a", TierSwitched("t", Tier.INT8, Tier.INT4, 0.1, number)), 1.0)
    assert len(state.log) == LOG_LINES


@pytest.mark.parametrize("usage", [None, USAGE])
def test_opening_shows_the_last_figures_of_the_branch(usage: Usage | None) -> None:
    path = [replace(ANSWER, usage=usage, state=NodeState.COMPLETE), replace(ANSWER, id="u2", role=Role.USER)]
    state = opened(ShellState(usage=USAGE), "c", path, temporary=True)
    assert state.usage == usage
    assert state.temporary
