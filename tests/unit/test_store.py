"""The store: trees, branches, deletion, what is indexed, threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_desktop.core.conversation import Conversation, Node, NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Role, TextPart
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.store.store import Store
from tests.helpers.manual_engine import usage
from tests.helpers.trees import chain, node, stored, texts_of


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Both twins keep the same promises."""
    opened = Store(tmp_path / "conversations.sqlite" if request.param == "file" else None)
    yield opened
    opened.close()


def _indexed(store: Store) -> None:
    """Raises sqlite3.DatabaseError when index and texts differ."""
    with store._writing() as db:
        db.execute("INSERT INTO node_fts(node_fts, rank) VALUES ('integrity-check', 1)")


def test_a_node_comes_back_as_it_went_in(store: Store) -> None:
    conversation, _ = stored(store, [])
    prompt = node(conversation.id, None, Role.USER, "你是谁？ 🙂\r\n```\n")
    error = ErrorReport(ErrorCode.ENGINE_DIED, msg("It died after {n} tokens.", n=3), msg("Ask again."), "signal 9")
    answer = replace(
        node(conversation.id, prompt, Role.ASSISTANT, "我是 AutoGLM"),
        parts=(TextPart("我是 "), TextPart("AutoGLM")),
        state=NodeState.INTERRUPTED,
        reasoning="hm",
        thought_s=1.5,
        model_id="m",
        tier=Tier.INT4,
        usage=usage(Tier.FP16),
        finish=FinishReason.LENGTH,
        error=error,
        dropped_messages=4,
    )
    store.add_nodes(conversation.id, [prompt, answer])
    assert store.node(answer.id) == replace(answer, siblings=(answer.id,))
    assert store.path_of(conversation.id) == [replace(each, siblings=(each.id,)) for each in (prompt, answer)]


def test_the_shown_branch_follows_the_leaf_and_siblings_are_in_order(store: Store) -> None:
    conversation, nodes = stored(store, ["q", "a1", "more", "b"])
    second = node(conversation.id, nodes[0], Role.ASSISTANT, "a2")
    store.add_nodes(conversation.id, [second])
    assert texts_of(store.path_of(conversation.id)) == ["q", "a2"]
    assert store.path_of(conversation.id)[1].siblings == (nodes[1].id, second.id)
    assert store.node(nodes[1].id).siblings == (nodes[1].id, second.id)

    assert store.newest_leaf_below(nodes[1].id) == nodes[3].id
    store.show(conversation.id, nodes[3].id)
    assert texts_of(store.path_of(conversation.id)) == ["q", "a1", "more", "b"]
    assert texts_of(store.tree_of(conversation.id)) == ["q", "a1", "more", "b", "a2"]


def test_roots_of_other_conversations_are_no_siblings(store: Store) -> None:
    first, nodes = stored(store, ["one"])
    stored(store, ["two"])
    beside = node(first.id, None, Role.USER, "one, edited")
    store.add_nodes(first.id, [beside])
    assert store.node(beside.id).siblings == (nodes[0].id, beside.id)
    assert store.path_of(first.id)[0].siblings == (nodes[0].id, beside.id)


def test_the_first_prompt_gives_a_title_and_a_later_one_does_not(store: Store) -> None:
    conversation, _ = stored(store, [], title="")
    store.add_nodes(conversation.id, [node(conversation.id, None, Role.USER, "q")], title="first")
    store.add_nodes(conversation.id, [node(conversation.id, None, Role.USER, "q")], title="second")
    assert store.conversation(conversation.id).title == "first"


def test_newest_first_and_an_answer_makes_it_newest(store: Store) -> None:
    older, nodes = stored(store, ["q", "a"])
    newer, _ = stored(store, ["q"])
    assert [each.id for each in store.conversations()] == [newer.id, older.id]
    store.finish_node(replace(nodes[1], usage=usage()))
    assert [each.id for each in store.conversations()] == [older.id, newer.id]


def test_deleting_hides_restoring_brings_back_and_purging_is_for_good(store: Store) -> None:
    conversation, nodes = stored(store, ["needle in a prompt", "answer"])
    store.delete(conversation.id)
    assert store.conversations() == []
    assert store.search("needle") == []
    assert store.path_of(conversation.id) == []
    with pytest.raises(AppError, match="not there any more"):
        store.add_nodes(conversation.id, [node(conversation.id, nodes[1], Role.USER, "late")])

    store.restore(conversation.id)
    assert texts_of(store.path_of(conversation.id)) == ["needle in a prompt", "answer"]

    store.purge([conversation.id])
    assert store.conversations(), "only what is deleted is purged"
    store.delete(conversation.id)
    store.purge([conversation.id])
    assert store.tree_of(conversation.id) == []
    assert store.find_node(nodes[0].id) is None
    _indexed(store)
    with pytest.raises(AppError) as gone:
        store.restore(conversation.id)
    assert gone.value.report.code is ErrorCode.BAD_INPUT


