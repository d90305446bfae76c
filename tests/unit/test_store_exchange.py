"""Export and import: JSON keeps the tree, Markdown the shown branch, bad files are named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from autoglm_desktop.core.conversation import Conversation, Node, NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.messages import Role, TextPart
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.store import exchange, markdown
from autoglm_desktop.store.store import Store
from tests.helpers.manual_engine import usage
from tests.helpers.trees import chain, node, texts_of


def _tree() -> tuple[Conversation, list[Node]]:
    conversation, nodes = chain(["你好", "# 标题\n\n```py\nx = 1\n```", "more"], "A 标题")
    beside = replace(
        node(conversation.id, nodes[0], Role.ASSISTANT, "two"),
        parts=(TextPart("t"), TextPart("wo")),
        state=NodeState.INTERRUPTED,
        reasoning="why",
        thought_s=2.25,
        model_id="some-model",
        tier=Tier.INT4,
        usage=usage(),
        error=ErrorReport(ErrorCode.ENGINE_DIED, msg("Died after {n}.", n=3), msg("Again.")),
        dropped_messages=2,
    )
    return replace(conversation, system_prompt="be kind"), [*nodes, beside]


def _without_identity(nodes: list[Node]) -> list[Node]:
    order = {each.id: str(number) for number, each in enumerate(nodes)}
    return [
        replace(each, id=order[each.id], conversation_id="", parent_id=order.get(each.parent_id or ""), siblings=())
        for each in nodes
    ]


def test_json_keeps_the_whole_tree_under_new_ids() -> None:
    conversation, nodes = _tree()
    again, nodes_again = exchange.load(exchange.dump(conversation, nodes))
    assert (again.title, again.system_prompt) == (conversation.title, "be kind")
    assert again.created_s == conversation.created_s
    assert again.leaf_id == nodes_again[2].id
    assert {again.id, *(each.id for each in nodes_again)}.isdisjoint({conversation.id, *(each.id for each in nodes)})
    assert _without_identity(nodes_again) == _without_identity(nodes)


def test_what_was_imported_can_be_stored_beside_the_original() -> None:
    conversation, nodes = _tree()
    store = Store(None)
    store.add_conversation(conversation, nodes)
    again, nodes_again = exchange.load(exchange.dump(conversation, store.tree_of(conversation.id)))
    store.add_conversation(again, nodes_again)
    assert texts_of(store.path_of(again.id)) == texts_of(store.path_of(conversation.id))
    store.close()


def test_an_empty_conversation_survives_both_ways() -> None:
    conversation, _ = chain([], "")
    assert exchange.load(exchange.dump(conversation, []))[1] == []
    again, nodes = markdown.load(markdown.dump(conversation, []))
    assert (again.title, again.leaf_id, nodes) == ("", None, [])


def test_an_answer_exported_in_mid_stream_is_imported_as_interrupted() -> None:
    conversation, nodes = chain(["q", "half an ans"])
    nodes[1] = replace(nodes[1], state=NodeState.STREAMING)
    for exported in (
        exchange.load(exchange.dump(conversation, nodes)),
        markdown.load(markdown.dump(conversation, nodes)),
    ):
        assert [each.state for each in exported[1]] == [NodeState.COMPLETE, NodeState.INTERRUPTED]


def _file(**changes: Any) -> str:
    conversation, nodes = chain(["q", "a"])
    loaded: dict[str, Any] = json.loads(exchange.dump(conversation, nodes))
    loaded.update(changes)
    return json.dumps(loaded)


def _nodes(change: dict[str, Any]) -> str:
    conversation, nodes = chain(["q", "a"])
    loaded = json.loads(exchange.dump(conversation, nodes))
    loaded["nodes"][1].update(change)
    return json.dumps(loaded)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no valid JSON"),
        ("{", "no valid JSON"),
        ("[]", "object"),
        ("null", "object"),
        ("{}", "format"),
        ('{"format": "other", "version": 1}', "format"),
        (_file(nodes=3), "nodes"),
        (_file(nodes=[]), "leaf_id"),
        (_file(conversation={}), "conversation.created_s"),
        (_nodes({"parent_id": "nobody"}), "parent"),
        (_nodes({"role": "tool"}), "nodes.1.role"),
        (_nodes({"parts": "text"}), "nodes.1.parts"),
        (_nodes({"parts": [{"kind": "image", "text": ""}]}), "nodes.1.parts.0"),
        (_nodes({"created_s": -1}), "nodes.1.created_s"),
        (_nodes({"tier": "int2"}), "nodes.1.tier"),
        (_nodes({"thought_s": "NaN"}), "nodes.1.thought_s"),
        (_file(version=7), "newer version"),
        ("[" * 100_000, ""),
    ],
)
def test_a_bad_file_is_bad_input_with_a_line_that_tells_what(text: str, told: str) -> None:
    with pytest.raises(AppError) as bad:
        exchange.load(text)
    assert bad.value.report.code is ErrorCode.BAD_INPUT
    assert told in bad.value.report.line()
    assert "\n" not in bad.value.report.line()


def test_ids_that_occur_twice_are_refused() -> None:
    conversation, nodes = chain(["q", "a"])
    loaded = json.loads(exchange.dump(conversation, nodes))
    loaded["nodes"].append(loaded["nodes"][0])
    with pytest.raises(AppError, match="twice"):
        exchange.load(json.dumps(loaded))


def test_unknown_keys_are_passed_over() -> None:
    loaded = json.loads(_nodes({"mood": "sunny"}))
    loaded["later"] = {"x": 1}
    assert len(exchange.load(json.dumps(loaded))[1]) == 2


@pytest.mark.parametrize("template", ["{x.__class__}", "{x:>999999999}", "{missing}", "{", "{x!r}", "{0}", "{}"])
def test_a_strange_error_template_in_a_file_is_dropped(template: str) -> None:
    conversation, nodes = chain(["q", "a"])
    error = ErrorReport(ErrorCode.ENGINE_DIED, Text(template, {"x": 1}), msg("Again."))
    nodes[1] = replace(nodes[1], error=error)
    assert exchange.load(exchange.dump(conversation, nodes))[1][1].error is None


def test_text_that_cannot_be_stored_is_cleaned() -> None:
    loaded = exchange.load(_nodes({"parts": [{"kind": "text", "text": "a\x00b"}], "reasoning": "\x00"}))[1]
    assert loaded[1].text == "a\ufffdb"
    assert loaded[1].reasoning == "\ufffd"


def test_markdown_is_readable() -> None:
    conversation, nodes = _tree()
    answer = replace(nodes[3], parts=(TextPart("because"),))
    written = markdown.dump(conversation, [nodes[0], answer])
    visible = [line for line in written.splitlines() if line and not line.startswith("<!--")]
    assert visible == [
        "# A 标题",
        "## System prompt",
        "be kind",
        "## You",
        "你好",
        "### Thinking",
        "why",
        "## some-model",
        "because",
    ]


def test_markdown_brings_the_branch_back() -> None:
    conversation, nodes = _tree()
    again, back = markdown.load(markdown.dump(conversation, [nodes[0], nodes[3]]))
    assert (again.title, again.system_prompt) == ("A 标题", "be kind")
    assert [(each.role, each.text, each.state, each.reasoning, each.thought_s) for each in back] == [
        (Role.USER, "你好", NodeState.COMPLETE, "", 0.0),
        (Role.ASSISTANT, "two", NodeState.INTERRUPTED, "why", 2.25),
    ]
    assert [each.created_s for each in back] == [nodes[0].created_s, nodes[3].created_s]
    assert [each.parent_id for each in back] == [None, back[0].id]
    assert again.leaf_id == back[1].id


def test_an_open_fence_is_closed_for_the_reader_and_open_again_after_the_import() -> None:
    text = "Look:\n~~~~py\nx = 1\n~~~\n```"
    conversation, nodes = chain(["q", text, "after"])
    written = markdown.dump(conversation, nodes)
    assert f"{text}\n~~~~\n" in written
    assert texts_of(markdown.load(written)[1]) == ["q", text, "after"]


def test_an_editor_that_changed_line_ends_does_not_matter() -> None:
    conversation, nodes = chain(["one\ntwo", "three"])
    written = markdown.dump(conversation, nodes).replace("\n", "\r\n")
    assert texts_of(markdown.load("\ufeff" + written)[1]) == ["one\ntwo", "three"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Just a page\n",
        "<!-- autoglm-desktop conversation 9 mark=1 -->\n",
        "<!-- autoglm-desktop conversation 1 mark=1 -->\n\n<!-- autoglm:1 tool -->\n## x\n\ny\n",
    ],
)
def test_a_foreign_markdown_file_is_bad_input(text: str) -> None:
    with pytest.raises(AppError) as bad:
        markdown.load(text)
    assert bad.value.report.code is ErrorCode.BAD_INPUT


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"a": ' * 5000, "{", '{"format": ' + "9" * 5000 + "}"])
def test_what_is_no_json_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(AppError) as caught:
        exchange.load(text)
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    assert "recursion" not in caught.value.report.line()
    assert "EOF" not in caught.value.report.line()


def test_a_byte_order_mark_is_passed_over() -> None:
    conversation = Conversation("c", "mine", 1.0, 1.0)
    assert exchange.load("\ufeff" + exchange.dump(conversation, []))[0].title == "mine"
    assert markdown.load("\ufeff" + markdown.dump(conversation, []))[0].title == "mine"
