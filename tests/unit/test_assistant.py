"""The assistant over a hand-driven engine: requests, branches, ends, failures, settings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.events import (
    AssistantEvent,
    ConversationChanged,
    ConversationDeleted,
    EngineChanged,
    NodeAdded,
    NodeDelta,
    NodeFinished,
    NodePhase,
    SettingsChanged,
    TierChanged,
)
from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    FinishReason,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TierSwitched,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Role, Sampling, TurnRequest
from autoglm_desktop.core.ports import TurnSink
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Hold, Reply, ScriptedEngine
from autoglm_desktop.store.store import Store
from tests.helpers.assistants import Heard, Installed, assistant_over
from tests.helpers.manual_engine import ManualEngine
from tests.helpers.trees import texts_of

_DIED = ErrorReport(ErrorCode.ENGINE_DIED, msg("The engine died."), msg("Ask again."))


@dataclass(frozen=True, slots=True)
class Desk:
    """An assistant, its engine, what it told, and one conversation."""

    assistant: Assistant
    engine: ManualEngine
    heard: Heard
    chat: str

    def ask(self, text: str, answer: str) -> str:
        node = self.assistant.send(self.chat, text)
        self.engine.last.say(answer)
        self.engine.last.finish()
        return node.id

    def texts(self) -> list[str]:
        return texts_of(self.assistant.path(self.chat))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "conversations.sqlite") as (assistant, heard):
        yield Desk(assistant, engine, heard, assistant.new_conversation().id)


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


def test_settings_are_used_told_and_saved(tmp_path: Path) -> None:
    saved: list[Settings] = []
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "db", on_settings_saved=saved.append) as (assistant, heard):
        changed = Settings(temperature=0.0, max_tokens=5)
        assistant.update_settings(changed)
        assert assistant.settings == changed
        assert saved == [changed]
        assert heard.of(SettingsChanged) == [SettingsChanged(changed)]
        assert engine.tiers == []
        assistant.send(assistant.new_conversation().id, "q")
        assert (engine.last.request.max_tokens, engine.last.request.sampling.temperature) == (5, 0.0)


def test_settings_that_cannot_be_saved_are_used_all_the_same(tmp_path: Path) -> None:
    def refuse(_: Settings) -> None:
        raise AppError(ErrorCode.NOT_WRITABLE, msg("No."), msg("Try."))

    with assistant_over(ManualEngine(), tmp_path / "db", on_settings_saved=refuse) as (assistant, heard):
        with pytest.raises(AppError):
            assistant.update_settings(Settings(think=True))
        assert assistant.settings.think
        assert len(heard.of(SettingsChanged)) == 1


def test_a_tier_choice_reaches_the_engine_and_the_next_request(desk: Desk) -> None:
    desk.assistant.set_tier_choice(TierChoice.INT4)
    assert desk.engine.tiers == [Tier.INT4]
    decision = desk.assistant.effective_tier()
    assert (decision.tier, decision.chosen_by_user) == (Tier.INT4, True)
    desk.assistant.send(desk.chat, "q")
    assert desk.engine.last.request.tier is Tier.INT4
    desk.assistant.set_tier_choice(TierChoice.AUTO)
    assert desk.engine.tiers == [Tier.INT4, Tier.FP16], "the phone is charged to 80 %"


def test_auto_follows_the_battery_of_each_moment(tmp_path: Path) -> None:
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "db") as (assistant, _):
        for battery in (0.9, 0.2):
            assistant.energy.set_battery(battery)
            assistant.send(assistant.new_conversation().id, "q")
            engine.last.finish()
    assert [turn.request.tier for turn in engine.turns] == [Tier.FP16, Tier.INT4]


def test_preload_loads_the_chosen_model_in_the_tier_of_the_moment(desk: Desk) -> None:
    desk.assistant.preload()
    ((model, tier),) = desk.engine.preloaded
    assert (model.model_id, tier) == (Settings().model_id, Tier.FP16)


def test_engine_states_are_told(desk: Desk) -> None:
    status = EngineStatus(EngineState.LOADING, load_fraction=0.5)
    desk.engine.watchers[0](status)
    assert desk.heard.of(EngineChanged) == [EngineChanged(status)]
    assert desk.assistant.engine_status().state is EngineState.READY


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


def test_a_failed_second_answer_leaves_the_first_alone(desk: Desk) -> None:
    first = desk.ask("q", "a1")
    second = desk.assistant.regenerate(first)
    desk.engine.last.fail(_DIED)
    assert desk.assistant.node(first).text == "a1"
    assert desk.assistant.node(second.id).siblings == (first, second.id)
