"""What Markdown becomes."""

from __future__ import annotations

import pytest

from autoglm_desktop.ui.transcript.blocks import (
    Code,
    Formula,
    Mark,
    Marker,
    MarkerKind,
    Para,
    Place,
    Rule,
    Span,
    Table,
)
from autoglm_desktop.ui.transcript.parser import parse
from autoglm_desktop.ui.transcript.provisional import close_open_ends


def spans(text: str) -> tuple[Span, ...]:
    (only,) = parse(text)
    assert isinstance(only, Para)
    return only.spans


def test_html_is_text() -> None:
    assert spans("a <b onclick='x'>b</b>") == (Span("a <b onclick='x'>b</b>"),)
    assert parse("<script>\nalert(1)\n</script>") == (Para((Span("<script>\u2028alert(1)\u2028</script>"),)),)


def test_images_are_their_words_and_nothing_else() -> None:
    assert spans("![a cat](http://x.y/cat.png)") == (Span("a cat", href="http://x.y/cat.png"),)
    assert spans("![a cat](cat.png)") == (Span("a cat"),)


@pytest.mark.parametrize("target", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "relative.md"])
def test_only_web_and_mail_links_lead_somewhere(target: str) -> None:
    assert all(span.href == "" for block in parse(f"[a]({target})") if isinstance(block, Para) for span in block.spans)


def test_links_that_lead_somewhere() -> None:
    assert spans("[a](https://b.c/d)") == (Span("a", href="https://b.c/d"),)
    assert spans("<mailto:a@b.c>")[0].href == "mailto:a@b.c"


def test_marks_nest() -> None:
    assert spans("**a *b*** ~~c~~ `d`") == (
        Span("a ", Mark.BOLD),
        Span("b", Mark.BOLD | Mark.ITALIC),
        Span(" "),
        Span("c", Mark.STRIKE),
        Span(" "),
        Span("d", Mark.CODE),
    )


def test_lists_are_places() -> None:
    found = parse("3. a\n4. b\n   - [ ] c\n   - [x] d\n\n   e\n")
    assert [block.place for block in found] == [
        Place(1, 0, Marker(MarkerKind.NUMBER, 3)),
        Place(1, 0, Marker(MarkerKind.NUMBER, 4)),
        Place(2, 0, Marker(MarkerKind.TODO)),
        Place(2, 0, Marker(MarkerKind.DONE)),
        Place(1, 0, None),
    ]
    assert [block.spans[0].text for block in found if isinstance(block, Para)] == ["a", "b", "c", "d", "e"]


def test_an_item_that_begins_with_code_keeps_its_marker() -> None:
    assert parse("- ```py\n  x\n  ```") == (
        Para((), Place(1, 0, Marker(MarkerKind.BULLET))),
        Code("x", "py", Place(1)),
    )


def test_code_table_quote_and_rule() -> None:
    assert parse("```py\na\n\nb\n```") == (Code("a\n\nb", "py"),)
    assert parse("```\nstill open") == (Code("still open"),)
    assert parse("> a\n>> b") == (Para((Span("a"),), Place(0, 1)), Para((Span("b"),), Place(0, 2)))
    assert parse("---") == (Rule(),)
    (table,) = parse("| a | b |\n|:--|--:|\n| 1 |\n")
    assert table == Table((((Span("a"),), (Span("b"),)), ((Span("1"),), ())), ("left", "right"))


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("$x^2$", "x^2"),
        ("\\(x^2\\)", "x^2"),
        ("a$x$b", "x"),
        ("$a_1 + b_2$.", "a_1 + b_2"),
        ("see $x$ and 5", "x"),
    ],
)
def test_formulas_in_a_line(text: str, tex: str) -> None:
    assert [span.text for span in spans(text) if span.mark == Mark.MATH] == [tex]


@pytest.mark.parametrize("text", ["costs $5 and $10", "$ x $", "\\$x\\$", "$", "$$", "`$x$`", "a $5, b 3$9"])
def test_prices_and_escapes_are_no_formulas(text: str) -> None:
    assert not any(span.mark & (Mark.MATH | Mark.DISPLAY_MATH) for span in spans(text))


@pytest.mark.parametrize("text", ["$$x$$", "$$\nx\n$$", "\\[x\\]", "\\[\nx\n\\]", "$$ x\n$$"])
def test_displayed_formulas(text: str) -> None:
    assert parse(text) == (Formula("x"),)


def test_a_displayed_formula_ends_a_paragraph_and_stops_at_a_blank_line() -> None:
    assert parse("so:\n$$\nx\n$$\nthen") == (Para((Span("so:"),)), Formula("x"), Para((Span("then"),)))
    assert not any(isinstance(block, Formula) for block in parse("$$\nx\n\n$$"))


def test_characters_with_a_meaning_to_the_document_are_made_harmless() -> None:
    assert spans("a\ufffcb\u2029c") == (Span("a\ufffdb\u2028c"),)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("| a | b", Table), ("| a | b |\n|--", Table), ("$$\nx = 1", Formula), ("\\[ x", Formula), ("```py\n$$", Code)],
)
def test_open_ends_are_shown_as_what_they_become(text: str, kind: type) -> None:
    assert isinstance(parse(close_open_ends(text))[-1], kind)


def test_bold_that_is_being_written_is_bold() -> None:
    assert spans(close_open_ends("a **bo"))[-1] == Span("bo", Mark.BOLD)
    assert spans(close_open_ends("a **bo*"))[-1] == Span("bo", Mark.BOLD)
    assert spans(close_open_ends("a `co"))[-1] == Span("co", Mark.CODE)
