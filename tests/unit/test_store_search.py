"""Search: any script, any length, many words, excerpts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autoglm_desktop.core.messages import Role
from autoglm_desktop.store.search import excerpt
from autoglm_desktop.store.store import Store
from tests.helpers.trees import node, stored


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store(None)
    yield opened
    opened.close()


def _titles(store: Store, query: str) -> list[str]:
    return [hit.conversation.title for hit in store.search(query)]


@pytest.mark.parametrize(
    "query",
    [
        "低功耗",  # indexed
        "电池",  # two characters
        "谁",  # one
        "battery",
        "BATTERY",
        "atte",  # in the middle of a word
        "at",
        "低功耗 battery",
        "谁 battery",
        "谁 at",
        '"quoted"',
        "100%",
        "0%",
        "snake_case",
        "e_c",
        "a\\b",
        "O'Neil",
        "* NEAR(",
        "-x",
    ],
)
def test_finds_what_is_there(store: Store, query: str) -> None:
    stored(store, ['你是谁？手机的电池以低功耗工作: battery at 100% "quoted" snake_case a\\b O\'Neil * NEAR( -x'], "it")
    stored(store, ["something else entirely"], "other")
    assert _titles(store, query) == ["it"]


@pytest.mark.parametrize("query", ["高功耗", "电话", "1_0", "1%0", "e%c", "batteries", "谁 nothing", "a_b", "\\b\\"])
def test_does_not_find_what_is_not(store: Store, query: str) -> None:
    stored(store, ["你是谁？手机的电池以低功耗工作: battery at 100 snake-case a\\b 1x0"], "it")
    assert _titles(store, query) == []


@pytest.mark.parametrize("query", ["", "  ", "\x00", "\n"])
def test_a_blank_query_finds_nothing(store: Store, query: str) -> None:
    stored(store, ["text"])
    assert store.search(query) == []


def test_titles_are_found_and_have_no_node(store: Store) -> None:
    stored(store, ["nothing of it"], "Battery life 手机")
    for query in ("battery", "life battery", "手机", "机"):
        (hit,) = store.search(query)
        assert hit.node_id is None
        assert "\x02" in hit.excerpt


def test_one_hit_for_a_conversation_its_newest_message_and_newest_conversation_first(store: Store) -> None:
    first, nodes = stored(store, ["the needle", "a needle", "no", "nothing"], "first")
    stored(store, ["needle"], "second")
    hits = store.search("needle")
    assert [hit.conversation.title for hit in hits] == ["second", "first"]
    assert hits[1].node_id == nodes[1].id
    hidden = node(first.id, nodes[0], Role.ASSISTANT, "needle on another branch")
    store.add_nodes(first.id, [hidden])
    store.show(first.id, nodes[3].id)
    assert store.search("needle")[0].node_id == hidden.id
    assert len(store.search("needle", limit=1)) == 1


def test_words_must_meet_in_one_message(store: Store) -> None:
    stored(store, ["apples are red", "pears are green"])
    assert store.search("apples pears") == []
    assert len(store.search("apples red")) == 1


def test_excerpts_mark_every_match_near_the_first() -> None:
    text = "word " * 50 + "the needle\nand a NEEDLE\x02\x03 more " + "tail " * 100
    found = excerpt(text, ["needle"])
    assert found.startswith("…")
    assert found.endswith("…")
    assert found.count("\x02") == found.count("\x03") == 2
    assert "\x02needle\x03 and a \x02NEEDLE\x03" in found
    assert len(found) < 130


def test_an_excerpt_of_a_short_text_is_the_text() -> None:
    assert excerpt("你是谁", ["是"]) == "你\x02是\x03谁"
    assert excerpt("a+b (c)", ["+", "(c"]) == "a\x02+\x03b \x02(c\x03)"
