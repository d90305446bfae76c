"""Titles out of first prompts."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.assistant.titles import MAX_CELLS, title_of


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("你是谁?", "你是谁?"),
        ("你是谁？请详细介绍自己。", "你是谁？"),
        ("Hello", "Hello"),
        ("What is a KV cache? And why?", "What is a KV cache?"),
        ("See example.com for version 3.11 details", "See example.com for version 3.11 details"),
        ("# Heading\n\ntext", "Heading text"),
        ("> quoted\n> more", "quoted more"),
        ("- one\n- two", "one two"),
        ("1. first\n2) second", "first second"),
        ("**bold** and *it* and `code` and ~~no~~", "bold and it and code and no"),
        ("[a link](https://example.com/x) here", "a link here"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        ("```\n```", "``` ```"),
        ("**优点：**速度快", "优点：速度快"),
        ("H<sub>2</sub>O<br>and x<SUP>2</SUP>", "H2O and x2"),
        ("a <b>tag</b>", "a <b>tag</b>"),
        (
            "Please explain in great detail how the battery of a phone ages",
            "Please explain in great detail how the…",
        ),
        ("请用一句话解释什么是键值缓存以及它为什么能让后续回答更快", "请用一句话解释什么是键值缓存以及它为什么…"),
        ("x" * 80, "x" * MAX_CELLS + "…"),
    ],
)
def test_titles(prompt: str, title: str) -> None:
    assert title_of(prompt) == title


@pytest.mark.parametrize("piece", ["*a ", "[a](", "`", "# ", "> ", "<br", "~~a", "a\n"])
def test_a_title_costs_the_same_whatever_follows_the_first_words(piece: str) -> None:
    """What is read of the prompt is bounded, so its length has no say."""
    assert title_of(piece * 1000) == title_of(piece * 100_000)


@given(st.text(min_size=1, max_size=200).filter(str.strip))
def test_a_title_is_one_short_line_and_never_empty(prompt: str) -> None:
    title = title_of(prompt)
    assert title.strip()
    assert len(title.splitlines()) == 1
    cells = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in title.removesuffix("…"))
    assert cells <= MAX_CELLS
