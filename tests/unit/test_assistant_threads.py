"""Listeners, closing and many conversations at once: nothing is lost and each turn ends once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from autoglm_desktop.assistant.events import AssistantEvent, NodeAdded, NodeDelta, NodeFinished
from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.engine.scripted import Hold, Reply, ScriptedEngine
from autoglm_desktop.store.store import Store
from tests.helpers.assistants import Desk, assistant_over
from tests.helpers.manual_engine import ManualEngine
from tests.helpers.trees import texts_of


def test_a_listener_may_call_back_and_a_failing_one_hurts_nobody(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    order: list[str] = []

    def failing(_: AssistantEvent) -> None:
        raise RuntimeError("a listener's own fault")

    def calling_back(event: AssistantEvent) -> None:
        order.append(type(event).__name__)
        if isinstance(event, NodeFinished) and len(desk.engine.turns) == 1:
            desk.assistant.send(desk.chat, "again, at once")

    desk.assistant.subscribe(failing)
    end = desk.assistant.subscribe(calling_back)
    desk.ask("q", "a")
    assert desk.texts() == ["q", "a", "again, at once", ""]
    assert order[-4:] == ["ConversationChanged", "NodeAdded", "NodeAdded", "ConversationChanged"]
    assert "a listener failed" in caplog.text
    end()
    count = len(order)
    desk.assistant.rename(desk.chat, "x")
    assert len(order) == count


def test_an_interrupt_in_a_listener_does_not_silence_the_rest(desk: Desk) -> None:
    def interrupted(event: AssistantEvent) -> None:
        if isinstance(event, NodeAdded):
            raise KeyboardInterrupt

    end = desk.assistant.subscribe(interrupted)
    with pytest.raises(KeyboardInterrupt):
        desk.assistant.send(desk.chat, "q")
    end()
    assert not desk.assistant.is_busy(desk.chat)
    desk.ask("after", "a")
    assert desk.heard.of(NodeFinished)


def test_closing_ends_running_answers_and_keeps_what_came(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    hold = Hold()
    engine = ScriptedEngine([Reply("one two three four", hold=hold, hold_after=3)])
    with assistant_over(engine, path) as (assistant, _):
        answer = assistant.send(assistant.new_conversation().id, "q")
        queued = assistant.send(assistant.new_conversation().id, "waits behind it")
        assert hold.reached.wait(10)
    assistant.close()
    store = Store(path)
    assert (store.node(answer.id).text, store.node(answer.id).state) == ("one two", NodeState.INTERRUPTED)
    assert store.node(queued.id).state is NodeState.INTERRUPTED
    assert store.notices == ()
    store.close()


def test_an_engine_that_leaves_a_turn_open_cannot_keep_it_from_being_saved(tmp_path: Path) -> None:
    class Deaf(ManualEngine):
        def cancel(self, turn_id: str) -> None:
            pass

    engine = Deaf()
    with assistant_over(engine, tmp_path / "db") as (assistant, _):
        answer = assistant.send(assistant.new_conversation().id, "q")
        engine.last.say("half")
    engine.last.say("after the close")
    store = Store(tmp_path / "db")
    left = store.node(answer.id)
    assert (left.text, left.state) == ("half", NodeState.INTERRUPTED)
    assert left.error is not None
    store.close()


def test_over_a_threaded_engine_all_conversations_are_answered_in_order(tmp_path: Path) -> None:
    engine = ScriptedEngine(lambda request: Reply(f"re: {request.messages[-1].text}"))
    with assistant_over(engine, tmp_path / "db") as (assistant, heard):
        chats = [assistant.new_conversation().id for _ in range(4)]
        answers: list[str] = []
        lock = threading.Lock()

        def ask(chat: str) -> None:
            for number in range(5):
                answer = assistant.send(chat, f"{chat} {number}")
                heard.wait_finished(answer.id)
                with lock:
                    answers.append(answer.id)

        threads = [threading.Thread(target=ask, args=(chat,)) for chat in chats]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(answers) == 20
        for chat in chats:
            expected = [text for n in range(5) for text in (f"{chat} {n}", f"re: {chat} {n}")]
            assert texts_of(assistant.path(chat)) == expected
        shown: dict[str, str] = {}
        for event in heard.events:
            if isinstance(event, NodeDelta):
                assert event.start == len(shown.get(event.node_id, ""))
                shown[event.node_id] = shown.get(event.node_id, "") + event.text
            if isinstance(event, NodeFinished):
                assert shown[event.node.id] == event.node.text
                shown[event.node.id] = ""


def test_stop_at_any_moment_ends_the_turn_exactly_once(tmp_path: Path) -> None:
    hold = Hold()
    engine = ScriptedEngine([Reply("never ends", hold=hold, hold_after=1)])
    with assistant_over(engine, tmp_path / "db") as (assistant, heard):
        chat = assistant.new_conversation().id
        for _ in range(20):
            answer = assistant.send(chat, "q")
            assistant.stop(chat)
            heard.wait_finished(answer.id)
            assert assistant.node(answer.id).finish is FinishReason.CANCELLED
        assert len(heard.of(NodeFinished)) == 20
