"""Conversations in the assistant: temporary ones, deleting, titles, their own system prompt, exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_desktop.assistant.events import ConversationDeleted
from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.messages import Role
from tests.helpers.assistants import Desk, assistant_over
from tests.helpers.manual_engine import ManualEngine
from tests.helpers.trees import texts_of


def test_a_temporary_chat_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    engine = ManualEngine()
    with assistant_over(engine, path) as (assistant, _):
        chat = assistant.new_conversation(temporary=True)
        assert chat.temporary
        assistant.send(chat.id, "my secret")
        engine.last.say("safe with me")
        engine.last.finish()
        first = assistant.path(chat.id)[1].id
        assistant.regenerate(first)
        engine.last.say("still safe")
        engine.last.finish()
        assistant.select_branch(first)
        assert texts_of(assistant.path(chat.id)) == ["my secret", "safe with me"]
        assert assistant.conversation(chat.id).title == "my secret"
        assert assistant.conversations() == []
        assert assistant.search("secret") == []
        for file in tmp_path.iterdir():
            assert b"secret" not in file.read_bytes()
            assert b"safe" not in file.read_bytes()
        assistant.rename(chat.id, "renamed")
        assistant.delete(chat.id)
        assistant.restore_deleted(chat.id)
        assert assistant.conversation(chat.id).title == "renamed"
    for file in tmp_path.iterdir():
        assert b"secret" not in file.read_bytes()


def test_deleting_stops_the_answer_and_can_be_undone_until_closing(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    engine = ManualEngine()
    with assistant_over(engine, path) as (assistant, heard):
        kept, gone = (assistant.new_conversation().id for _ in range(2))
        for chat in (kept, gone):
            assistant.send(chat, "q")
            engine.last.say("half")
            assistant.delete(chat)
            assert not assistant.is_busy(chat)
            with pytest.raises(AppError):
                assistant.send(chat, "more")
        assert assistant.conversations() == []
        assert [event.conversation_id for event in heard.of(ConversationDeleted)] == [kept, gone]
        assistant.restore_deleted(kept)
        assert texts_of(assistant.path(kept)) == ["q", "half"]
    with assistant_over(ManualEngine(), path) as (assistant, _):
        assert [each.id for each in assistant.conversations()] == [kept]
        with pytest.raises(AppError):
            assistant.restore_deleted(gone)


def test_titles_come_from_the_first_prompt_unless_there_is_one(desk: Desk) -> None:
    assert desk.assistant.conversation(desk.chat).title == ""
    desk.ask("## **Explain** `KV` caches. At length.", "a")
    desk.ask("another", "b")
    assert desk.assistant.conversation(desk.chat).title == "Explain KV caches."
    desk.assistant.rename(desk.chat, "  Mine\n now ")
    assert desk.assistant.conversation(desk.chat).title == "Mine now"
    assert "forget_sessions" not in desk.engine.calls
    assert "unload" not in desk.engine.calls
    assert len(desk.engine.turns) == 2, "a title costs no generation"
    named = desk.assistant.new_conversation(title="Named")
    desk.assistant.send(named.id, "q")
    assert desk.assistant.conversation(named.id).title == "Named"


def test_a_conversation_can_have_its_own_system_prompt_or_none(desk: Desk) -> None:
    own = desk.assistant.new_conversation(system_prompt="Be a pirate.").id
    desk.assistant.send(own, "q")
    assert desk.engine.last.request.messages[0].text == "Be a pirate."
    desk.assistant.set_system_prompt(desk.chat, "")
    desk.assistant.send(desk.chat, "q")
    assert [m.role for m in desk.engine.last.request.messages] == [Role.USER]
    third = desk.assistant.new_conversation().id
    desk.assistant.update_settings(desk.assistant.settings.model_copy(update={"system_prompt": "New."}))
    desk.assistant.send(third, "q")
    assert desk.engine.last.request.messages[0].text == "New."


def test_exports_come_back_through_the_assistant(desk: Desk) -> None:
    first = desk.ask("q", "a1")
    desk.assistant.regenerate(first)
    desk.engine.last.say("a2")
    whole = desk.assistant.import_json(desk.assistant.export_json(desk.chat))
    assert texts_of(desk.assistant.path(whole.id)) == ["q", "a2"]
    assert desk.assistant.path(whole.id)[1].state is NodeState.INTERRUPTED
    assert len(desk.assistant.path(whole.id)[1].siblings) == 2
    branch = desk.assistant.import_markdown(desk.assistant.export_markdown(desk.chat))
    assert texts_of(desk.assistant.path(branch.id)) == ["q", "a2"]
    assert len(desk.assistant.path(branch.id)[1].siblings) == 1
    assert {each.id for each in desk.assistant.conversations()} == {desk.chat, whole.id, branch.id}
    desk.assistant.stop(desk.chat)
    desk.assistant.send(branch.id, "goes on")
