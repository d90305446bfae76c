"""What Markdown costs grows with the text and no faster, whatever stands in it. Work is counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autoglm_desktop.assistant.titles import title_of
from autoglm_desktop.ui.transcript import freezing, incremental
from autoglm_desktop.ui.transcript.incremental import MarkdownStream
from autoglm_desktop.ui.transcript.parser import Unit, parse, parse_units
from autoglm_desktop.ui.voice.spoken import SpokenText

DOUBLED = 2.2
"""What twice the text may cost at most."""
PARSED_PER_CHARACTER = 100
_PIECES = (
    *(
        "*",
        "**",
        "***",
        "_",
        "__",
        "~~",
        "`",
        "``",
        "[",
        "]",
        "](",
        "![",
        "(",
        ")",
        "<",
        ">",
        "|",
        "\\",
        "&",
        "$",
        "$$",
    ),
    *("\\(", "\\)", "\\[", "\\]", "a", "1", " ", "\n", "  \n", "\n\n", "：", "中", "「", "5", ", ", "<br>", "<sub>"),
    *(
        "</sub>",
        "<sup>",
        "# ",
        "> ",
        "- ",
        "1. ",
        "  - ",
        "    ",
        "\t",
        "```\n",
        "```md\n",
        "~~~\n",
        "| ",
        "|---|---|\n",
    ),
    *("\\[ x\n", "$$ x\n", "http://a.b", "<http://a", "[a](http://b)", "&amp;", "---\n", "===\n", "{", "}", '"', "'"),
)
_unit = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=5).map("".join)


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python `work` runs."""
    count = 0

    def trace(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def assert_proportional(work: Callable[[str], object], *units: str) -> None:
    """Twice as many units cost about twice as much. Their numbers are even, so that fences match in all texts.

    The parser looks into brackets forty levels deep at most: with these, only longer texts show that it is so.
    """
    texts = ["".join(unit * (2 * (size // len(unit)) or 2) for unit in units) for size in (250, 500, 1000, 2000)]
    work(texts[0])  # what is made once
    counts = [lines_run(partial(work, texts[0]))]
    for text in texts[1:]:
        counts.append(lines_run(partial(work, text)))
        if counts[-1] <= DOUBLED * counts[-2]:
            return
    pytest.fail(f"{units} cost {counts}")


def speak(text: str) -> None:
    spoken = SpokenText()
    for at in range(0, len(text), 8):
        spoken.feed(text[at : at + 8])
    spoken.finish()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=_unit, second=_unit)
@example(first="Item 7: $5, was $7\n", second="a")
@example(first="*a ", second="a")
@example(first="a**b", second="c* ")
@example(first="[", second="](a)")
@example(first="\\[ x\n", second="\\]")
@example(first="\\( [", second="]")
@example(first="<sub><sup>", second="</sub>")
@example(first="`a", second="``b")
@example(first="[", second="*")
@example(first="![", second="*")
@example(first="*", second="*```\n>```\n")
@example(first="> ~~~\n> a\nb\n", second="a")
@example(first="> > # a\nb\nc\n", second="> - ```\na\n")
def test_parsing_costs_what_the_text_is_long(first: str, second: str) -> None:
    assert_proportional(parse, first, second)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(unit=_unit)
@example(unit="(a. ")
@example(unit="-")
def test_speaking_and_titles_cost_what_the_text_is_long(unit: str) -> None:
    assert_proportional(speak, unit)
    assert_proportional(title_of, unit)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many characters each call of the parser got."""
    counts: list[int] = []

    def counting(text: str, first_number: int | None = None, *, growing: bool = False) -> list[Unit]:
        counts.append(len(text))
        return parse_units(text, first_number, growing=growing)

    monkeypatch.setattr(incremental, "parse_units", counting)
    monkeypatch.setattr(freezing, "parse_units", counting)
    return counts


def numbered(line: str, length: int) -> str:
    return "".join(line.replace("N", str(number)) for number in range(length // len(line)))


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("", "Item N: $5, was $7\n"),
        ("", "Item N: $5, was $7. "),
        ("", "Some **bold** words and `code` N. "),
        ("", "这是**一些：**文字，还有`代码`。"),
        ("", "a"),
        ("", "*a "),
        ("", "["),
        ("", "$a "),
        ("", "`a"),
        ("\\[", "x + "),
        ("", "- item N\n"),
        ("- top\n", "  - item N\n"),
        ("", "> quoted N\n"),
        ("| a | b |\n|---|---|\n", "| N | $x^2$ |\n"),
        ("```py\n", "x = N\n"),
        ("```markdown\n", "# head N\n"),
        ("```markdown\n", "```py\nx\n```\n"),
        ("", "```\nx\n```\n"),
        ("", "# Head\n\nText **bold**\n\n"),
        ("", "\\\n"),
    ],
)
def test_a_stream_parses_each_character_a_bounded_number_of_times(parsed: list[int], head: str, line: str) -> None:
    totals = []
    for length in (1_500, 3_000):
        parsed.clear()
        text = head + numbered(line, length)
        stream = MarkdownStream(cut_tail_characters=300)
        for at in range(0, len(text), 8):
            stream.append(text[at : at + 8])
            stream.update()
        totals.append(sum(parsed))
        assert stream.finish() == parse(text)
    assert totals[1] <= 2.5 * totals[0]
    assert totals[1] <= PARSED_PER_CHARACTER * 3_000


@pytest.mark.parametrize("line", ["x = N\n", "| N | b |\n", "Words of N and more of them. ", "- item N\n"])
def test_a_long_block_that_grows_keeps_only_its_end_to_parse(parsed: list[int], line: str) -> None:
    head = {"x": "```py\n", "|": "| a | b |\n|---|---|\n"}.get(line[0], "")
    stream = MarkdownStream()
    text = head + numbered(line, 12_000)
    for at in range(0, len(text), 64):
        stream.append(text[at : at + 64])
        stream.update()
    assert stream.tail_characters < 3000
    assert max(parsed) < 4000
