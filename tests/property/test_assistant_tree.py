"""Whatever is done to conversations in whatever order: trees stay trees, nothing is overwritten, search finds it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Role
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.store.store import Store
from tests.helpers.assistants import Installed
from tests.helpers.manual_engine import ManualEngine, ManualTurn

_DIED = ErrorReport(ErrorCode.ENGINE_DIED, msg("Died."), msg("Again."))


@dataclass(slots=True)
class _Chat:
    """What a conversation must contain: every node ever made, in order, with its parent and text."""

    nodes: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    running: tuple[str, ManualTurn] | None = None
    deleted: bool = False


class Conversations(RuleBasedStateMachine):
    """Prompts and answers carry a word of their own, so that search can be asked for each."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = ManualEngine()
        self.assistant = Assistant(self.engine, Store(None), Installed(), Settings())
        self.chats: dict[str, _Chat] = {}
        self.words = (f"word{number}x" for number in count())

    def teardown(self) -> None:
        self.assistant.close()

    def _chat(self, random: random.Random) -> tuple[str, _Chat]:
        return random.choice(list(self.chats.items()))

    def _ask(self, chat_id: str, answer: Node, prompt: str | None) -> None:
        chat = self.chats[chat_id]
        shown = self.assistant.path(chat_id)
        if prompt is not None:
            chat.nodes[shown[-2].id] = (shown[-2].parent_id, prompt)
        chat.nodes[answer.id] = (answer.parent_id, "")
        chat.running = (answer.id, self.engine.last)

    def _refused(self, chat: _Chat, error: AppError) -> None:
        if chat.deleted:
            assert error.report.code is ErrorCode.BAD_INPUT
        else:
            assert chat.running is not None
            assert error.report.code is ErrorCode.BUSY

    @initialize()
    def begin(self) -> None:
        self.new_chat()

    @rule()
    @precondition(lambda self: len(self.chats) < 4)
    def new_chat(self) -> None:
        self.chats[self.assistant.new_conversation().id] = _Chat()

    @rule(random=st.randoms(use_true_random=False))
    def send(self, random: random.Random) -> None:
        chat_id, chat = self._chat(random)
        prompt = f"tell me {next(self.words)}"
        try:
            answer = self.assistant.send(chat_id, prompt)
        except AppError as error:
            self._refused(chat, error)
        else:
            assert not chat.deleted
            assert chat.running is None
            self._ask(chat_id, answer, prompt)

    @rule(random=st.randoms(use_true_random=False))
    def edit_or_regenerate(self, random: random.Random) -> None:
        chat_id, chat = self._chat(random)
        if not chat.nodes:
            return
        node = self.assistant.node(random.choice(list(chat.nodes)))
        prompt = f"rather {next(self.words)}" if node.role is Role.USER else None
        try:
            answer = self.assistant.regenerate(node.id) if prompt is None else self.assistant.edit(node.id, prompt)
        except AppError as error:
            self._refused(chat, error)
        else:
            self._ask(chat_id, answer, prompt)

    @rule(random=st.randoms(use_true_random=False))
    def select(self, random: random.Random) -> None:
        chat_id, chat = self._chat(random)
        if not chat.nodes or chat.deleted:
            return
        chosen = random.choice(list(chat.nodes))
        self.assistant.select_branch(chosen)
        assert chosen in [node.id for node in self.assistant.path(chat_id)]

    @rule(random=st.randoms(use_true_random=False), end=st.sampled_from(["finish", "stop", "fail"]))
    def answer(self, random: random.Random, end: str) -> None:
        chat_id, chat = self._chat(random)
        if chat.running is None:
            return
        node_id, turn = chat.running
        parent_id, text = chat.nodes[node_id]
        addition = f" said {next(self.words)}"
        turn.say(addition)
        chat.nodes[node_id] = (parent_id, text + addition)
        if end == "finish":
            turn.finish()
        elif end == "fail":
            turn.fail(_DIED)
        else:
            self.assistant.stop(chat_id)
        chat.running = None
        node = self.assistant.node(node_id)
        assert node.state is (NodeState.COMPLETE if end == "finish" else NodeState.INTERRUPTED)
        assert node.finish is {"finish": FinishReason.STOP, "stop": FinishReason.CANCELLED, "fail": None}[end]

    @rule(random=st.randoms(use_true_random=False))
    def speak(self, random: random.Random) -> None:
        _, chat = self._chat(random)
        if chat.running is not None:
            node_id, turn = chat.running
            parent_id, text = chat.nodes[node_id]
            turn.say("more ")
            chat.nodes[node_id] = (parent_id, f"{text}more ")

    @rule(random=st.randoms(use_true_random=False))
    def delete_or_restore(self, random: random.Random) -> None:
        chat_id, chat = self._chat(random)
        if chat.deleted:
            self.assistant.restore_deleted(chat_id)
        else:
            self.assistant.delete(chat_id)
            chat.running = None
        chat.deleted = not chat.deleted

    @rule(random=st.randoms(use_true_random=False))
    def copy(self, random: random.Random) -> None:
        chat_id, chat = self._chat(random)
        if chat.deleted:
            return
        copied = self.assistant.import_json(self.assistant.export_json(chat_id))
        path, original = self.assistant.path(copied.id), self.assistant.path(chat_id)
        assert [node.text for node in path] == [node.text for node in original]
        assert [len(node.siblings) for node in path] == [len(node.siblings) for node in original]
        self.assistant.delete(copied.id)
        self.assistant.purge_deleted()
        if any(other.deleted for other in self.chats.values()):
            self.chats = {id_: other for id_, other in self.chats.items() if not other.deleted}
        if not self.chats:
            self.new_chat()

    @invariant()
    def the_shown_branch_is_a_chain_from_a_root_to_a_leaf(self) -> None:
        for chat_id, chat in self.chats.items():
            path = self.assistant.path(chat_id)
            if chat.deleted:
                assert path == []
                continue
            expected_parent = None
            for number, node in enumerate(path):
                assert node.parent_id == expected_parent
                assert node.role is (Role.ASSISTANT if number % 2 else Role.USER)
                expected_parent = node.id
            assert self.assistant.conversation(chat_id).leaf_id == (path[-1].id if path else None)
            if path:
                assert all(parent != path[-1].id for parent, _ in chat.nodes.values())

    @invariant()
    def every_node_ever_made_is_there_as_it_was_and_siblings_are_in_order(self) -> None:
        for chat_id, chat in self.chats.items():
            if chat.deleted:
                continue
            nodes = self.assistant._tree(chat_id)
            assert {node.id: (node.parent_id, node.text) for node in nodes} == chat.nodes
            order = list(chat.nodes)
            for node in nodes:
                expected = [id_ for id_ in order if chat.nodes[id_][0] == node.parent_id]
                assert list(node.siblings) == expected

    @invariant()
    def what_is_shown_is_found_and_what_is_deleted_is_not(self) -> None:
        for chat_id, chat in self.chats.items():
            running = chat.running[0] if chat.running else None
            for node_id, (_, text) in list(chat.nodes.items())[-3:]:
                if node_id == running or not text.strip():
                    continue
                word = text.split()[-1]
                hits = self.assistant.search(word) if word.startswith("word") else []
                found = [hit.node_id for hit in hits if hit.conversation.id == chat_id]
                assert found == ([] if chat.deleted or not word.startswith("word") else [node_id])

    @invariant()
    def busy_is_what_runs(self) -> None:
        for chat_id, chat in self.chats.items():
            assert self.assistant.is_busy(chat_id) == (chat.running is not None)


TestConversations = Conversations.TestCase
TestConversations.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
