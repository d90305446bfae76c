"""Bold, italic and struck text beside Chinese, Japanese and Korean; elsewhere CommonMark's rules hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from autoglm_desktop.ui.transcript.blocks import Mark, Para, Span, Table
from autoglm_desktop.ui.transcript.inline_state import InlineParser, is_cjk
from autoglm_desktop.ui.transcript.parser import parse
from autoglm_desktop.ui.transcript.provisional import close_open_ends


def spans(text: str) -> tuple[Span, ...]:
    (only,) = parse(text)
    assert isinstance(only, Para)
    return only.spans


def marked(text: str) -> list[str]:
    return [span.text for span in spans(text) if span.mark]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("**文字：**后续", ["文字："]),
        ("含**「重点」**内容", ["「重点」"]),
        ("1. **优点：**速度快", ["优点："]),
        ("*《红楼梦》*的作者", ["《红楼梦》"]),
        ("~~删除的文字（带括号）。~~这个句子", ["删除的文字（带括号）。"]),
        ("请使用**`print()`**函数", ["print()"]),
        ("**甲：**乙**丙：**丁", ["甲：", "丙："]),
        ("**甲。**乙*丙，*丁~~戊！~~己", ["甲。", "丙，", "戊！"]),
        ("**“引号”**后面是**‘引号’**。", ["“引号”", "‘引号’"]),
        ("这是“**重点**”，还有（**重点**）", ["重点", "重点"]),
        ("***粗斜。***后面", ["粗斜。"]),
        ("**粗体**（注）**a**。", ["粗体", "a"]),
        ("**[链接](http://x)：**文字", ["链接", "："]),
        ("**重要！🎉**后续**⚠️注意**后面", ["重要！🎉", "⚠️注意"]),
        ("**これは（太字）です。**次の文", ["これは（太字）です。"]),
        ("**ラーメン・カレー**ー*「名前」*さん", ["ラーメン・カレー", "「名前」"]),
        ("**한국어(괄호)**를 *중요!*입니다", ["한국어(괄호)", "중요!"]),
        ("**ＡＢＣ！**後ろ　**全角　**後", ["ＡＢＣ！"]),
        ("**50%**的人，价格**$5**元", ["50%", "$5"]),
        ("**（一）**a **Python（3.11）。**is", ["（一）", "Python（3.11）。"]),
        ("**葛󠄀。**城", ["葛󠄀。"]),
        ("**“︁引︁”︁**a", ["“︁引︁”︁"]),
        ("文**(a)**文", ["(a)"]),
        ("- **a：**b\n", ["a："]),
        ("**文字：**\n后续", ["文字："]),
    ],
)
def test_marks_beside_cjk(text: str, wanted: list[str]) -> None:
    assert marked(text) == wanted


@pytest.mark.parametrize(
    "text", ["** 文字：** 后续", "文字**", "5 * 3 * 2", "**文字：", "\\*\\*文字：\\*\\*后", "`**文：**`后"]
)
def test_signs_that_mark_nothing_stay(text: str) -> None:
    assert not any(span.mark & (Mark.BOLD | Mark.ITALIC) for span in spans(text))


def test_bold_in_a_heading_a_quote_and_a_cell() -> None:
    heading, quote, table = parse("# **甲：**乙\n> **甲：**乙\n\n| **甲：**乙 | b |\n|---|---|\n")
    assert isinstance(heading, Para)
    assert isinstance(quote, Para)
    assert isinstance(table, Table)
    assert heading.spans == quote.spans == table.rows[0][0] == (Span("甲：", Mark.BOLD), Span("乙"))


def test_a_mark_inside_of_the_same_mark_does_not_end_it() -> None:
    assert spans("*a _b_ c* d") == (Span("a b c", Mark.ITALIC), Span(" d"))


def test_bold_that_is_being_written_beside_cjk_is_bold() -> None:
    assert spans(close_open_ends("含**「重"))[-1] == Span("「重", Mark.BOLD)


@pytest.mark.parametrize("character", "中。ーｱ한ᅡ₩\u3000")
def test_characters_that_are_cjk(character: str) -> None:
    assert is_cjk(character)


@pytest.mark.parametrize("character", "a“…é🎉✅⚠")
def test_characters_that_are_not_cjk(character: str) -> None:
    assert not is_cjk(character)


_WITHOUT_CJK = st.lists(
    st.sampled_from(["*", "**", "***", "_", "__", "~~", "a", "b1", " ", ".", "(", ")", "“", "”", "é", "🎉", "\n"]),
    max_size=24,
).map("".join)


@given(_WITHOUT_CJK)
def test_text_without_cjk_is_parsed_as_commonmark_says(text: str) -> None:
    plain = MarkdownIt().enable("strikethrough")
    ours = MarkdownIt()
    ours.inline = InlineParser()
    ours.configure("commonmark").enable("strikethrough")
    assert ours.render(text) == plain.render(text)
