"""Sentences that are said: the same however the answer is cut, complete, and without the signs of Markdown."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.ui.voice.spoken import SpokenText

WORDS = (
    "A word",
    "你好",
    "3.14",
    "https://a.example/b",
    " ",
    ". ",
    "! ",
    "…",
    "”",
    "。",
    "？",
    "\n",
    "\n\n",
    "\r\n",
    "\u2028",
)
SIGNS = ("**", "`", "```\n", "```", "~~~\n", "# ", "- ", "1. ", "> ", "| ", "[", "](", ")", "_", "$$", "\\[")
TAGS = ("<br>", "<sub>", "</sup>", "```md\n")
PIECES = st.sampled_from(WORDS + SIGNS + TAGS)
ANSWERS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=120)


def said(text: str) -> list[str]:
    spoken = SpokenText()
    return [*spoken.feed(text), *spoken.finish()]


@given(ANSWERS, st.lists(st.integers(0, 200), max_size=12))
def test_where_the_pieces_end_changes_nothing(text: str, cuts: list[int]) -> None:
    spoken = SpokenText()
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    # a line break of two signs is one: a tokenizer does not part them either
    places = [at for at in places if not (0 < at < len(text) and text[at - 1 : at + 1] == "\r\n")]
    found = [one for a, b in pairwise(places) for one in spoken.feed(text[a:b])]
    assert [*found, *spoken.finish()] == said(text)


@given(ANSWERS)
def test_what_is_said_has_words_and_no_signs(text: str) -> None:
    for sentence in said(text):
        assert re.search(r"\w", sentence)
        assert not re.search(r"[*`#|~]|https?://|\n", sentence)
        assert sentence == sentence.strip()


@given(st.lists(st.from_regex(r"[a-zA-Z]{1,8}( [a-zA-Z]{1,8}){0,5}[.!?]", fullmatch=True), min_size=1, max_size=8))
def test_plain_sentences_come_back_one_by_one(sentences: list[str]) -> None:
    assert said(" ".join(sentences)) == sentences


@given(st.lists(st.from_regex(r"[\u4e00-\u9fa5]{1,12}[。！？]", fullmatch=True), min_size=1, max_size=8))
def test_chinese_sentences_need_no_spaces(sentences: list[str]) -> None:
    assert said("".join(sentences)) == sentences


@given(st.text(alphabet="abc .\n#*`", max_size=60).filter(lambda text: "```" not in text))
def test_code_is_never_said(code: str) -> None:
    assert said(f"Before.\n```python\n{code}\n```\nAfter.") == ["Before.", "After."]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("It is **3.14** times. Good.", ["It is 3.14 times.", "Good."]),
        ("See [the page. Here](https://a.example/x.y) now. Yes.", ["See the page. Here now.", "Yes."]),
        ("# Title\n\n- one\n- two", ["Title", "one", "two"]),
        ("1. First step.\n2. Second step.", ["First step.", "Second step."]),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ["a , b", "1 , 2"]),
        ("So:\n$$\nx = 1\n$$\nDone.", ["So:", "Done."]),
        ("Call `f.g()` twice. OK.", ["Call f.g() twice.", "OK."]),
        ("“Really?” she asked. No.", ["“Really?”", "she asked.", "No."]),
        ("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"]),
        ("---\n***\n", []),
        ("Water is H<sub>2</sub>O.<br/>It is x<sup>2</sup>.", ["Water is H2O.", "It is x2."]),
        ("See:\n```markdown\n# T\n```py\nx = 1\n```\nhidden\n```\nSaid.", ["See:", "Said."]),
        ("```py\n```js\nx = 1\n```\nSaid.", ["Said."]),
    ],
)
def test_examples(text: str, wanted: list[str]) -> None:
    assert said(text) == wanted


def test_a_sentence_is_ready_before_the_next_begins() -> None:
    spoken = SpokenText()
    assert spoken.feed("One sentence.") == []
    assert spoken.feed(" ") == ["One sentence."]
    assert spoken.feed("Two") == []
    assert spoken.finish() == ["Two"]
