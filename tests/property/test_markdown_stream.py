"""However Markdown arrives, the end result is that of parsing it at once."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autoglm_desktop.ui.transcript.blocks import Block, Para
from autoglm_desktop.ui.transcript.incremental import MarkdownStream
from autoglm_desktop.ui.transcript.parser import parse
from autoglm_desktop.ui.transcript.provisional import close_open_ends

_PIECES = [
    *(
        "a",
        "word ",
        "中文",
        "，",
        "x1",
        "9",
        " ",
        "  ",
        "    ",
        "\t",
        "\n",
        "\n",
        "\n\n",
        "\n\n\n",
        "\\",
        "&amp;",
        "&",
        "!",
    ),
    *(
        "# ",
        "## head\n",
        "---\n",
        "===\n",
        "***\n",
        "- ",
        "* ",
        "+ ",
        "1. ",
        "2) ",
        "7. item\n",
        "  - nested\n",
        "> ",
        ">> ",
    ),
    *(
        "[ ] ",
        "[x] ",
        "**",
        "*",
        "_",
        "__",
        "~~",
        "`",
        "``",
        "```\n",
        "```py\n",
        "~~~\n",
        "    code\n",
        "[a](http://b.c)",
    ),
    *(
        "[a]",
        "(http://b)",
        "![i](u)",
        "<b>",
        "</div>\n",
        "<http://a.b>",
        "[a]: http://b\n",
        "| a | b |\n",
        "|---|:-:|\n",
    ),
    *(
        "| 1 | 2 |\n",
        "|",
        "$",
        "$$",
        "$$\n",
        "$x^2$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\[\n",
        "- item one\n",
        "long text here. ",
    ),
    *("<br>", "<sub>", "</sub>", "<sup>2</sup>", "```markdown\n", "~~~md\n", "**「文」**", "：", "$5", "$HOME/", "\\{"),
]
_markdown = st.lists(st.sampled_from(_PIECES), max_size=60).map("".join)


def streamed(text: str, seed: int, cut_tail_characters: int) -> tuple[Block, ...]:
    chance = random.Random(seed)
    stream = MarkdownStream(cut_tail_characters=cut_tail_characters)
    position = 0
    while position < len(text):
        step = chance.choice((1, 1, 2, 3, 7, 20))
        stream.append(text[position : position + step])
        position += step
        if chance.random() < 0.8:
            stream.update()
    return stream.finish()


@settings(max_examples=400, deadline=None)
@given(text=_markdown, seed=st.integers(0, 10_000), cut=st.sampled_from([10, 40, 2000]))
@example(text="word word word word\nword\n---\n", seed=1, cut=10)
@example(text="1. a\n1. b\n1. c\n1. d\n1. e\n\ntext\n", seed=3, cut=10)
@example(text="para\n$$\nx\n- y\n$$\n", seed=2, cut=10)
@example(text="aa\\(word \\)", seed=0, cut=10)
@example(text="```markdown\n```py\nx\n```\n\n# a\n\n```\n\nb\n\nc\n", seed=0, cut=10)
@example(text="```markdown\n```py\nx\n```\n\n# a\n\nb\n\nc\n", seed=0, cut=10)
def test_random_splits_end_in_the_same_blocks(text: str, seed: int, cut: int) -> None:
    assert streamed(text, seed, cut) == parse(text)


@settings(max_examples=60, deadline=None)
@given(text=_markdown, seed=st.integers(0, 10_000))
def test_every_update_shows_all_the_words_that_arrived(text: str, seed: int) -> None:
    """Nothing is lost on the way: the updates in between are displays of the whole text so far."""
    chance = random.Random(seed)
    stream = MarkdownStream(cut_tail_characters=30)
    shown = ""
    for word in (f"w{number} " for number in range(30)):
        piece = word + (chance.choice(_PIECES) if chance.random() < 0.2 else "")
        shown += piece
        stream.append(piece)
        assert f"w{word[1:].strip()}" in repr(stream.update())


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("", "Item N: $5, was $7\n"),
        ("", "Some **bold** words and `code` N, $x^2$, [a link](http://a.example/page). "),
        ("", "这是**一些：**文字N，还有`代码`。"),
        ("", "line N **b:** \nnext x<sup>2</sup>  \n"),
        ("| a | b |\n|---|---|\n", "| N | **x** |\n"),
        ("```py\n", "x = N\n\n"),
    ],
)
def test_a_long_block_looks_while_it_grows_as_it_does_in_the_end(head: str, line: str) -> None:
    stream, text = MarkdownStream(cut_tail_characters=300), head + line * (2000 // len(line))
    compared = 0
    for at in range(0, len(text), 7):
        stream.append(text[at : at + 7])
        is_short = stream.tail_characters <= 300  # else what came last may be shown as plain text for a moment
        shown = stream.update()
        if is_short:
            assert shown == parse(close_open_ends(text[: at + 7]))
            compared += at > 600
    assert compared > 50


def test_what_comes_last_in_a_long_tail_is_shown_at_once() -> None:
    stream, text = MarkdownStream(cut_tail_characters=100), ""
    for number in range(200):
        piece = f"*open w{number} " if number % 2 else f"w{number}\n"
        text += piece
        stream.append(piece)
        shown = "".join(span.text for block in stream.update() if isinstance(block, Para) for span in block.spans)
        assert shown.replace("\u2028", " ").split() == text.split()
