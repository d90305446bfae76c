"""A context that is full: told, or the oldest turns left out where the user chose that."""

from __future__ import annotations

from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Role, TurnRequest
from autoglm_desktop.core.ports import TurnSink
from tests.helpers.assistants import Desk, assistant_over
from tests.helpers.manual_engine import ManualEngine


def _full(prompt: int = 3000, room: int = 100, context: int = 2048) -> ErrorReport:
    return ErrorReport(
        ErrorCode.CONTEXT_FULL,
        msg(
            "{prompt_tokens} {room_tokens} {context_tokens}",
            prompt_tokens=prompt,
            room_tokens=room,
            context_tokens=context,
        ),
        msg("Shorten."),
    )


def test_a_full_context_is_told_and_nothing_is_left_out_unasked(desk: Desk) -> None:
    answer = desk.assistant.send(desk.chat, "q")
    desk.engine.last.fail(_full())
    node = desk.assistant.node(answer.id)
    assert node.error == _full()
    assert node.dropped_messages == 0
    assert len(desk.engine.turns) == 1


def test_the_oldest_turns_are_left_out_when_the_user_chose_that(desk: Desk) -> None:
    for number in range(10):
        desk.ask(f"prompt {number} " + "x" * 300, f"answer {number} " + "y" * 300)
    answer = desk.assistant.send(desk.chat, "the last one", drop_oldest=True)
    before = len(desk.engine.turns)
    desk.engine.last.fail(_full(prompt=3000, room=500, context=2048))
    assert len(desk.engine.turns) == before + 1
    kept = desk.engine.last.request.messages
    assert kept[0].role is Role.SYSTEM
    assert kept[1].role is Role.USER
    assert kept[-1].text == "the last one"
    assert 4 <= len(kept) < 22
    desk.engine.last.say("fits")
    desk.engine.last.finish()
    node = desk.assistant.node(answer.id)
    assert (node.text, node.error, node.dropped_messages) == ("fits", None, 22 - len(kept))
    assert len(desk.assistant.path(desk.chat)) == 22, "nothing is gone from the conversation"


def test_leaving_out_is_bounded_and_ends_with_the_error(desk: Desk) -> None:
    for number in range(40):
        desk.ask(f"prompt {number}", f"answer {number}")
    before = len(desk.engine.turns)
    answer = desk.assistant.send(desk.chat, "the last one", drop_oldest=True)
    while desk.engine.open_turns:
        desk.engine.last.fail(_full(prompt=2100, room=0, context=2048))
    assert len(desk.engine.turns) - before <= 7
    node = desk.assistant.node(answer.id)
    assert (node.state, node.error) == (NodeState.INTERRUPTED, _full(prompt=2100, room=0, context=2048))


def test_a_stop_before_the_engine_knows_the_turn_is_not_lost(desk: Desk) -> None:
    desk.ask("a" * 300, "b" * 300)

    class Late(ManualEngine):
        def submit(self, request: TurnRequest, sink: TurnSink) -> None:
            if self.turns:  # the second attempt: a stop comes first and meets an engine that knows nothing of it
                assistant.stop(copy.id)
            super().submit(request, sink)

    engine = Late()
    with assistant_over(engine) as (assistant, _):
        copy = assistant.import_json(desk.assistant.export_json(desk.chat))
        answer = assistant.send(copy.id, "q", drop_oldest=True)
        engine.last.fail(_full())
        assert len(engine.turns) == 2
        assert assistant.node(answer.id).finish is FinishReason.CANCELLED
        assert not assistant.is_busy(copy.id)
