"""What becomes of an answer, event by event."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoglm_desktop.assistant.announcer import Announcer
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.perception import Perception
from autoglm_desktop.assistant.runner import SAVE_EVERY_S, Runner
from autoglm_desktop.assistant.shelf import Shelf
from autoglm_desktop.assistant.turns import TurnState, reduce
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import (
    Failed,
    Finished,
    FinishReason,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TextDelta,
    TurnEvent,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Message, ModelRef, Role, TextPart, TurnRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.store.store import Store
from tests.helpers.manual_engine import ManualEngine, usage
from tests.helpers.trees import node, stored

_ANSWER = Node("a", "c", "q", Role.ASSISTANT, (TextPart(""),), 1.0, NodeState.STREAMING, ("a",), tier=Tier.INT8)
_ERROR = ErrorReport(ErrorCode.ENGINE_DIED, msg("Died."), msg("Again."))


def _after(*steps: tuple[float, TurnEvent]) -> TurnState:
    state = TurnState(_ANSWER)
    for now_s, event in steps:
        state = reduce(state, event, now_s)
    return state


def test_thinking_is_timed_from_its_phase_to_the_first_word() -> None:
    state = _after(
        (10.0, PhaseChanged("t", Phase.PREFILL, 0.5)),
        (11.0, PhaseChanged("t", Phase.THINKING)),
        (12.0, ReasoningDelta("t", "be")),
        (13.0, ReasoningDelta("t", "cause")),
        (14.5, TextDelta("t", "So")),
        (20.0, TextDelta("t", " it is")),
        (30.0, Finished("t", FinishReason.STOP, usage())),
    )
    assert (state.node.reasoning, state.node.text) == ("because", "So it is")
    assert state.node.thought_s == pytest.approx(3.5)
    assert state.ended


def test_thinking_without_a_phase_counts_from_the_first_reasoning() -> None:
    state = _after((12.0, ReasoningDelta("t", "x")), (15.0, TextDelta("t", "y")))
    assert state.node.thought_s == pytest.approx(3.0)


@pytest.mark.parametrize("end", [Finished("t", FinishReason.CANCELLED, usage()), Failed("t", _ERROR, usage())])
def test_an_end_in_the_middle_of_thinking_counts_so_far(end: TurnEvent) -> None:
    state = _after((1.0, ReasoningDelta("t", "x")), (5.0, end))
    assert state.node.thought_s == pytest.approx(4.0)
    assert state.node.state is NodeState.INTERRUPTED


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (FinishReason.STOP, NodeState.COMPLETE),
        (FinishReason.LENGTH, NodeState.COMPLETE),
        (FinishReason.CANCELLED, NodeState.INTERRUPTED),
    ],
)
def test_ends(reason: FinishReason, state: NodeState) -> None:
    node_ = _after((1.0, TextDelta("t", "x")), (2.0, Finished("t", reason, usage()))).node
    assert (node_.state, node_.finish, node_.error, node_.text) == (state, reason, None, "x")
    assert node_.usage == usage()


def test_nothing_changes_after_the_end() -> None:
    ended = _after((1.0, Failed("t", _ERROR)))
    assert ended.node.error == _ERROR
    assert reduce(ended, TextDelta("t", "late"), 2.0) == ended
    assert reduce(ended, Finished("t", FinishReason.STOP, usage()), 2.0) == ended


def test_a_partial_answer_is_saved_at_most_every_half_second_and_at_the_end() -> None:
    store = Store(None)
    conversation, nodes = stored(store, ["q"])
    answer = replace(node(conversation.id, nodes[0], Role.ASSISTANT, ""), state=NodeState.STREAMING)
    store.add_nodes(conversation.id, [answer])
    now_s = 100.0
    engine = ManualEngine()
    energy = EnergyService(settings=Settings())
    runner = Runner(engine, Announcer(), energy, Perception(engine, energy, Shelf(store)), clock=lambda: now_s)
    request = TurnRequest("t", ModelRef("m", "/m"), (Message.of(Role.USER, "q"),), Tier.INT8)
    runner.start(store, answer, request, cap=None, drop_oldest=False)
    saved = []
    for _ in range(33):
        now_s += SAVE_EVERY_S / 8
        engine.last.say("x")
        saved.append(len(store.node(answer.id).text))
    assert len(set(saved)) == 5, "nothing yet, then four times in two seconds"
    assert saved[-1] == 32
    engine.last.finish()
    assert len(store.node(answer.id).text) == 33
    runner.close()
    store.close()


def test_a_reservation_ends_with_its_block_and_none_is_given_after_the_close() -> None:
    engine, energy, store = ManualEngine(), EnergyService(settings=Settings()), Store(None)
    runner = Runner(engine, Announcer(), energy, Perception(engine, energy, Shelf(store)))
    with runner.reserve("c"), pytest.raises(AppError) as busy, runner.reserve("c"):
        pass
    assert busy.value.report.code is ErrorCode.BUSY
    with runner.reserve("c"):
        assert runner.is_busy("c")
    assert not runner.is_busy("c")
    runner.close()
    with pytest.raises(AppError), runner.reserve("c"):
        pass
