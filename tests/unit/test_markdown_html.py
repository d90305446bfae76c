"""The HTML that is understood, and fenced blocks of Markdown."""

from __future__ import annotations

import pytest

from autoglm_desktop.ui.transcript.blocks import Code, Mark, Para, Span, Table
from autoglm_desktop.ui.transcript.parser import parse
from autoglm_desktop.ui.transcript.provisional import close_open_ends


def spans(text: str) -> tuple[Span, ...]:
    (only,) = parse(text)
    assert isinstance(only, Para)
    return only.spans


@pytest.mark.parametrize("tag", ["<br>", "<br/>", "<br />", "<BR>", "<Br  />", "</br>", "<br>\n", "  <br/>\n  "])
def test_line_breaks(tag: str) -> None:
    assert "".join(span.text for span in spans(f"a{tag}b")).replace(" ", "") == "a\u2028b"


@pytest.mark.parametrize("lead", ["# ", "> ", "- ", "1. ", ""])
def test_line_breaks_outside_of_paragraphs(lead: str) -> None:
    assert spans(f"{lead}a<br>b<br/>") == (Span("a\u2028b"),)


def test_line_breaks_in_cells_and_links() -> None:
    (table,) = parse("| a<br>b | c |\n|---|---|\n| **d**<br/>e | `<br>` |\n")
    assert isinstance(table, Table)
    assert table.rows == (
        ((Span("a\u2028b"),), (Span("c"),)),
        ((Span("d", Mark.BOLD), Span("\u2028e")), (Span("<br>", Mark.CODE),)),
    )
    assert spans("[a<br>b](http://c)") == (Span("a\u2028b", href="http://c"),)


@pytest.mark.parametrize("text", ["`a<br>b`", "``<sub>x</sub>``"])
def test_tags_in_code_are_code(text: str) -> None:
    assert spans(text) == (Span(text.strip("`"), Mark.CODE),)
    assert parse(f"```\n{text}\n```") == (Code(text),)


@pytest.mark.parametrize(
    "text", ["<b>a</b>", "<div>a</div>", "a <brx> b", "<br class='x'>", "<subs>a</subs>", "< br >"]
)
def test_other_html_is_text(text: str) -> None:
    assert spans(text) == (Span(text),)


def test_escaped_tags_are_text() -> None:
    assert spans(r"\<br> &lt;sub&gt;a&lt;/sub&gt;") == (Span("<br> <sub>a</sub>"),)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("H<sub>2</sub>O", (Span("H"), Span("2", Mark.LOWERED), Span("O"))),
        ("x<SUP>2</SUP>", (Span("x"), Span("2", Mark.RAISED))),
        ("**x<sup>2</sup>**", (Span("x", Mark.BOLD), Span("2", Mark.BOLD | Mark.RAISED))),
        ("x<sup>**2**</sup>", (Span("x"), Span("2", Mark.BOLD | Mark.RAISED))),
        ("a<sub>b", (Span("a<sub>b"),)),
        ("a</sub>b", (Span("a</sub>b"),)),
        ("a<sub>b x<sup>2</sup>", (Span("a<sub>b x"), Span("2", Mark.RAISED))),
        ("x<sup>a<sub>b</sub>c</sup>d", (Span("x"), Span("abc", Mark.RAISED), Span("d"))),
        ("<sub>a</sup>b</sub>", (Span("a</sup>b", Mark.LOWERED),)),
        ("a<sub></sub>b", (Span("ab"),)),
        ("<sub>`a</sub>`", (Span("<sub>"), Span("a</sub>", Mark.CODE))),
    ],
)
def test_lowered_and_raised_text(text: str, wanted: tuple[Span, ...]) -> None:
    assert spans(text) == wanted


def test_text_that_is_being_raised_is_shown_so() -> None:
    assert spans(close_open_ends("x<sup>2"))[-1] == Span("2", Mark.RAISED)


INNER = "# T\n```py\nx\n```\nmore"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (f"```markdown\n{INNER}\n```\nend", INNER),
        (f"```md\n{INNER}\n```\nend", INNER),
        (f"~~~Markdown\n{INNER.replace('```', '~~~')}\n~~~\nend", INNER.replace("```", "~~~")),
        (f"````markdown\n{INNER}\n````\nend", INNER),
        (f"````markdown\n```md\n{INNER}\n```\n````\nend", f"```md\n{INNER}\n```"),
        (f"```markdown\n```md\n{INNER}\n```\n```\nend", f"```md\n{INNER}\n```"),
        ("```markdown\n# T\n```\nend", "# T"),
        ("```markdown\n```sh\na\n```\n\n```sh\nb\n```\n```\nend", "```sh\na\n```\n\n```sh\nb\n```"),
    ],
)
def test_a_block_of_markdown_ends_at_its_own_fence(text: str, content: str) -> None:
    code, end = parse(text)
    assert isinstance(code, Code)
    assert code.text == content
    assert end == Para((Span("end"),))


def test_a_block_of_markdown_in_a_list() -> None:
    text = "- a\n" + "".join(f"  {line}\n" for line in f"```markdown\n{INNER}\n```\nend".split("\n"))
    assert [block.text for block in parse(text) if isinstance(block, Code)] == [INNER]


def test_other_languages_end_at_the_first_fence() -> None:
    assert parse("```py\n```js\n```\nend") == (Code("```js", "py"), Para((Span("end"),)))


def test_an_inner_fence_that_stays_open_does_not_take_the_rest_of_the_answer() -> None:
    text = "```markdown\n# T\n```py\nx\n```\n\nafter\n\n```sh\nls\n```\n\nend"
    assert parse(text) == (
        Code("# T\n```py\nx", "markdown"),
        Para((Span("after"),)),
        Code("ls", "sh"),
        Para((Span("end"),)),
    )