def test_a_failed_addition_changes_nothing(store: Store) -> None:
    conversation, nodes = stored(store, ["q", "a"])
    fresh = node(conversation.id, nodes[1], Role.USER, "new")
    with pytest.raises(Exception, match="UNIQUE"):
        store.add_nodes(conversation.id, [fresh, fresh])
    assert store.find_node(fresh.id) is None
    assert texts_of(store.path_of(conversation.id)) == ["q", "a"]


def test_a_growing_answer_is_indexed_when_it_ends_and_again_when_it_changes(store: Store) -> None:
    conversation, nodes = stored(store, ["question"])
    answer = replace(node(conversation.id, nodes[0], Role.ASSISTANT, ""), state=NodeState.STREAMING)
    store.add_nodes(conversation.id, [answer])
    partial = replace(answer, parts=(TextPart("growing text"),), reasoning="because")
    store.save_partial(partial)
    assert store.node(answer.id).text == "growing text"
    assert store.node(answer.id).reasoning == "because"
    assert store.search("growing") == []
    assert store.search("gr") == [], "the short way and the indexed way agree"
    _indexed(store)

    store.finish_node(replace(partial, state=NodeState.INTERRUPTED))
    assert [hit.node_id for hit in store.search("growing")] == [answer.id]
    _indexed(store)
    store.finish_node(replace(partial, state=NodeState.COMPLETE, parts=(TextPart("other words"),)))
    assert store.search("growing") == []
    assert [hit.node_id for hit in store.search("other words")] == [answer.id]
    _indexed(store)


def test_a_cut_off_answer_is_interrupted_at_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    with_answer = Store(path)
    conversation, nodes = stored(with_answer, ["question"])
    answer = replace(
        node(conversation.id, nodes[0], Role.ASSISTANT, "so far so good"), state=NodeState.STREAMING, tier=Tier.INT8
    )
    with_answer.add_nodes(conversation.id, [answer])
    with_answer.close()

    again = Store(path)
    assert again.node(answer.id) == replace(answer, state=NodeState.INTERRUPTED, siblings=(answer.id,))
    assert [hit.node_id for hit in again.search("so far")] == [answer.id]
    assert again.notices == ()
    again.close()


def test_what_was_deleted_long_ago_is_purged_at_an_opening(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    first = Store(path)
    old, _ = stored(first, ["old"])
    recent, _ = stored(first, ["recent"])
    for conversation in (old, recent):
        first.delete(conversation.id)
    with first._writing() as db:
        db.execute("UPDATE conversation SET deleted_s = deleted_s - 3600 WHERE id = ?", (old.id,))
    first.close()

    second = Store(path)
    second.restore(recent.id)
    with pytest.raises(AppError):
        second.restore(old.id)
    second.close()


def test_a_memory_store_touches_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store(None)
    for _ in range(20):
        stored(store, ["x" * 100_000, "y" * 100_000])
    assert len(store.search("xyz x")) == 0
    assert len(store.search("xxx")) == 20
    databases = store._connection.execute("PRAGMA database_list").fetchall()
    assert [row["file"] for row in databases] == [""]
    assert store.temporary
    assert all(conversation.temporary for conversation in store.conversations())
    assert list(tmp_path.iterdir()) == []
    store.close()


def test_threads_can_write_and_read_at_once(store: Store) -> None:
    conversations = [chain(["q", "a"])[0] for _ in range(4)]
    for conversation in conversations:
        store.add_conversation(replace(conversation, leaf_id=None))
    start = threading.Barrier(len(conversations) + 1)
    failures: list[BaseException] = []

    def grow(conversation: Conversation) -> None:
        try:
            start.wait()
            last: Node | None = None
            for number in range(40):
                last = node(conversation.id, last, Role.USER, f"message {number}")
                store.add_nodes(conversation.id, [last])
                store.path_of(conversation.id)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=grow, args=(conversation,)) for conversation in conversations]
    for thread in threads:
        thread.start()
    start.wait()
    for thread in threads:
        thread.join(30)
    assert failures == []
    for conversation in conversations:
        assert texts_of(store.path_of(conversation.id)) == [f"message {number}" for number in range(40)]
    _indexed(store)


def test_closing_twice_is_fine(store: Store) -> None:
    store.close()
    store.close()


def test_a_conversation_of_five_thousand_messages_opens_with_a_handful_of_queries(tmp_path: Path) -> None:
    """A query for each message would take seconds; how long the few take is measured in the real window."""
    texts = [f"message {number}" for number in range(5000)]
    with closing(Store(tmp_path / "long.sqlite")) as store:
        conversation, _ = stored(store, texts)
        asked: list[str] = []
        store._connection.set_trace_callback(asked.append)
        assert texts_of(store.path_of(conversation.id)) == texts
        store._connection.set_trace_callback(None)
    assert 1 <= len(asked) <= 5, asked
