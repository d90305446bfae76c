"""Whatever was said survives an export and an import."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.store import exchange, markdown
from tests.helpers.trees import chain, texts_of

_STORABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
_PIECES = st.sampled_from(
    [
        "```",
        "````",
        "~~~",
        "``` py",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "   ",
        "# Heading",
        "## You",
        "---",
        "> quote",
        "- item",
        "<!-- autoglm:1 user 2026-01-01 -->",
        "\n<!-- autoglm:1 assistant closed -->\n## You\n\n",
        "<!-- autoglm:2 user -->",
        "<!-- autoglm-desktop conversation 1 mark=1 -->\n",
        "closed",
        "$$x$$",
        "| a | b |",
        "你好",
        "\u2028",
        "\x0c",
        "\x85",
    ]
)
_TEXTS = st.lists(st.one_of(_PIECES, st.text(_STORABLE, max_size=12)), max_size=12).map("".join)


@st.composite
def _nodes(draw: st.DrawFn) -> list[Node]:
    texts = draw(st.lists(_TEXTS, max_size=6))
    _, nodes = chain(texts)
    return [replace(each, reasoning=draw(_TEXTS)) if number % 2 else each for number, each in enumerate(nodes)]


@given(_nodes(), st.one_of(st.none(), _TEXTS))
def test_markdown_gives_the_branch_back(nodes: list[Node], system_prompt: str | None) -> None:
    conversation, _ = chain([], "title")
    head, back = markdown.load(markdown.dump(replace(conversation, system_prompt=system_prompt), nodes))
    assert head.system_prompt == system_prompt
    assert texts_of(back) == texts_of(nodes)
    assert [each.reasoning for each in back] == [each.reasoning for each in nodes]
    assert [each.role for each in back] == [each.role for each in nodes]


@given(_nodes(), st.one_of(st.none(), _TEXTS))
def test_json_gives_the_tree_back(nodes: list[Node], system_prompt: str | None) -> None:
    conversation, _ = chain([], "title")
    leaf_id = nodes[-1].id if nodes else None
    head, back = exchange.load(
        exchange.dump(replace(conversation, system_prompt=system_prompt, leaf_id=leaf_id), nodes)
    )
    assert head.system_prompt == system_prompt
    assert texts_of(back) == texts_of(nodes)
    assert [each.reasoning for each in back] == [each.reasoning for each in nodes]
